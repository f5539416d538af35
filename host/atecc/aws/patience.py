"""What takes AWS some seconds to know everywhere, it denies at first: taking back what was made is asked for again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from atecc.errors import AwsError

# Seconds between the attempts. What was detached a moment ago still counts as attached; what somebody was just allowed
# to do is denied for a while, and what he never was is denied for good.
_PAUSES = {"aws-conflict": (0.5, 1, 2, 4, 8, 8, 8), "aws-denied": (1, 2, 4)}
# A role that was just made can't be assumed at once; a function is updated in one way after the other.
_NEW = {
    "lambda.create_function": {"aws-invalid": (1, 2, 4, 8)},
    "lambda.update_function_code": {"aws-exists": (1, 2, 4, 8)},
    "lambda.update_function_configuration": {"aws-exists": (1, 2, 4, 8)},
}
_TAKING_BACK = ("update_certificate", "detach_policy", "detach_thing_principal", "delete_certificate")

pause = time.sleep


def patiently(operation: str, call: Callable[[], Any]) -> Any:
    """Make the call, and again for as long as waiting may help."""
    patience = _PAUSES if operation in _TAKING_BACK else _NEW.get(operation, {})
    left = {kind: list(pauses) for kind, pauses in patience.items()}
    while True:
        try:
            return call()
        except AwsError as error:
            pauses = left.get(error.kind)
            if not pauses:
                raise
            pause(pauses.pop(0))

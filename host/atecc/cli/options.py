"""Options that several commands have, as one decorator."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def together(*options: Decorator) -> Decorator:
    """These options, in this order in the help."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        return functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), function)

    return decorate

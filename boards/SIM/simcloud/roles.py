"""IAM's roles: moto's, as far as a provisioner makes them, and what the stand-in's other parts ask of them."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from simcloud.access import Environ
from simcloud.model import partition

OPERATIONS = {
    f"{verb}{what}"
    for what, verbs in {
        "Role": ("Create", "Get", "Delete"),
        "RolePolicy": ("Put", "Get", "Delete", "Attach", "Detach"),
    }.items()
    for verb in verbs
} | {"ListRolePolicies", "ListAttachedRolePolicies", "UpdateAssumeRolePolicy", "ListRoles"}
REGISTERS_THINGS = "AWSIoTThingsRegistration"
MANAGED = ("AWSIoTThingsRegistration", "AWSLambdaBasicExecutionRole")


def called(body: bytes) -> str:
    """The Action that a request names."""
    return parse_qs(body.decode(errors="replace")).get("Action", [""])[0]


class Roles:
    """Of one account. moto's IAM is loaded when somebody asks for it."""

    def __init__(self, account: str, region: str) -> None:
        self._account, self._region = account, region
        self._app: Any = None
        self._used: set[str] = set()

    def answer(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if self._app is None:
            from moto.moto_server.werkzeug_app import create_backend_app

            self._app = create_backend_app("iam")
            self._have_managed_policies()
        answered: Iterable[bytes] = self._app(environ, start_response)
        return answered

    def leave(self) -> None:
        if self._app is not None:
            from moto.iam.models import iam_backends

            iam_backends.pop(self._account, None)

    @property
    def _moto(self) -> Any:
        from moto.iam.models import iam_backends

        return iam_backends[self._account][partition(self._region)]

    def _have_managed_policies(self) -> None:
        """The two that are wanted, for moto has none of AWS's unless it is given all of them."""
        from moto.iam.models import AWSManagedPolicy

        now = datetime.now(UTC).isoformat()
        for name in MANAGED:
            data = {
                "DefaultVersionId": "v1", "Path": "/service-role/", "CreateDate": now, "UpdateDate": now,
                "Document": {"Version": "2012-10-17", "Statement": []},
            }  # fmt: skip
            made = AWSManagedPolicy.from_data(name, self._account, self._region, data)
            self._moto.managed_policies[made.arn] = made

    def _role(self, arn: str) -> Any:
        if self._app is None:
            return None
        return next((role for role in self._moto.roles.values() if role.arn == arn), None)

    def trusts(self, arn: str, service: str) -> bool:
        """Whether there is such a role, which the service may assume."""
        role = self._role(arn)
        return role is not None and any(
            one.get("Effect") == "Allow"
            and service in listed(one.get("Principal", {}).get("Service", []))
            and "sts:AssumeRole" in listed(one.get("Action", []))
            for one in statements(role.assume_role_policy_document)
        )

    def is_known_everywhere(self, arn: str) -> bool:
        """A role that was just made can't be assumed at once: here not when it is first tried."""
        first = arn not in self._used
        self._used.add(arn)
        return not first

    def registers_things(self, arn: str) -> bool:
        role = self._role(arn)
        managed = f"arn:{partition(self._region)}:iam::aws:policy/service-role/{REGISTERS_THINGS}"
        return role is not None and managed in role.managed_policies

    def may(self, arn: str) -> tuple[str, ...]:
        """What its own policies allow at AWS IoT: names of operations, as the gate has them."""
        role = self._role(arn)
        found = [one for text in role.policies.values() for one in statements(text)] if role else []
        actions = [a for one in found if one.get("Effect") == "Allow" for a in listed(one.get("Action", []))]
        here = [action.replace("iotjobsdata:", "iot:iot-jobs-data:") for action in actions]
        here = ["iot:iotdata:Publish" if action == "iot:Publish" else action for action in here]
        return tuple(action.removeprefix("iot:") for action in here if action.startswith("iot:"))


def statements(document: Any) -> list[dict[str, Any]]:
    parsed = json.loads(document) if isinstance(document, str) else document
    found = parsed.get("Statement", [])
    return found if isinstance(found, list) else [found]


def listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]

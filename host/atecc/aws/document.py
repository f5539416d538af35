"""A policy document of somebody's own: is it one, and does it let the device connect?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from atecc.bounded import parse
from atecc.errors import CertificateError
from atecc.x509.keyfile import read_file

LARGEST = 2048  # characters without white space (AWS IoT Core quotas)
VERSIONS = ("2012-10-17", "2008-10-17")
CONNECT = "iot:Connect"
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_LITERALS = {"*": "*", "?": "?", "$": "$"}


def read_document(path: Path) -> dict[str, Any]:
    """A policy from a file, if it is one as far as can be seen from here."""
    document = _json(path)
    if isinstance(document, dict) and "policyDocument" in document:
        raise CertificateError(
            f"{path} is what `aws iot get-policy` prints: the policy is the text in its policyDocument.",
            f"`aws iot get-policy --policy-name NAME --query policyDocument --output text > {path}`",
        )
    why = _why_no_policy(document)
    if why:
        raise CertificateError(
            f"{path} is not a policy document: {why}.",
            'One has "Version": "2012-10-17" and a "Statement" with Effect, Action and Resource.',
        )
    if size(document) > LARGEST:
        raise CertificateError(
            f"The policy in {path} has {size(document)} characters: AWS IoT takes {LARGEST} at most, white space "
            "not counted."
        )
    return dict(document)


def size(document: dict[str, Any]) -> int:
    """As AWS counts."""
    return len(json.dumps(document, separators=(",", ":")))


def _json(path: Path) -> Any:
    data = read_file(path, "the policy")
    codec = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return parse(data.decode(codec))
    except ValueError as error:
        raise CertificateError(f"{path} is not JSON: {error}.") from error


def _why_no_policy(document: Any) -> str:
    if not isinstance(document, dict):
        return "it is not an object"
    if document.get("Version") not in VERSIONS:
        return f'its "Version" is {json.dumps(document.get("Version"))}'
    if not _statements(document):
        return 'it has no "Statement"'
    return next((why for one in _statements(document) if (why := _why_no_statement(one))), "")


def _why_no_statement(statement: Any) -> str:
    if not isinstance(statement, dict):
        return "one of its statements is not an object"
    if statement.get("Effect") not in ("Allow", "Deny"):
        return 'a statement lacks an "Effect" of Allow or Deny'
    missing = [part for part in ("Action", "Resource") if not _texts(statement.get(part))]
    return f'a statement lacks "{missing[0]}"' if missing else ""


def _statements(document: dict[str, Any]) -> list[Any]:
    found = document.get("Statement") or []
    return found if isinstance(found, list) else [found]


def _texts(value: Any) -> list[str]:
    """One text or a list of them; nothing if it is anything else."""
    listed = value if isinstance(value, list) else [value]
    return listed if listed and all(isinstance(one, str) for one in listed) else []


def may_connect(document: dict[str, Any], client_id: str, thing: str) -> bool | None:
    """Whether a policy lets this thing's certificate connect with this client ID; None if only AWS can tell."""
    allowed: bool | None = False
    for effect, applies in _connecting(document, client_id, thing):
        if effect == "Deny" and applies:
            return False
        if applies is None or effect == "Deny":
            allowed = None if applies is None else allowed
        elif applies and allowed is not None:
            allowed = True
    return allowed


def _connecting(document: dict[str, Any], client_id: str, thing: str) -> Iterator[tuple[str, bool | None]]:
    """(effect, whether it applies) of each statement about iot:Connect."""
    for statement in _statements(document):
        if not isinstance(statement, dict):
            continue
        actions = _texts(statement.get("Action"))
        if not any(_like(action.lower(), CONNECT.lower()) for action in actions):
            continue
        matches = [_resource(one, client_id, thing) for one in _texts(statement.get("Resource"))]
        matched = True if True in matches else None if None in matches else False
        holds = _condition(statement.get("Condition"), client_id == thing)
        yield str(statement.get("Effect")), False if False in (matched, holds) else matched and holds


def _condition(condition: Any, is_the_thing: bool) -> bool | None:
    """Only one condition is understood here: whether the thing of this name is attached to the certificate."""
    if not condition:
        return True
    name = "iot:Connection.Thing.IsAttached"
    return is_the_thing if condition in ({"Bool": {name: "true"}}, {"Bool": {name: ["true"]}}) else None


def _resource(resource: str, client_id: str, thing: str) -> bool | None:
    """AWS takes the thing's name from the client ID: with another one, there is no thing."""
    known = {"iot:ClientId": client_id}
    if client_id == thing:
        known |= {"iot:Connection.Thing.ThingName": thing}
    unknown = {name for name in _VARIABLE.findall(resource) if name not in (*known, *_LITERALS)}
    if unknown == {"iot:Connection.Thing.ThingName"}:
        return False
    if unknown:
        return None
    parts = resource.split(":", 5)
    if len(parts) == 6:
        parts[1:2] = ["*"]
        parts[3:5] = ["*", "*"]
    pattern = _VARIABLE.sub(
        lambda match: _marked(known.get(match[1], _LITERALS.get(match[1], ""))), ":".join(parts)
    )
    return _like(pattern, f"arn:aws:iot:region:account:client/{client_id}")


def _marked(text: str) -> str:
    """Characters that a variable stands for are themselves, wildcards or not."""
    return text.replace("*", "\0").replace("?", "\1")


def _like(pattern: str, text: str) -> bool:
    parts = {"*": ".*", "?": ".", "\0": r"\*", "\1": r"\?"}
    return bool(re.fullmatch("".join(parts.get(c, re.escape(c)) for c in pattern), text, re.DOTALL))

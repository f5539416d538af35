"""Calls to AWS that are going to be made, as somebody reads them who is asked whether they may be."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

WIDTH = 79
TOGETHER = "\N{NO-BREAK SPACE}"
# What a call is about, by the parameter that names it.
KINDS = {"RoleName": "role", "FunctionName": "function", "policyName": "policy", "ruleName": "topic rule",
         "templateName": "provisioning template"}  # fmt: skip
DOCUMENTS = ("AssumeRolePolicyDocument", "PolicyDocument", "policyDocument")

Params = dict[str, Any]


def named(action: str) -> str:
    """With the service that it is of."""
    return action if ":" in action else f"iot:{action}"


def raw(action: str, params: Params) -> str:
    """A call on a line; a zip is no reading."""

    def plain(value: Any) -> str:
        return f"{len(value)} bytes" if isinstance(value, bytes) else str(value)

    return f"{named(action)} {json.dumps(params, sort_keys=True, default=plain)}"


def readable(calls: list[tuple[str, Params]], purposes: Mapping[str, str]) -> Iterator[str]:
    """Lines: each part with what it is for (by its name, if that is known), and what is done with it."""
    for part, group in groupby(calls, lambda call: _part(call[1])):
        kind, name = part
        yield f"{kind} {name}" + (f": {purposes[name]}" if name in purposes else "")
        for action, params in group:
            said = {key: value for key, value in params.items() if key not in KINDS}
            lines = list(_documents(said))
            rest = ", ".join(_leaves({key: value for key, value in said.items() if key not in _READ}))
            yield from _wrapped(f"{named(action)}{f' {rest}' if rest else ''}", 2)
            for line in lines:
                yield from _wrapped(line, 4)


def _part(params: Params) -> tuple[str, str]:
    return next(((kind, str(params[key])) for key, kind in KINDS.items() if key in params), ("account", ""))


def _wrapped(line: str, indent: int) -> list[str]:
    deeper = indent + len(line) - len(line.lstrip())
    found = textwrap.wrap(
        line.strip(),
        WIDTH,
        initial_indent=" " * deeper,
        subsequent_indent=" " * (deeper + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [one.replace(TOGETHER, " ") for one in found]


# Documents in a call

_READ = (*DOCUMENTS, "templateBody", "Principal", "Action", "SourceArn", "SourceAccount", "StatementId")


def _documents(said: Params) -> Iterator[str]:
    for key in DOCUMENTS:
        if key in said:
            for statement in json.loads(said[key])["Statement"]:
                yield from _statement(statement)
    if "templateBody" in said:
        yield from _template(json.loads(said["templateBody"]))
    if "Principal" in said:  # a function's permission
        yield f"{said['Principal']} may {said['Action']} for {_short(said['SourceArn'])}"


def _statement(statement: Params) -> Iterator[str]:
    """Who may do what on what, and when."""
    who = (statement.get("Principal") or {}).get("Service", "")
    may = "may" if statement["Effect"] == "Allow" else "may not"
    does = f"{who} {may} {', '.join(_listed(statement['Action']))}".strip()
    resources = [_short(one) for one in _listed(statement.get("Resource", []))]
    if resources == ["*"]:
        resources = ["anything"]
    if len(resources) == 1:
        yield f"{does} on {resources[0]}"
    else:
        yield f"{does} on" if resources else does
        yield from (f"  {one}" for one in resources)
    for conditions in (statement.get("Condition") or {}).values():
        yield from (f"  if {name} is {value}" for name, value in conditions.items())


def _template(body: Params) -> Iterator[str]:
    """What becomes of a device."""
    for name, one in body["Resources"].items():
        more = ", ".join(_leaves({key: value for key, value in one.items() if key != "Type"}))
        yield f"{name} ({one['Type']}): {more}"


def _leaves(value: Any, name: str = "") -> Iterator[str]:
    """Of what is nested: each value, with the name that it has there."""
    if isinstance(value, dict) and set(value) == {"Ref"}:
        yield f"{name} = the device's {value['Ref']}".replace(" ", TOGETHER)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, name)
    else:
        text = f"{len(value)} bytes" if isinstance(value, bytes) else _short(str(value))
        both = f"{name} = {text}"
        yield both.replace(" ", TOGETHER) if len(both) < WIDTH // 2 else both


def _short(text: str) -> str:
    """An ARN without partition, service, region and account."""
    return text.split(":", 5)[5] if text.startswith("arn:") and text.count(":") >= 5 else text


def _listed(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]

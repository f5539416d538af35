"""AWS IoT policies: read strictly, evaluated for one request at a time. Pure functions over plain values.

Whatever this can't evaluate (operators, elements) is malformed here, even where AWS would take it: a policy
that is accepted is a policy that is enforced.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

VERSION = "2012-10-17"
MAX_CHARACTERS = 2048  # without white space
STATEMENT_KEYS = {"Sid", "Effect", "Action", "Resource", "Condition"}
ACTION = re.compile(r"\*|[a-z0-9-]+:[A-Za-z*?]+")
RESOURCE = re.compile(r"\*|arn:[^:]*:[^:]*:[^:]*:[^:]*:.+", re.DOTALL)
TOKEN = re.compile(r"\$\{([^}]*)\}|(\*)|(\?)|([^*?$]+|\$)", re.DOTALL)
LITERALS = {"*", "?", "$"}  # ${*} is a plain asterisk


class MalformedPolicy(Exception):
    """What is wrong with the document."""


@dataclass(frozen=True)
class Condition:
    operator: str
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Statement:
    allow: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Request:
    """What a client wants: iot:Publish on arn:aws:iot:REGION:ACCOUNT:topic/x, with what is known about it.

    A variable that can't be resolved (the thing's name where no thing is attached) isn't in `variables`.
    """

    action: str
    resource: str
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    allowed: bool
    reason: str


# --- evaluation


def evaluate(policies: Mapping[str, Iterable[Statement]], request: Request) -> Verdict:
    """`policies` by name. A Deny anywhere wins; without any Allow the answer is no."""
    allowing = None
    for name, statements in policies.items():
        for statement in statements:
            if not applies(statement, request):
                continue
            if not statement.allow:
                return Verdict(False, f"policy {name} denies {request.action} on {request.resource}")
            allowing = allowing or name
    if allowing:
        return Verdict(True, f"policy {allowing}")
    attached = ", ".join(policies) or "none"
    return Verdict(
        False, f"no policy allows {request.action} on {request.resource} (policies attached: {attached})"
    )


def applies(statement: Statement, request: Request) -> bool:
    return (
        any(matches(pattern, request.action, {}, re.IGNORECASE) for pattern in statement.actions)
        and any(matches(pattern, request.resource, request.variables) for pattern in statement.resources)
        and all(holds(condition, request.variables) for condition in statement.conditions)
    )


def matches(pattern: str, text: str, variables: Mapping[str, str], flags: int = 0) -> bool:
    """`*` and `?` are wildcards in the pattern, never in what a variable brings in."""
    expression = ""
    for variable, many, one, plain in TOKEN.findall(pattern):
        if many or one:
            expression += ".*" if many else "."
        elif plain:
            expression += re.escape(plain)
        elif variable in LITERALS:
            expression += re.escape(variable)
        elif variable in variables:
            expression += re.escape(variables[variable])
        else:
            return False  # a variable without a value matches nothing
    return re.fullmatch(expression, text, re.DOTALL | flags) is not None


Operator = Callable[[str, str, Mapping[str, str]], bool]


def equal(expected: str, actual: str, variables: Mapping[str, str]) -> bool:
    return substituted(expected, variables) == actual


def equal_ignoring_case(expected: str, actual: str, variables: Mapping[str, str]) -> bool:
    value = substituted(expected, variables)
    return value is not None and value.casefold() == actual.casefold()


OPERATORS: dict[str, Operator] = {
    "Bool": equal_ignoring_case,
    "StringEquals": equal,
    "StringEqualsIgnoreCase": equal_ignoring_case,
    "StringLike": matches,
}
NEGATED: dict[str, Operator] = {
    "StringNotEquals": equal,
    "StringNotEqualsIgnoreCase": equal_ignoring_case,
    "StringNotLike": matches,
}


def substituted(text: str, variables: Mapping[str, str]) -> str | None:
    """With every ${…} replaced, or None if one of them has no value."""
    names = re.findall(r"\$\{([^}]*)\}", text)
    if not all(name in variables or name in LITERALS for name in names):
        return None
    return re.sub(r"\$\{([^}]*)\}", lambda match: variables.get(match[1], match[1]), text)


def holds(condition: Condition, variables: Mapping[str, str]) -> bool:
    """One of the values is enough; of a negated operator none may match, and a missing key satisfies it."""
    actual = variables.get(condition.key)
    if condition.operator in NEGATED:
        match = NEGATED[condition.operator]
        return actual is None or not any(match(value, actual, variables) for value in condition.values)
    match = OPERATORS[condition.operator]
    return actual is not None and any(match(value, actual, variables) for value in condition.values)


# --- reading


@lru_cache(maxsize=256)
def parse(document: str) -> tuple[Statement, ...]:
    """Raises MalformedPolicy."""
    if len(re.sub(r"\s", "", document)) > MAX_CHARACTERS:
        raise MalformedPolicy(f"it's longer than {MAX_CHARACTERS} characters")
    try:
        policy = json.loads(document, object_pairs_hook=without_duplicates)
    except ValueError as error:
        raise MalformedPolicy(f"it isn't JSON: {error}") from None
    if not isinstance(policy, dict) or policy.keys() - {"Version", "Id", "Statement"}:
        raise MalformedPolicy("it has to be an object of Version and Statement")
    if policy.get("Version") != VERSION:
        raise MalformedPolicy(f"Version has to be {VERSION}")
    statements = policy.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise MalformedPolicy("Statement is missing or empty")
    return tuple(parse_statement(statement) for statement in statements)


def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise MalformedPolicy("a key stands twice in one object")
    return dict(pairs)


def parse_statement(statement: object) -> Statement:
    if not isinstance(statement, dict) or statement.keys() - STATEMENT_KEYS:
        raise MalformedPolicy(f"a statement has other elements than {', '.join(sorted(STATEMENT_KEYS))}")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise MalformedPolicy("Effect has to be Allow or Deny")
    return Statement(
        allow=statement["Effect"] == "Allow",
        actions=patterns(statement, "Action", ACTION),
        resources=patterns(statement, "Resource", RESOURCE),
        conditions=parse_conditions(statement.get("Condition", {})),
    )


def patterns(statement: dict[str, Any], element: str, valid: re.Pattern[str]) -> tuple[str, ...]:
    values = strings(statement.get(element, []))
    if not values:
        raise MalformedPolicy(f"{element} is missing or empty")
    wrong = [value for value in values if not valid.fullmatch(value)]
    if wrong:
        raise MalformedPolicy(f"the following {element.lower()}s are invalid: {', '.join(wrong)}")
    return values


def strings(value: object) -> tuple[str, ...]:
    """One string or a list of them; JSON's true and false count as theirs."""
    values: list[Any] = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str | bool) for each in values):
        raise MalformedPolicy(f"{value} isn't a string or a list of strings")
    return tuple(str(each).lower() if isinstance(each, bool) else each for each in values)


def parse_conditions(conditions: object) -> tuple[Condition, ...]:
    if not isinstance(conditions, dict):
        raise MalformedPolicy("Condition isn't an object")
    found = []
    for operator, keys in conditions.items():
        if operator not in OPERATORS and operator not in NEGATED:
            raise MalformedPolicy(f"the stand-in doesn't evaluate the operator {operator}")
        if not isinstance(keys, dict):
            raise MalformedPolicy(f"{operator} isn't an object")
        found += [Condition(operator, key, strings(values)) for key, values in keys.items()]
    return tuple(found)

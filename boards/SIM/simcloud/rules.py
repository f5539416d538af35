"""Topic rules with a Lambda function as their action: their SQL, as far as `SELECT what AS name, … FROM 'filter'` goes,
and what it gives of a message.

Whatever this can't read (WHERE, nested expressions) is malformed here, even where AWS would take it. A rule hears what
is published by clients; below $aws/ it hears nothing, for what goes to AWS's own services doesn't pass by it.
"""

import json
import re
import time
from dataclasses import dataclass
from typing import Any

from simcloud.functions import LONGEST_SECONDS, Functions
from simcloud.journal import Decision, Journal
from simcloud.model import AwsError
from simcloud.own import Handler
from simcloud.registry import Registry
from simcloud.services import Sender, Services

SQL = re.compile(r"\s*SELECT\s+(?P<what>.+?)\s+FROM\s+'(?P<filter>[^']+)'\s*", re.IGNORECASE | re.DOTALL)
PART = re.compile(r"(?P<value>\w+(\(\d*\))?)(\s+AS\s+(?P<name>\w+))?", re.IGNORECASE)
FUNCTION = re.compile(r"(?P<function>\w+)\((?P<argument>\d*)\)")
FUNCTIONS = ("topic", "clientid", "principal", "timestamp")
RESERVED = "$"


IOT = "iot.amazonaws.com"
NAME = re.compile(r"[a-zA-Z0-9_]{1,128}")


class MalformedSql(Exception):
    """What is wrong with a rule's statement."""


@dataclass(frozen=True)
class Message:
    topic: str
    payload: bytes
    client_id: str
    certificate_id: str


@dataclass(frozen=True)
class Rule:
    filter: str
    parts: tuple[tuple[str, str], ...]  # (name, what)

    def takes(self, topic: str) -> bool:
        return not topic.startswith(RESERVED) and is_of(self.filter, topic)

    def select(self, message: Message) -> dict[str, Any]:
        """What is undefined is left out."""
        try:
            document = json.loads(message.payload)
        except ValueError:
            document = None
        found = {}
        for name, what in self.parts:
            value = _value(what, message, document if isinstance(document, dict) else {})
            if value is not None:
                found[name] = value
        return found


def parse(sql: str) -> Rule:
    found = SQL.fullmatch(sql)
    if not found:
        raise MalformedSql("it is not SELECT … FROM 'filter'")
    parts = []
    for text in found["what"].split(","):
        part = PART.fullmatch(text.strip())
        function = FUNCTION.fullmatch(part["value"]) if part else None
        if not part or (function and function["function"].lower() not in FUNCTIONS):
            raise MalformedSql(f"the stand-in doesn't know {text.strip()}")
        if function and not part["name"]:
            raise MalformedSql(f"{text.strip()} needs a name: AS")
        parts.append((part["name"] or part["value"], part["value"]))
    return Rule(found["filter"], tuple(parts))


def is_of(pattern: str, topic: str) -> bool:
    wanted, levels = pattern.split("/"), topic.split("/")
    if wanted[-1] == "#":
        wanted, levels = wanted[:-1], levels[: len(wanted) - 1]
    return len(wanted) == len(levels) and all(
        w in ("+", level) for w, level in zip(wanted, levels, strict=True)
    )


def _value(what: str, message: Message, document: dict[str, Any]) -> Any:
    function = FUNCTION.fullmatch(what)
    if not function:
        return document.get(what)
    match function["function"].lower():
        case "clientid":
            return message.client_id
        case "principal":
            return message.certificate_id
        case "timestamp":
            return int(time.time() * 1000)
    levels = message.topic.split("/")
    number = int(function["argument"] or 0)
    if not number:
        return message.topic
    return levels[number - 1] if number <= len(levels) else None


class Rules:
    """Of one account. A rule whose function may not be invoked, or raises, says so in the journal alone."""

    def __init__(
        self, registry: Registry, functions: Functions, services: Services, journal: Journal
    ) -> None:
        self._registry = registry
        self._functions = functions
        self._services = services
        self._journal = journal
        self._rules: dict[str, tuple[dict[str, Any], Rule]] = {}
        services.rules = self._heard
        self.handlers: dict[str, Handler] = {
            "CreateTopicRule": lambda params: self._put(params, new=True),
            "ReplaceTopicRule": lambda params: self._put(params, new=False),
            "GetTopicRule": self._get,
            "ListTopicRules": self._list,
            "DeleteTopicRule": lambda params: self._rules.pop(params["ruleName"], None) and None,
        }

    def _put(self, params: dict[str, Any], new: bool) -> None:
        name, payload = params["ruleName"], params["topicRulePayload"]
        if not NAME.fullmatch(name):
            raise AwsError("InvalidRequestException", f"ruleName {name} is not possible")
        if new and name in self._rules:
            raise AwsError("ResourceAlreadyExistsException", f"Rule already exists, Rule Name: {name}")
        if not new:
            self._find(name)
        if not payload.get("actions") or any(set(one) != {"lambda"} for one in payload["actions"]):
            raise AwsError("InvalidRequestException", "The stand-in's rules have Lambda functions as actions")
        try:
            self._rules[name] = payload, parse(payload["sql"])
        except MalformedSql as problem:
            raise AwsError("SqlParseException", f"SQL is malformed: {problem}") from problem

    def _find(self, name: str) -> tuple[dict[str, Any], Rule]:
        if name not in self._rules:  # of a rule that is not there AWS says no more than that
            raise AwsError("UnauthorizedException", f"Access to topic rule '{name}' was denied")
        return self._rules[name]

    def _get(self, params: dict[str, Any]) -> dict[str, Any]:
        name = params["ruleName"]
        payload, _ = self._find(name)
        shown = {"ruleDisabled": False} | payload | {"ruleName": name}
        return {"ruleArn": self._arn(name), "rule": shown}

    def _list(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"rules": [{"ruleName": name, "ruleArn": self._arn(name)} for name in sorted(self._rules)]}

    def _arn(self, name: str) -> str:
        return self._registry.arn(f"rule/{name}")

    def _heard(self, sender: Sender, topic: str, payload: bytes) -> None:
        message = Message(topic, payload, sender.client_id, sender.certificate_id)
        for name, (settings, rule) in list(self._rules.items()):
            if rule.takes(topic) and not settings.get("ruleDisabled"):
                for action in settings["actions"]:
                    arn = action["lambda"]["functionArn"]
                    self._services.run(self._invoke, name, arn, message, rule.select(message))

    def _invoke(self, name: str, arn: str, message: Message, event: dict[str, Any]) -> None:
        if not self._functions.may_invoke(arn, IOT, self._arn(name)):
            self._note(name, message, False, f"AWS IoT may not invoke {arn}")
            return
        try:
            answer = self._functions.invoke(arn, event, LONGEST_SECONDS)
        except BaseException as error:
            self._note(name, message, False, f"{arn} raised {error!r}")
        else:
            self._note(name, message, True, json.dumps(answer))

    def _note(self, name: str, message: Message, allowed: bool, reason: str) -> None:
        self._journal.write(Decision(f"rule:{name}", allowed, message.client_id, message.topic, reason))

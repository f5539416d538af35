"""A thing at AWS IoT: whose it is, as its attributes say it, and who is provisioning it right now."""

from __future__ import annotations

import getpass
import os
import re
import secrets
import socket
import time
from dataclasses import dataclass, field
from typing import Any

from atecc import system
from atecc.aws.cloud import Cloud
from atecc.bounded import utc
from atecc.errors import AwsError, RefusedError

# How many a thing may have, without a type and with one (AWS IoT Core quotas).
FEW, MANY = 3, 50
LARGEST = 800
_FORBIDDEN = re.compile(r"[^a-zA-Z0-9_.,@/:#=-]")
CHIP = "chipSerial"
CLAIM = "provisioning"
# A run takes less, even on the slowest chip and with five attempts at each call.
CLAIM_SECONDS = 900


@dataclass(frozen=True)
class Thing:
    """As AWS has it; not yet there without an `arn`."""

    name: str
    arn: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    type: str | None = None
    version: int | None = None

    @property
    def chip(self) -> str | None:
        """The serial number of the chip that was provisioned as this thing last."""
        return self.attributes.get(CHIP)


def look(cloud: Cloud, name: str) -> Thing:
    try:
        got = cloud.ask("describe_thing", thingName=name)
    except AwsError as error:
        if error.kind != "aws-missing":
            raise
        return Thing(name)
    return Thing(
        name, got["thingArn"], dict(got.get("attributes") or {}), got.get("thingTypeName"), got.get("version")
    )


def allowed(text: str) -> str:
    """As an attribute's value may be."""
    return _FORBIDDEN.sub("_", text)[:LARGEST]


# A run's claim


@dataclass(frozen=True)
class Claim:
    """Who provisions a thing, since when; `nonce` tells two runs of one process apart."""

    who: str
    since: int
    nonce: str

    @classmethod
    def mine(cls) -> Claim:
        try:
            user = getpass.getuser()
        except (OSError, KeyError):
            user = "somebody"
        who = allowed(f"{user}@{socket.gethostname()}").replace("/", "_")
        return cls(f"{who}:{os.getpid()}", int(time.time()), secrets.token_hex(4))

    @classmethod
    def read(cls, text: str) -> Claim | None:
        found = re.fullmatch(r"([^/]+)/(\d{1,12})/([0-9a-f]+)", text)
        return cls(found[1], int(found[2]), found[3]) if found else None

    def __str__(self) -> str:
        return f"{self.who}/{self.since}/{self.nonce}"

    def is_over(self, mine: Claim) -> bool:
        """Too old, or of a process of this computer that has ended."""
        host, _, pid = self.who.rpartition(":")
        if host == mine.who.rpartition(":")[0] and pid.isdigit():
            return not system.runs(int(pid)) or int(pid) == os.getpid()
        return not 0 <= time.time() - self.since + CLAIM_SECONDS / 3 <= CLAIM_SECONDS * 4 / 3


def check_free(thing: Thing, mine: Claim) -> None:
    """A RefusedError that says who was first."""
    claim = Claim.read(thing.attributes.get(CLAIM, ""))
    if claim is not None and claim != mine and not claim.is_over(mine):
        host = claim.who.rpartition(":")[0]
        raise RefusedError(
            f"{host} is provisioning the thing {thing.name} right now, since {utc(claim.since)}: that was first.",
            f"Wait until that is done. A run that was killed elsewhere stands in the way for {CLAIM_SECONDS // 60} "
            "minutes.",
        )


def clear_claim(cloud: Cloud, name: str) -> None:
    cloud.change("update_thing", thingName=name, attributePayload={"attributes": {CLAIM: ""}, "merge": True})


# What is written on it


class Label:
    """What a run writes on its thing: its claim first, and in the end which board the thing is.

    `facts` are (name, value), the most important first: a thing without a type has room for three, and attributes that
    are there already stay.
    """

    def __init__(
        self, cloud: Cloud, thing: Thing, facts: list[tuple[str, str]], wanted_type: str | None
    ) -> None:
        self._cloud = cloud
        self._thing = thing
        self._type = wanted_type
        self.claim = Claim.mine()
        self._claimed = False
        typed = wanted_type or thing.type
        ours = {name for name, _ in facts} | {CLAIM}
        self._room = (MANY if typed else FEW) - len(set(thing.attributes) - ours)
        self._facts = [(name, allowed(value)) for name, value in (facts if typed else _joined(facts))]
        self._stale = [name for name in ours if name in thing.attributes]

    @property
    def left_out(self) -> list[str]:
        """For which facts there is no room."""
        return [name for name, _ in self._facts[max(self._room, 0) :]]

    def make(self) -> Thing:
        """The thing, with the claim on it. It is there afterwards, and nobody else's run will touch it."""
        check_free(self._thing, self.claim)
        wanted = self._attributes(claim=True)
        self._claimed = True
        if not self._thing.arn:
            made = self._create(wanted)
        else:
            made = self._thing
            self._update(wanted)
        return made

    def finish(self) -> None:
        """The board is this thing now."""
        self._update(self._attributes(claim=False), versioned=False)
        self._claimed = False

    def release(self) -> None:
        """The board is not: what stood there before, as far as it was changed."""
        if not self._claimed or look(self._cloud, self._thing.name).attributes.get(CLAIM) != str(self.claim):
            return
        before = {name: self._thing.attributes.get(name, "") for name in self._attributes(claim=True)}
        before.pop(CLAIM, None)
        self._update(before | {CLAIM: ""}, versioned=False)
        self._claimed = False

    def _attributes(self, claim: bool) -> dict[str, str]:
        if self._room <= 0:
            return {}
        room = self._room - 1 if claim else self._room
        wanted = dict.fromkeys(self._stale, "") | dict(self._facts[:room])
        return wanted | {CLAIM: str(self.claim) if claim else ""}

    def _create(self, wanted: dict[str, str]) -> Thing:
        attributes = {name: value for name, value in wanted.items() if value}
        params: dict[str, Any] = {
            "thingName": self._thing.name,
            "attributePayload": {"attributes": attributes},
        }
        if self._type:
            params["thingTypeName"] = self._type
        try:
            got = self._cloud.change("create_thing", **params)
        except AwsError as error:
            if error.kind != "aws-exists":
                raise
            # Somebody was faster, or the answer to our own request was lost.
            now = look(self._cloud, self._thing.name)
            check_free(now, self.claim)
            if now.attributes.get(CLAIM) != str(self.claim):
                raise
            return now
        return Thing(self._thing.name, str(got.get("thingArn", "")), attributes, self._type)

    def _update(self, wanted: dict[str, str], versioned: bool = True) -> None:
        params: dict[str, Any] = {"thingName": self._thing.name}
        if wanted:
            params["attributePayload"] = {"attributes": wanted, "merge": True}
        if self._type and self._type != self._thing.type and versioned:
            params["thingTypeName"] = self._type
        if len(params) == 1:
            return
        if versioned and self._thing.version is not None:
            params["expectedVersion"] = self._thing.version
        try:
            self._cloud.change("update_thing", **params)
        except AwsError as error:
            if error.kind != "aws-version":
                raise
            now = look(self._cloud, self._thing.name)
            check_free(now, self.claim)
            if now.attributes.get(CLAIM) != str(self.claim):  # else it was done, and the answer was lost
                raise


def _joined(facts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Three at most, for a thing without a type: what does not fit is joined to the last."""
    head, tail = facts[: FEW - 1], facts[FEW - 1 :]
    return [*head, (tail[0][0], ",".join(value for _, value in tail))] if tail else head


def ensure_type(cloud: Cloud, name: str) -> None:
    try:
        cloud.ask("describe_thing_type", thingTypeName=name)
    except AwsError as error:
        if error.kind != "aws-missing":
            raise
        try:
            cloud.change("create_thing_type", thingTypeName=name)
        except AwsError as late:
            if late.kind != "aws-exists":
                raise


def check_groups(cloud: Cloud, groups: list[str]) -> None:
    """A RefusedError for a group that is not there: nobody's typing error makes one."""
    for group in groups:
        try:
            cloud.ask("describe_thing_group", thingGroupName=group)
        except AwsError as error:
            if error.kind != "aws-missing":
                raise
            raise RefusedError(
                f"There is no thing group {group} in this account and region.",
                f"`aws iot create-thing-group --thing-group-name {group}` makes it.",
            ) from error


def join(cloud: Cloud, thing: str, groups: list[str]) -> None:
    for group in groups:
        cloud.change("add_thing_to_thing_group", thingGroupName=group, thingName=thing)

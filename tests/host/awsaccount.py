"""One thing at the stand-in for AWS IoT, and how disk, device and cloud agree about it."""

import itertools
import os
from pathlib import Path

import boto3

NAMES = (f"thing-{number}" for number in itertools.count())


class Account:
    """One thing in the stand-in, as somebody sees it who looks in from beside."""

    def __init__(self, stand_in):
        self.faults = stand_in.faults
        self.stand_in = stand_in
        self.iot = boto3.Session().client("iot")
        self.thing = next(NAMES)
        self.before = set(self._all())

    def _all(self):
        registry = self.stand_in._registry
        with registry.lock:
            return {name: one.status for name, one in registry.certificates.items()}

    @property
    def certificates(self):
        """Of this test: status by ID."""
        return {name: status for name, status in self._all().items() if name not in self.before}

    @property
    def attributes(self):
        return self.iot.describe_thing(thingName=self.thing)["attributes"]

    def called(self, since=0):
        """What was done, operation by operation."""
        return [one.action for one in self.stand_in.decisions[since:] if one.allowed]


def used(board):
    """The ID of the certificate that the board connects with."""
    return board.records[board.active]["sha256"] if board.active else None


def journal():
    return sorted(Path(os.environ["XDG_STATE_HOME"]).rglob("*.json"))


def in_order(account, board, retired=()):
    """Disk, device and cloud agree: the board's own certificate counts, the ones before are there, and no others."""
    wanted = {used(board): "ACTIVE"} if used(board) else {}
    assert account.certificates == wanted | dict.fromkeys(retired, "INACTIVE")
    assert journal() == []
    try:
        assert "provisioning" not in account.attributes
    except account.iot.exceptions.ResourceNotFoundException:
        assert not board.active
    return True

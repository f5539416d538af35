"""A fleet of simulated devices rotates through one job, some failing on purpose; what came of it, in figures."""

import json
import os
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import boto3
from atecc.aws import fleet as fleets
from atecc.aws import rotation
from atecc.aws.cloud import Cloud as Account
from atecc.aws.policy import DEFAULT_NAME
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from fleet.board import BEGIN, COMMIT, DEVICES, FAIL, SEEN, START
from fleet.chips import FIRST_ADDRESS, Chips
from mpremote.transport import TransportError
from repl import Repl
from simboard import Board
from simchip.server import Server, parse_endpoint
from simcloud import Cloud
from simcloud.faults import ApiError

A_BOARD = 8  # devices: a board has ten sockets
GROUP = "fleet"
PER_MINUTE = 60  # what the stand-in, which is one process, keeps up with
PATIENCE_SECONDS = 300
HEAP, IDF_HEAP = "8m", "16m"
HOUR = 3600


@dataclass
class Result:
    devices: int
    connected: int
    renewed: int
    failures: list[rotation.Failure]
    wanted: list[str]  # the things that were to fail
    certificates: Counter[str]  # by status, when all tokens have ended
    orphans: list[str]  # IDs of active certificates that no device has
    seconds: dict[str, float] = field(default_factory=dict)
    calls: dict[str, float] = field(default_factory=dict)


class Fleet:
    def __init__(self, cloud: Cloud, stack: ExitStack, count: int) -> None:
        self.cloud = cloud
        self.names = [f"device-{number}" for number in range(count)]
        self._stack = stack
        self.boards = {
            start: self._board(self.names[start : start + A_BOARD]) for start in range(0, count, A_BOARD)
        }

    def _board(self, names: list[str]) -> Repl:
        """One process that is these devices."""
        folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="fleet-")))
        server = Server(Chips(len(names)), parse_endpoint(f"unix:{folder}/chips"))  # type: ignore[arg-type]
        self._stack.callback(server.stop)
        threading.Thread(target=server.serve).start()
        board = Board(bus=str(server.endpoint), heap=HEAP, idf_heap=IDF_HEAP)
        repl = Repl(self._stack.enter_context(board).port, alone=True)
        self._stack.callback(repl.close)
        root = ssl.PEM_cert_to_DER_cert(self.cloud.server_ca_file.read_text())
        given = {
            "address": FIRST_ADDRESS, "host": self.cloud.broker_host, "port": self.cloud.broker_port,
            "ca": root.hex(), "now": int(time.time()), "names": names,
        }  # fmt: skip
        repl.run(DEVICES, given)
        return repl

    def on_each(self, work: Callable[[int, Repl], None]) -> None:
        """On all boards at once."""
        threads = [threading.Thread(target=work, args=one) for one in self.boards.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def provision(self, iot: Any) -> None:
        """As `atecc provision aws` leaves a device."""

        def work(start: int, repl: Repl) -> None:
            certificates = []
            for number, request in enumerate(repl.value(BEGIN)):
                csr = x509.load_der_x509_csr(bytes.fromhex(request)).public_bytes(Encoding.PEM).decode()
                name = self.names[start + number]
                certificates.append(self._certify(iot, name, csr))
            repl.run(COMMIT, certificates)

        self.on_each(work)

    @staticmethod
    def _certify(iot: Any, name: str, csr: str) -> str:
        made = iot.create_certificate_from_csr(certificateSigningRequest=csr, setAsActive=True)
        arn = made["certificateArn"]
        iot.create_thing(thingName=name)
        iot.add_thing_to_thing_group(thingGroupName=GROUP, thingName=name)
        iot.attach_policy(policyName=DEFAULT_NAME, target=arn)
        iot.attach_thing_principal(thingName=name, principal=arn, thingPrincipalType="EXCLUSIVE_THING")
        return ssl.PEM_cert_to_DER_cert(made["certificatePem"]).hex()

    def start(self) -> None:
        self.on_each(lambda start, repl: repl.run(START) and None)
        self.until(lambda seen: all(state == "connected" for _, state, *_ in seen))

    def seen(self) -> list[list[Any]]:
        """[name, the link's state, the active identity, the SHA-256 of its certificate] of each device."""
        return [one for repl in self.boards.values() for one in _asked(repl)]

    def until(self, so: Callable[[list[list[Any]]], bool]) -> list[list[Any]]:
        limit = time.monotonic() + PATIENCE_SECONDS
        while not so(seen := self.seen()):
            if time.monotonic() > limit:
                raise TimeoutError(Counter(state for _, state, *_ in seen))
            time.sleep(0.5)
        return seen


def _asked(repl: Repl) -> list[list[Any]]:
    """A chip that slept in the middle of a handshake, for the computer was busy, makes MicroPython print that."""
    try:
        found: list[list[Any]] = repl.value(SEEN)
    except (TransportError, ValueError):
        repl._transport.enter_raw_repl(soft_reset=False)
        found = repl.value(SEEN)
    return found


def forbid(iot: Any, thing: str) -> None:
    """It may not ask for a certificate: AWS hangs up."""
    statement = {
        "Effect": "Deny",
        "Action": "iot:Publish",
        "Resource": "arn:aws:iot:*:*:topic/$aws/certificates/*",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iot.create_policy(policyName="forbids", policyDocument=document)
    arn = iot.list_thing_principals(thingName=thing)["principals"][0]
    iot.attach_policy(policyName="forbids", target=arn)


def rotate(count: int) -> Result:
    """Three fail: the first may not ask for a certificate, in the second somebody provisions something else, and AWS
    rejects whoever is the first to register (an ordered fault)."""
    seconds: dict[str, float] = {}
    with Cloud() as cloud, ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, cloud.environment()))
        began = time.monotonic()
        iot, account = boto3.Session().client("iot"), Account()
        fleets.set_up(account, fleets.Fleet())
        iot.create_thing_group(thingGroupName=GROUP)
        fleet = Fleet(cloud, stack, count)
        fleet.provision(iot)
        fleet.start()
        seconds["provisioned and connected"] = time.monotonic() - began
        forbid(iot, fleet.names[0])
        fleet.boards[0].run(FAIL, {"number": 1})
        cloud.faults.add("mqtt:RegisterThing", ApiError(403, "ACCESS_DENIED", "on purpose"))
        before, began = len(cloud.decisions), time.monotonic()
        account.calls.clear()
        identifier = rotation.start(account, rotation.Order([], [GROUP], fleets.Fleet.template, PER_MINUTE))
        job = rotation.follow(account, identifier, lambda job: None)
        seconds["rotated"] = time.monotonic() - began
        seen = fleet.until(lambda seen: all(state == "connected" for _, state, *_ in seen))
        failed = list(rotation.failures(account, job))
        decided = cloud.decisions[before:]
        cloud.pass_time(HOUR)  # what was never registered is gone
        listed = iot.get_paginator("list_certificates").paginate()
        there = {one["certificateId"]: one["status"] for page in listed for one in page["certificates"]}
        used = {digest for *_, digest in seen}
        return Result(
            devices=count,
            connected=sum(state == "connected" for _, state, *_ in seen),
            renewed=job.counts["succeeded"],
            failures=failed,
            wanted=fleet.names[:2],
            certificates=Counter(there.values()),
            orphans=[one for one, status in there.items() if status == "ACTIVE" and one not in used],
            seconds=seconds,
            calls=_calls(decided, account, count),
        )


def _calls(decided: list[Any], account: Account, count: int) -> dict[str, float]:
    """A device's share, by who calls."""
    api = [one for one in decided if one.action[:1].isupper() or one.action.startswith("iot-jobs-data:")]
    found = Counter(one.who for one in api)
    published = sum(one.action == "publish" for one in decided)
    connected = sum(one.action == "connect" for one in decided)
    return {
        "messages it publishes": published / count,
        "connections": connected / count,
        "calls of the hook": found["atecc-hook"] / count,
        "calls of the function that confirms": found["atecc-confirm"] / count,
        "calls of atecc": sum(account.calls.values()) / count,
    }

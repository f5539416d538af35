"""AWS's own MQTT services behind the broker: a request on a reserved topic is answered on accepted or rejected.

A module that serves topics offers them here (`Services.offer`); provisioning.py is one. What a service answers is for
the connection that has asked, and for it alone, provided that it has subscribed; what `publish` says is for everybody.
"""

import json
import re
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from moto.core.exceptions import JsonRESTError

from simcloud.faults import Faults
from simcloud.journal import Decision, Journal

AT_A_TIME = 4
MOST_OUTGOING = 96 * 1024  # bytes that leave with one tick

Document = dict[str, Any]


class Refused(Exception):
    """Why a request is rejected, by AWS's name and HTTP status."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class Sender:
    """The connection on which a request came."""

    client_id: str
    certificate_id: str


@dataclass(frozen=True)
class Request:
    sender: Sender
    topic: str
    payload: bytes
    parts: dict[str, str] = field(
        default_factory=dict
    )  # the topic's, by the names that the service's pattern has

    @property
    def document(self) -> Document:
        """Its JSON object; Refused if it is none."""
        try:
            found = json.loads(self.payload)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise Refused(400, "InvalidPayload", "The request is not a JSON object")
        return found


Answer = Callable[[Request], Document | None]


@dataclass(frozen=True)
class Service:
    """`answer` gives what goes to accepted (None: nothing is said), or raises Refused; `rejected` words that."""

    name: str
    topic: re.Pattern[str]
    answer: Answer
    rejected: Callable[[Request, Refused], Document]


@dataclass(frozen=True)
class Outgoing:
    client_id: str  # empty: for all that have subscribed
    topic: str
    payload: str


class Services:
    """Requests are answered in threads of their own: the broker goes on meanwhile.

    `faults` is asked by a service's name: an ordered error is its rejection, a lost answer is never sent.
    """

    def __init__(self, faults: Faults, journal: Journal) -> None:
        self._faults = faults
        self._journal = journal
        self._table: list[Service] = []
        self._threads = ThreadPoolExecutor(AT_A_TIME, "simcloud service")
        self._outgoing: deque[Outgoing] = deque()
        self.rules: Callable[[Sender, str, bytes], None] = lambda sender, topic, payload: None
        self.passing: Callable[[], None] = lambda: None  # called again and again, as time passes

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    def offer(
        self,
        name: str,
        topic: str,
        answer: Answer,
        rejected: Callable[[Request, Refused], Document],
    ) -> None:
        """Serve the topics that the expression `topic` matches wholly; its named groups are the request's parts."""
        self._table.append(Service(name, re.compile(topic), answer, rejected))

    def take(self, sender: Sender, topic: str, payload: bytes) -> None:
        """A publish that was allowed. On topics that nobody serves it is a message like any other."""
        for service in self._table:
            if found := service.topic.fullmatch(topic):
                request = Request(sender, topic, payload, found.groupdict())
                self._threads.submit(self._serve, service, request)
                return
        self.rules(sender, topic, payload)

    def run(self, function: Callable[..., None], *args: Any) -> None:
        """In one of the threads that answer."""
        self._threads.submit(function, *args)

    def publish(self, topic: str, document: Document) -> None:
        """A message of AWS's own, for all that have subscribed."""
        self.say(topic, json.dumps(document))

    def say(self, topic: str, payload: str) -> None:
        """A message for all that have subscribed."""
        self._outgoing.append(Outgoing("", topic, payload))

    def outgoing(self) -> list[Outgoing]:
        """What is to be sent now."""
        self.passing()
        found, size = [], 0
        while self._outgoing and size < MOST_OUTGOING:
            found.append(self._outgoing.popleft())
            size += len(found[-1].payload)
        return found

    def _serve(self, service: Service, request: Request) -> None:
        try:
            ending, document = self._answered(service, request)
        except Exception as error:
            self._note(service, request, False, f"the stand-in failed: {error!r}")
            return
        if self._faults.loses(service.name):
            self._note(service, request, True, "done, and the answer is lost")
        elif document is not None:
            message = Outgoing(request.sender.client_id, f"{request.topic}/{ending}", json.dumps(document))
            self._outgoing.append(message)

    def _answered(self, service: Service, request: Request) -> tuple[str, Document | None]:
        try:
            if fault := self._faults.take(service.name):
                raise Refused(fault.status, fault.code, fault.message)
            document = service.answer(request)
        except JsonRESTError as error:
            refused = Refused(int(error.code), str(error.error_type), str(error.message))
        except Refused as error:
            refused = error
        else:
            self._note(service, request, True, "")
            return "accepted", document
        self._note(service, request, False, str(refused))
        return "rejected", service.rejected(request, refused)

    def _note(self, service: Service, request: Request, allowed: bool, reason: str) -> None:
        self._journal.write(Decision(service.name, allowed, request.sender.client_id, request.topic, reason))

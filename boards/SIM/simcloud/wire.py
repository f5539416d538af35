"""Answers the plugin's questions over a socket pair: a packet asks, a packet answers.

A question is a list of fields with a NUL between them, the first its kind; a message's payload, the last, may hold
anything. An answer is `y` or `n`; the one to `tick` also lists, each field after a NUL, whom to cut off (`cut`, client
ID) and what to publish (`publish`, client ID or nothing, QoS, topic, payload). The other end is plugin.c.
"""

import socket
from collections.abc import Callable
from contextlib import suppress
from threading import Thread

from simcloud.journal import Decision, Journal
from simcloud.judge import Judge, Packet

MAX_QUESTION = 1 << 18  # two MQTT strings at their longest, and the small fields
YES, NO = b"y", b"n"
MESSAGE = b"message\0"
KEEP_ALIVE, LOST = "MQTT_KEEP_ALIVE_TIMEOUT", "CONNECTION_LOST"


class Wire:
    """`plugin_end` is the file descriptor to hand to mosquitto."""

    def __init__(self, judge: Judge, journal: Journal) -> None:
        self._judge = judge
        self._journal = journal
        self._ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._kinds: dict[str, Callable[..., bytes]] = {
            "connect": self._connect,
            "publish": self._packet("publish"),
            "subscribe": self._packet("subscribe"),
            "receive": self._packet("receive"),
            "unsubscribe": self._unsubscribe,
            "gone": self._gone,
            "tick": self._tick,
        }
        self._thread = Thread(target=self._serve, name="simcloud broker rules", daemon=True)
        self._thread.start()

    @property
    def plugin_end(self) -> int:
        return self._theirs.fileno()

    def close(self) -> None:
        self._ours.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._ours.close()
        self._theirs.close()

    def _serve(self) -> None:
        # A broker that is stopped while it waits for an answer hears none.
        with suppress(BrokenPipeError):
            while question := self._ours.recv(MAX_QUESTION):
                self._ours.send(self._answer(question))

    def _answer(self, question: bytes) -> bytes:
        """A question that can't be answered is answered with no, and the journal says so."""
        try:
            if question.startswith(MESSAGE):
                return self._message(*question.split(b"\0", 3)[1:])
            kind, *fields = question.decode().split("\0")
            return self._kinds[kind](*fields)
        except Exception as error:
            self._journal.write(Decision("question", False, "-", "", f"the stand-in failed: {error!r}"))
            return NO

    def _connect(
        self, handle: str, certificate_id: str, client_id: str, clean: str, certificate: str
    ) -> bytes:
        self._judge.meet(certificate_id, bytes.fromhex(certificate))
        return YES if self._judge.connect(handle, certificate_id, client_id, clean == "1") else NO

    def _message(self, handle: bytes, topic: bytes, payload: bytes) -> bytes:
        self._judge.message(handle.decode(), topic.decode(), payload)
        return YES

    def _unsubscribe(self, handle: str, _qos: str, _retain: str, _size: str, topic: str) -> bytes:
        self._judge.unsubscribed(handle, topic)
        return YES

    def _packet(self, action: str) -> Callable[..., bytes]:
        def decide(handle: str, qos: str, retain: str, size: str, topic: str) -> bytes:
            packet = Packet(action, topic, int(qos), retain == "1", int(size))
            return YES if self._judge.packet(handle, packet) else NO

        return decide

    def _gone(self, handle: str, reason: str) -> bytes:
        self._judge.gone(handle, {"0": "CLIENT_INITIATED_DISCONNECT", "19": KEEP_ALIVE}.get(reason, LOST))
        return YES

    def _tick(self) -> bytes:
        fields = [part for client_id in self._judge.overdue() for part in ("cut", client_id)]
        for message, qos in self._judge.outgoing():
            fields += ["publish", message.client_id, str(qos), message.topic, message.payload]
        return b"\0".join([YES, *(part.encode() for part in fields)])

"""The MQTT channel: requests on the device's topics, replies to the caller's (README.md, "Over MQTT").

A broker is not believed: a request counts if an operator has signed it. Only where the owner has said that the broker
decides who may call (`rpc.mqtt.unsigned`), others do too.
"""

import _thread
from micropython import const

import uptime
from link.topics import is_text

from .caller import Caller
from .errors import RpcError
from .frame import parse
from .remote import bases
from .signed import MAGIC, Signed

_RECENT = const(16)
_SRC_MAX = const(240)  # `/rpc` follows, and a topic has 256 bytes at most
_CALLER = Caller("mqtt")


def _known(certificate, ca):
    """The operator with this certificate, of the CA with this fingerprint, as a caller."""
    caller = Caller("mqtt", by=ca)
    caller.subject = certificate.subject
    return caller


class Channel:
    """Between `link` and `dispatcher`; `workers` run the requests.

    setting(key) gives a configured value; operators (Operators) verifies who has signed a request, seal (Seal) signs
    the reply.
    """

    def __init__(self, dispatcher, link, workers, setting, operators, seal):
        self._dispatcher = dispatcher
        self._link = link
        self._workers = workers
        self._setting = setting
        self._operators = operators
        self._seal = seal
        self._lock = _thread.allocate_lock()
        self._recent = []
        # Whoever is not let in has cost the chip a signature, or a worker some time. There are two kinds: those who
        # have seen an operator's certificate, and all others, who can't use up what is allowed to the first.
        self._strangers, self._forgers = Allowance(), Allowance()

    @property
    def unsigned(self):
        return self._setting("rpc.mqtt.unsigned")

    def status(self):
        """As Remote.status."""
        listening, why = self._link.serving
        if listening and not self.unsigned:
            why = self._operators.why_none
        return {"enabled": True, "unsigned": self.unsigned, "listening": listening, "why": why}

    # Requests.

    def take(self, topic, message):
        """Have the request run; False if there is no room for it yet. Called by the link's thread."""
        if message[: len(MAGIC)] == MAGIC:
            return self._take_signed(topic, message)
        box = [message]
        if self.unsigned:
            return self._workers.give(self._answer(topic, box))
        return self._allowed(self._strangers, self._refuse(topic, box))

    def _take_signed(self, topic, message):
        try:
            signed = Signed(message)
        except (RpcError, MemoryError):
            return True
        allowance = self._forgers if self._operators.knows(signed) else self._strangers
        return self._allowed(allowance, self._answer_signed(topic, [signed], allowance))

    def _allowed(self, allowance, job):
        """Have `job` run, unless the allowance is used up. Then nobody is told: that would cost as much again."""
        if not allowance.begin():
            return not allowance.left
        given = self._workers.give(job)
        if not given:
            allowance.end()
        return given

    # Generators: job.py.

    def _refuse(self, topic, box):
        self._strangers.end(failed=True)
        gate = _Gate(topic, self._is_new)
        self._send(gate, (yield from self._dispatcher.answer(parse(box.pop()), gate.refuse)))

    def _answer(self, topic, box):
        gate = _Gate(topic, self._is_new)
        self._send(gate, (yield from self._dispatcher.answer(parse(box.pop()), gate.admit)))

    def _answer_signed(self, topic, box, allowance):
        signed = box.pop()
        gate = _Gate(topic, self._is_new)
        digest, key = signed.digest(gate.name), None
        try:
            key = self._seal.key()  # by which the caller knows this device: the request may be to change it
            gate.caller = _known(*self._operators.admit(signed, digest))
        except Exception as e:
            allowance.end(failed=True)
            reply = yield from self._dispatcher.answer((signed.head, e), gate.let_know)
        else:
            allowance.end()
            reply = yield from self._dispatcher.answer(parse(signed.frame), gate.admit)
        if reply is not None and gate.reply_to:
            self._send(gate, self._sealed(reply, digest, key))

    def _sealed(self, reply, digest, key):
        """Without a signature if the chip gives none: who has asked will not believe it, but see it."""
        try:
            return self._seal.close(reply, digest, key)
        except Exception:
            return reply

    def _is_new(self, request, remember=True):
        """Whether this (src, id) was not run lately: with QoS 1 a message may come twice."""
        with self._lock:
            if request in self._recent:
                return False
            if remember:
                self._recent.append(request)
                if len(self._recent) > _RECENT:
                    self._recent.pop(0)
            return True

    def _send(self, gate, reply):
        """It waits for a link that reconnects: the request itself may have been to change the identity."""
        if reply is not None and gate.reply_to:
            self._link.send(gate.reply_to, reply)


class _Gate:
    """Finds where the reply to a request may go; without such a place the request is not run."""

    def __init__(self, topic, is_new):
        self._base = topic[: -len("/rpc")]
        self.name = self._base[len("things/") :] if self._base.startswith("things/") else self._base
        self._is_new = is_new
        self.caller = _CALLER
        self.reply_to = None

    def admit(self, frame):
        place = self._place(frame)
        if place and not self._is_new((frame["src"], frame["id"])):
            raise RpcError("frame", "this request was here before")
        self.reply_to = place
        return self.caller

    def refuse(self, frame):
        self.reply_to = self._place(frame)
        raise RpcError(
            "refused",
            "over MQTT this device wants requests that an operator has signed, as atecc does; the owner can have it"
            " believe the broker instead, over USB (rpc.mqtt.unsigned)",
        )

    def let_know(self, head):
        """To answer with an error: not to a request that was run, and has only come once more."""
        place = self._place(head)
        if place and self._is_new((head["src"], head["id"]), False):
            self.reply_to = place

    def _place(self, frame):
        """The topic for the reply; None where none is wanted."""
        if frame and "id" not in frame:
            return None
        # Elsewhere the device may not be allowed to publish (AWS cuts off who tries), or would talk to devices.
        src = frame.get("src", "")
        if (
            not any(src.startswith(base + "/rpc-resp/") for base in bases(self.name))
            or not is_text(src, _SRC_MAX)
            or "+" in src
            or "#" in src
        ):
            raise RpcError("frame", "src: begins with %s/rpc-resp/, and is part of a topic" % self._base)
        return src + "/rpc"


class Allowance:
    """For what fails: _BURST times at once, then once each _EVERY_MS. What is begun counts until it ends well."""

    _BURST = 5
    _EVERY_MS = 1000

    def __init__(self):
        self._lock = _thread.allocate_lock()
        self._left = self._BURST
        self._begun = 0
        self._filled = uptime.ms()

    def begin(self):
        """Whether one more may be begun, which it then is."""
        with self._lock:
            if self._begun >= self.left:
                return False
            self._begun += 1
            return True

    def end(self, failed=False):
        with self._lock:
            self._begun -= 1
            if failed:
                self._left = max(0, self._left - 1)

    @property
    def left(self):
        more = (uptime.ms() - self._filled) // self._EVERY_MS
        self._left = min(self._BURST, self._left + more)
        self._filled += more * self._EVERY_MS
        return self._left

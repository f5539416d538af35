"""The MQTT channel: requests on the device's topics, replies to the caller's (README.md, "Over MQTT")."""

import select

import _thread
from micropython import const

from link.mqtt import LinkError

from .caller import Caller
from .errors import RpcError
from .frame import parse

# A reply waits for a link that reconnects, for the request itself may have been to change the identity.
_REPLY_TRIES = const(90)
_RECENT = const(16)
_CALLER = Caller("mqtt")

_pause = select.poll()


def topics(name):
    """Where requests for the device with this name arrive."""
    return [base + "/rpc" for base in _bases(name)]


def _bases(name):
    return name, "things/" + name


class Channel:
    """Between `link` and `dispatcher`; `workers` run the requests."""

    def __init__(self, dispatcher, link, workers):
        self._dispatcher = dispatcher
        self._link = link
        self._workers = workers
        self._lock = _thread.allocate_lock()
        self._recent = []
        self.topics = topics

    def take(self, topic, message):
        """Have the request run; False if there is no room for it yet. Called by the link's thread."""
        box = [message]
        return self._workers.give(lambda: self._answer(topic, box))

    def _answer(self, topic, box):
        gate = _Gate(topic, self._is_new)
        reply = self._dispatcher.answer(parse(box.pop()), gate.admit)
        if reply is not None and gate.reply_to:
            self._send(gate.reply_to, reply)

    def _is_new(self, request):
        """Whether this (src, id) was not seen lately: with QoS 1 a message may come twice."""
        with self._lock:
            if request in self._recent:
                return False
            self._recent.append(request)
            if len(self._recent) > _RECENT:
                self._recent.pop(0)
            return True

    def _send(self, topic, reply):
        for _ in range(_REPLY_TRIES):
            try:
                return self._link.publish(topic, reply, 1, False)
            except LinkError:
                _pause.poll(1000)
        return None


class _Gate:
    """Finds where the reply to a request may go; without such a place the request is not run."""

    def __init__(self, topic, is_new):
        self._base = topic[: -len("/rpc")]
        self._is_new = is_new
        self.reply_to = None

    def admit(self, frame):
        src = frame.get("src", "")
        name = self._base[len("things/") :] if self._base.startswith("things/") else self._base
        if "id" in frame or not frame:
            # Elsewhere the device may not be allowed to publish (AWS cuts off who tries), or would talk to devices.
            if (
                not any(src.startswith(base + "/rpc-resp/") for base in _bases(name))
                or "+" in src
                or "#" in src
            ):
                raise RpcError("frame", "src: begins with %s/rpc-resp/" % self._base)
            if not self._is_new((src, frame.get("id"))):
                raise RpcError("frame", "this request was here before")
            self.reply_to = src + "/rpc"
        return _CALLER

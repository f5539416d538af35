"""Frames in, frames out (README.md): finds the method, sees who may call it, runs it, and always answers."""

import json

from micropython import const

from job import complete

from .described import describe
from .errors import RpcError
from .frame import parse
from .params import BENCH, USB, Method, text

_NAME = text(64)
# So many calls of one channel may wait at a time: each takes memory.
_WAITING_MAX = const(8)


class Dispatcher:
    """Methods by name. `source()` gives the device's name for the `src` of replies, `bench()` whether the owner's
    bench permission is on; `waiting` keeps the channels of the calls that wait, for longer than this one lives."""

    def __init__(self, source, bench=bool, waiting=None):
        self._source = source
        self._bench = bench
        self._services = {}  # by the first part of their methods' names: what makes them
        self._waiting = [] if waiting is None else waiting
        self.add(self)

    def offer(self, prefix, make):
        """`make()` gives the service whose methods begin with `prefix` and a dot: a dict of name to Method is what its
        `methods()` gives. Both are made anew for each call: to keep all of them would take 16 KB for good."""
        self._services[prefix] = make

    def add(self, service):
        """As `offer`, of a service that stays."""
        for name in service.methods():
            self.offer(name.partition(".")[0], lambda: service)

    def methods(self):
        return {
            "RPC.List": Method(self._list),
            "RPC.Describe": Method(self._describe, name=_NAME),
        }

    def handle(self, text, admit):
        """`answer` to the request in `text` (str or bytes), here and now."""
        return complete(self.answer(parse(text), admit))

    def answer(self, parsed, admit):
        """Run a request as `frame.parse` gives it; the reply as str, or None where none is wanted. A generator: job.py.

        `admit(frame)` gives the Caller, or raises what the caller gets instead; nothing of a frame is looked at before.
        Whoever lets go of the text first gives its memory to the method.
        """
        frame, error = parsed
        if error is None and "method" not in frame and ("result" in frame or "error" in frame):
            return None  # somebody's reply: answered, it could go to and fro for ever
        try:
            caller = admit(frame)
            if error:
                raise error
            body = {"result": (yield from self.run(frame.get("method"), _params(frame), caller))}
        except Exception as e:
            body = {"error": describe(e)}
        # A caller whose request could not even be read is told so, with no id to match.
        if error is None and "id" not in frame:
            return None
        return json.dumps(self._envelope(frame) | body)

    def call(self, name, params, caller):
        """Run one method for `caller`, here and now; its result."""
        return complete(self.run(name, params, caller))

    def run(self, name, params, caller):
        """`call`, as a generator like `answer`."""
        result = self._method(name)(params, caller, self._bench)
        if not hasattr(result, "throw"):
            return result
        if self._waiting.count(caller.channel) >= _WAITING_MAX:
            raise RpcError(
                "busy", "%d calls wait for something already: try again when one is done" % _WAITING_MAX
            )
        self._waiting.append(caller.channel)
        try:
            return (yield from result)
        finally:
            self._waiting.remove(caller.channel)

    def _list(self):
        names = []
        for make in self._services.values():
            names.extend(make().methods())
        return sorted(names)

    def _method(self, name):
        make = self._services.get(name.partition(".")[0]) if isinstance(name, str) else None
        methods = make().methods() if make else {}
        if name not in methods:
            raise RpcError("method", "No handler for %s" % (name if isinstance(name, str) else None))
        return methods[name]

    def _describe(self, name):
        return {"name": name} | self._method(name).describe()

    def _envelope(self, frame):
        out = {"src": self._source()}
        for ours, theirs in (("id", "id"), ("dst", "src"), ("tag", "tag")):
            if theirs in frame:
                out[ours] = frame[theirs]
        return out


def _params(frame):
    params = frame.pop("params", None)
    if params is None:
        params = frame.pop("args", None)
    return {} if params is None else params


__all__ = ["BENCH", "USB", "Dispatcher"]

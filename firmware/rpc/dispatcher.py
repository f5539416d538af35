"""Frames in, frames out (README.md): finds the method, runs it, and always answers."""

import json

from .errors import RpcError, describe
from .params import Method


class Dispatcher:
    """Methods by name. `source()` gives the device's name for the `src` of replies."""

    def __init__(self, source):
        self._source = source
        self._methods = {}
        self.add({"RPC.List": Method(lambda: sorted(self._methods))})

    def add(self, methods):
        """Add methods: a dict of name to Method."""
        self._methods.update(methods)

    def handle(self, text):
        """Run the request in `text` (str or bytes); the reply as str, or None where none is wanted."""
        frame = {}
        try:
            frame = self._parse(text)
            body = {"result": self._call(frame)}
        except Exception as e:
            body = {"error": describe(e)}
        # A caller whose request could not even be read is told so, with no id to match.
        if frame and "id" not in frame:
            return None
        return json.dumps(self._envelope(frame) | body)

    @staticmethod
    def _parse(text):
        try:
            frame = json.loads(text)
        except (ValueError, UnicodeError, RuntimeError):
            raise RpcError("frame", "the frame is not JSON")
        if not isinstance(frame, dict) or not frame:
            raise RpcError("frame", "the frame is not a JSON object with a method")
        return frame

    def _call(self, frame):
        name = frame.get("method")
        method = self._methods.get(name) if isinstance(name, str) else None
        if method is None:
            raise RpcError("method", "No handler for %s" % name)
        params = frame.get("params")
        if params is None:
            params = frame.get("args")
        return method({} if params is None else params)

    def _envelope(self, frame):
        out = {"src": self._source()}
        for ours, theirs in (("id", "id"), ("dst", "src"), ("tag", "tag")):
            if theirs in frame:
                out[ours] = frame[theirs]
        return out

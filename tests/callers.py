"""A board's dispatcher on a bench, called by its owner or by operators, without a network in between."""

import json

from repl import Repl

SETUP = """
import json
from device import dispatcher
from rpc.caller import OWNER, Caller
callers = {"owner": OWNER, "operator": Caller("wss"), "other": Caller("mqtt"), "bob": Caller("wss")}
callers["namesake"] = Caller("wss", by="another CA")
callers["bob"].subject = callers["namesake"].subject = "CN=bob"
"""


class Device:
    """A board's dispatcher, called by the owner or by an operator."""

    def __init__(self, made):
        self.bench = made
        self._open()

    def _open(self):
        self.repl = Repl(self.bench.board.port)
        self.repl.run_in_main(SETUP)

    def restart(self, how="reset"):
        self.repl.close()
        getattr(self.bench.board, how)()
        self._open()

    def ask(self, caller, method, **params):
        frame = json.dumps({"id": 1, "method": method, "params": params})
        code = f"print(dispatcher.handle({frame!r}, lambda frame: callers[{caller!r}]))"
        return json.loads(self.repl.run_in_main(code))

    def owner(self, method, **params):
        reply = self.ask("owner", method, **params)
        assert "result" in reply, reply
        return reply["result"]

    def operator(self, method, **params):
        reply = self.ask("operator", method, **params)
        assert "result" in reply, reply
        return reply["result"]

    def refused(self, caller, method, **params):
        """The kind of the error; it must be a refusal of some kind."""
        return self.ask(caller, method, **params)["error"]["kind"]

"""A dispatcher with services of the test's choice on a board without a chip, reached as main.py's is."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from repl import Repl
from simboard import Board


class Refused(Exception):
    """The device answered with an error."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.code, self.kind, self.message = error["code"], error["kind"], error["message"]


class RpcBoard:
    """`services`: code that adds to a list `services`. It runs when the first call needs it, once after each start."""

    def __init__(self, board: Board, services: str) -> None:
        self.board = board
        self._services = services
        self._repl: Repl | None = None

    @property
    def repl(self) -> Repl:
        if self._repl is None:
            self._repl = Repl(self.board.port)
            self._repl.run_in_main(
                "import json\nfrom rpc.caller import owner\nfrom rpc.dispatcher import Dispatcher\nservices = []\n"
                + self._services
                + "\ndispatcher = Dispatcher(lambda: 'board')\n"
                "for service in services: dispatcher.add(service)\n"
            )
        return self._repl

    def restart(self) -> None:
        """Pull the plug and put it in again."""
        self.unplug()
        self.board.power_cycle()

    def unplug(self) -> None:
        if self._repl is not None:
            self._repl.close()
            self._repl = None

    def call(self, method: str, **params: Any) -> Any:
        """The result; Refused for an error."""
        frame = json.dumps({"id": 1, "method": method, "params": params})
        reply = json.loads(self.repl.run_in_main(f"print(dispatcher.handle({frame!r}, owner))"))
        if "error" in reply:
            raise Refused(reply["error"])
        return reply["result"]

    def refusal(self, method: str, **params: Any) -> tuple[str, str]:
        """Kind and message of the error."""
        try:
            result = self.call(method, **params)
        except Refused as error:
            return error.kind, error.message
        raise AssertionError(f"{method} succeeded with {params}: {result}")

    def value(self, expression: str, setup: str = "") -> Any:
        """An expression in the namespace where `dispatcher` and the services are."""
        return json.loads(self.repl.run_in_main(f"{setup}\nprint(json.dumps({expression}))"))


@contextmanager
def rpc_board(services: str, air: Path | None = None) -> Iterator[RpcBoard]:
    with Board(chip=False, air=air) as board:
        rpc = RpcBoard(board, services)
        yield rpc
        rpc.unplug()

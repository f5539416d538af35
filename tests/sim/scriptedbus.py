"""The other end of the I2C socket, played by a test."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass

from repl import Repl
from simboard import Board

Answer = Callable[[str, int, int, bytes], tuple[int, bytes]]


def obliging(op: str, _address: int, length: int, _payload: bytes) -> tuple[int, bytes]:
    """A chip that acknowledges everything and says 0x55."""
    return 0, b"\x55" * length if op == "R" else b""


class ScriptedBus:
    """The other end of the I2C socket: writes down each request as it came, and answers as it was told.

    Requests to let time pass are answered from a clock that only they move, and kept apart in `waits`; `asked` counts
    those that only want to know the time. `late` is called with what one waits for, before its answer is sent.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.name = "tcp:{}:{}".format(*self._listener.getsockname())
        self.answer: Answer = obliging
        self.requests: list[bytes] = []
        self.waits: list[int] = []
        self.clock_us = self.asked = 0
        self.late: Callable[[int], None] = lambda wait: None
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def vanish(self) -> None:
        """Like a chip whose program has ended."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(ConnectionError):
            while header := connection.recv(4, socket.MSG_WAITALL):
                op, address, length = struct.unpack(">cBH", header)
                payload = b"" if op == b"R" or not length else connection.recv(length, socket.MSG_WAITALL)
                status, reply = self._reply(op.decode(), address, length, header + payload)
                if op == b"T":
                    self.late(*struct.unpack(">I", payload))
                connection.sendall(struct.pack(">BH", status, len(reply)) + reply)

    def _reply(self, op: str, address: int, length: int, request: bytes) -> tuple[int, bytes]:
        with self._lock:
            if op == "T":
                (wait,) = struct.unpack(">I", request[4:])
                self.clock_us += wait
                self.waits += [wait] if wait else []
                self.asked += not wait
                return 0, struct.pack(">Q", self.clock_us)
            self.requests.append(request)
            return (0, b"") if op in "FP" else self.answer(op, address, length, request[4:])


@dataclass
class Wired:
    """A board, its REPL, and the scripted other end of its bus."""

    board: Board
    repl: Repl
    bus: ScriptedBus

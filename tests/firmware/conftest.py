"""The firmware on MicroPython: a board on SIM, wired to a simulated chip that lives in the test itself, in virtual time."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from repl import Repl
from simboard import Board
from simchip import Ack, Chip
from simchip.server import Server, parse_endpoint

DRIVER = """
import board, machine
from atecc608 import *
def open_i2c(freq):
    return machine.I2C(board.I2C, scl=machine.Pin(board.SCL), sda=machine.Pin(board.SDA), freq=freq)
chip = ATECC608(open_i2c, board.I2C_HZ)
"""


class WatchedChip(Chip):
    """A simulated chip that writes down every transfer: (address, R/W, bytes or count, hertz)."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.transfers: list[tuple[int, str, Any, int]] = []

    def write(self, address: int, data: bytes, *, hz: int | None = None) -> Ack:
        self.transfers.append((address, "W", bytes(data), hz or self.frequency))
        return super().write(address, data, hz=hz)

    def read(self, address: int, size: int, *, hz: int | None = None) -> bytes | None:
        self.transfers.append((address, "R", size, hz or self.frequency))
        return super().read(address, size, hz=hz)

    @property
    def commands(self) -> list[int]:
        """The opcodes that were sent."""
        return [t[2][2] for t in self.transfers if t[1] == "W" and t[2][:1] == b"\x03"]

    @property
    def wakes(self) -> int:
        return sum(t[0] == 0 for t in self.transfers)


@dataclass
class Bench:
    """A board and the chip it is wired to."""

    chip: Any
    board: Board
    repl: Repl

    def value(self, expression: str, setup: str = "", given: Any = None) -> Any:
        """With the driver's `chip` at hand."""
        return self.repl.value(expression, DRIVER + setup, given)

    def error(self, statement: str, setup: str = "", given: Any = None) -> str:
        return self.repl.error(statement, DRIVER + setup, given)


@pytest.fixture
def bench() -> Iterator[Callable[..., Bench]]:
    """Wire a board to a simulated chip made with these options, or to `chip`, anything with a Chip's interface."""
    undo = []

    def make(chip: Any = None, **options: Any) -> Bench:
        chip = chip or WatchedChip(**options)
        server = Server(chip, parse_endpoint("tcp:127.0.0.1:0"))
        threading.Thread(target=server.serve, daemon=True).start()
        board = Board(bus=str(server.endpoint))
        board.start()
        repl = Repl(board.port)
        undo.extend([server.stop, board.stop, repl.close])
        return Bench(chip, board, repl)

    yield make
    for step in reversed(undo):
        step()


@pytest.fixture(scope="session")
def micropython() -> Iterator[Repl]:
    """A board with nothing on its bus, for what needs no chip. Tests share it, and leave nothing behind but files."""
    with Board(chip=False) as board, Repl(board.port) as repl:
        yield repl

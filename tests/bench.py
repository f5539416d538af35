"""A bench for the tests: a board on SIM, wired to a simulated chip that lives in the test itself, in virtual time."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from tempfile import TemporaryDirectory
from typing import Any

from repl import Repl
from simboard import Board
from simchip import Ack, Chip, Quirks
from simchip.quirks import Timing
from simchip.server import Server, parse_endpoint

DRIVER = """
import board, machine
from atecc608 import *
def open_i2c(freq):
    return machine.I2C(board.I2C, scl=machine.Pin(board.SCL), sda=machine.Pin(board.SDA), freq=freq)
chip = ATECC608(open_i2c, board.I2C_HZ)
"""
GEN_KEY, CREATE = 0x40, 0x04


class WatchedChip(Chip):
    """A simulated chip that writes down every transfer: (address, R or W, bytes or count, hertz).

    `timing` is how long its commands take, as in Quirks; the other options are those of Chip.
    """

    def __init__(
        self, *, timing: Timing = Quirks.timing, quirks: Quirks | None = None, **options: Any
    ) -> None:
        super().__init__(quirks=replace(quirks or Quirks(), timing=timing), **options)
        self.transfers: list[tuple[int, str, Any, int]] = []

    def write(self, address: int, data: bytes, *, hz: int | None = None) -> Ack:
        self.transfers.append((address, "W", bytes(data), hz or self.frequency))
        return super().write(address, data, hz=hz)

    def read(self, address: int, size: int, *, hz: int | None = None) -> bytes | None:
        self.transfers.append((address, "R", size, hz or self.frequency))
        return super().read(address, size, hz=hz)

    @property
    def groups(self) -> list[bytes]:
        """The command groups that were sent: count, opcode, mode …"""
        return [data[1:] for _, kind, data, _ in self.transfers if kind == "W" and data[:1] == b"\x03"]

    @property
    def commands(self) -> list[int]:
        """Their opcodes."""
        return [group[1] for group in self.groups]

    @property
    def keys_made(self) -> int:
        """How often GenKey was asked for a new key."""
        return sum(group[1:3] == bytes((GEN_KEY, CREATE)) for group in self.groups)

    @property
    def wakes(self) -> int:
        return sum(address == 0 for address, *_ in self.transfers)


class Babbler:
    """No chip, but something that acknowledges its address and answers nonsense."""

    frequency = 100_000

    def __init__(self, byte: int) -> None:
        self._byte = byte
        self._now = 0
        self.clock = self

    def now(self) -> int:
        return self._now

    def wait(self, microseconds: int) -> None:
        self._now += microseconds

    advance = wait

    def power(self, on: bool) -> None:
        """It has nothing to lose."""

    def write(self, address: int, data: bytes, *, hz: int | None = None) -> Ack:
        return Ack.ALL if address == 0x60 else Ack.ADDRESS_REFUSED

    def read(self, address: int, size: int, *, hz: int | None = None) -> bytes | None:
        return bytes([self._byte]) * size if address == 0x60 else None


@dataclass
class Bench:
    """A board and the chip it is wired to."""

    chip: Any
    board: Board

    @cached_property
    def repl(self) -> Repl:
        return Repl(self.board.port)

    def value(self, expression: str, setup: str = "", given: Any = None) -> Any:
        """With the driver's `chip` at hand."""
        return self.repl.value(expression, DRIVER + setup, given)

    def error(self, statement: str, setup: str = "", given: Any = None) -> str:
        return self.repl.error(statement, DRIVER + setup, given)

    def close(self) -> None:
        if "repl" in self.__dict__:
            self.repl.close()


@contextmanager
def benches() -> Iterator[Callable[..., Bench]]:
    """Gives a function that wires a board to a simulated chip made with its options, or to `chip`, whatever that is."""
    with ExitStack() as stack:

        def make(chip: Any = None, **options: Any) -> Bench:
            chip = chip or WatchedChip(**options)
            folder = stack.enter_context(TemporaryDirectory(prefix="bench-"))
            server = Server(chip, parse_endpoint(f"unix:{folder}/chip"))
            stack.callback(server.stop)
            threading.Thread(target=server.serve).start()
            bench = Bench(chip, stack.enter_context(Board(bus=str(server.endpoint))))
            stack.callback(bench.close)
            return bench

        yield make

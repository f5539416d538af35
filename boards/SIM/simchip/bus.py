"""The I2C interface, byte by byte: word address, input FIFO, output buffer (DS508 §6)."""

from collections.abc import Callable

from simchip.engine import Engine
from simchip.lifecycle import Lifecycle, State
from simchip.packet import MAX_GROUP, MIN_GROUP, group
from simchip.rules import transport
from simchip.status import Nack, Status

RESET, SLEEP, IDLE, COMMAND = range(4)
NOT_DRIVEN = 0xFF
BITS_PER_BYTE = 9


def low_run_us(address: int, read: bool, hz: int) -> float:
    """How long SDA is low at the head of a transfer that nobody acknowledges.

    The START holds SDA low for half a bit, which a first zero bit prolongs; zeros further on can make a
    longer run. The acknowledge bit ends it: it is high.
    """
    byte = address << 1 | read
    bits = f"{byte:08b}"
    runs = [len(run) + (0.5 if start == 0 else 0) for start, run in _zero_runs(bits)]
    return max(runs, default=0.5) * 1_000_000 / hz


def _zero_runs(bits: str) -> list[tuple[int, str]]:
    runs, position = [], 0
    for run in bits.split("1"):
        runs.append((position, run))
        position += len(run) + 1
    return runs


def transfer_us(size: int, hz: int) -> int:
    """`size` bytes with their acknowledge bits, START and STOP."""
    return -(-(size * BITS_PER_BYTE + 2) * 1_000_000 // hz)


class Slave:
    """The chip's end of the bus. A transfer is: `select`, then bytes in one direction, then `stop`."""

    def __init__(self, lifecycle: Lifecycle, engine: Engine, warn: Callable[[str], None]) -> None:
        self._life = lifecycle
        self._engine = engine
        self._fifo = b""
        self._pointer = 0
        self._word_address: int | None = None
        self._warn = warn

    def select(self, address: int, read: bool, hz: int, now: int) -> None:
        """The address byte; returning acknowledges it."""
        life = self._life
        life.settle(now)
        transport.general_call_is_never_acknowledged(address)
        transport.clock_must_not_exceed_1_mhz(hz)
        if life.state is not State.AWAKE:
            raise Nack(life.state.name)
        transport.only_own_address_is_acknowledged(address, life.address)
        transport.nothing_is_acknowledged_before_t_whi(now, life.ready_at)
        transport.nothing_is_acknowledged_while_busy(life.busy)
        self._word_address = None
        if life.fresh_answer:  # a command or a wake has filled the buffer since the last transfer
            life.fresh_answer, self._fifo, self._pointer = False, b"", 0
        if read and self._fifo and life.core.quirks.read_of_partial_command == "nack":
            raise Nack("partial command")

    def write_byte(self, byte: int) -> None:
        if self._word_address is None:
            self._word_address = byte
            if byte > COMMAND:
                self._warn(f"reserved word address 0x{byte:02X}")
        elif self._word_address == COMMAND:
            self._push(byte)

    def _push(self, byte: int) -> None:
        transport.bytes_beyond_count_are_refused(len(self._fifo), self._wanted)
        self._life.answer = b""
        self._fifo += bytes([byte])

    @property
    def _wanted(self) -> int:
        """How many bytes the FIFO takes: what Count says, as far as there is room."""
        return min(max(self._fifo[0], 1), MAX_GROUP) if self._fifo else 1

    @property
    def _complete(self) -> bool:
        """An illegal Count needs no more bytes to be found out."""
        return len(self._fifo) >= self._wanted or not MIN_GROUP <= self._fifo[0] <= MAX_GROUP

    def read_byte(self) -> int:
        answer, self._pointer = self._life.answer, self._pointer + 1
        return answer[self._pointer - 1] if self._pointer <= len(answer) else NOT_DRIVEN

    def stop(self, now: int) -> None:
        """Sleep, idle, reset and complete commands are acted on at the STOP."""
        if self._word_address == RESET:
            self._fifo, self._pointer = b"", 0
        elif self._word_address == SLEEP:
            self._life.sleep()
        elif self._word_address == IDLE:
            self._life.idle()
        elif self._word_address == COMMAND and self._fifo:
            self._stop_command(now)
        self._word_address = None

    def _stop_command(self, now: int) -> None:
        if self._complete:
            self._life.start(self._engine.execute(self._fifo, self._life.remaining_us(now)), now)
        elif self._life.core.quirks.stop_ends_partial_command:
            self._life.answer = group(bytes([Status.COMMUNICATION_ERROR]))
        else:
            return
        self._fifo, self._pointer = b"", 0

"""The chip as a bench sees it: two wires, a supply and time."""

import logging
import threading
from enum import IntEnum
from pathlib import Path

from simchip.bus import Slave, low_run_us, transfer_us
from simchip.clock import Clock, VirtualClock
from simchip.core import Core
from simchip.eeprom import Eeprom, Image
from simchip.engine import Engine
from simchip.faults import BadFault, Fault, Faults
from simchip.lifecycle import Lifecycle
from simchip.presets import fresh_image
from simchip.quirks import Quirks
from simchip.rng import random_source
from simchip.rules.transport import POWER_UP_US
from simchip.statefile import load, save
from simchip.status import Nack
from simchip.timing import Stopwatch

STANDARD_HZ = 100_000
LOG = logging.getLogger("simchip")


class Ack(IntEnum):
    """How a write ended."""

    ALL = 0
    ADDRESS_REFUSED = 1
    DATA_REFUSED = 2


class Chip:
    """One simulated ATECC608. Without a clock of the caller's it lives in virtual time.

    An existing state file wins over the preset. Transfers of several threads never interleave.
    """

    def __init__(
        self,
        *,
        state: Path | None = None,
        preset: str = "blank",
        locked: bool = False,
        seed: int | None = None,
        clock: Clock | None = None,
        quirks: Quirks | None = None,
        faults: Faults | None = None,
        image: Image | None = None,
    ) -> None:
        quirks = quirks or Quirks()
        rng = random_source(seed)
        if image is None:
            image = _stored(state) or fresh_image(preset, rng, blank_data=quirks.blank_data, locked=locked)
        if state is not None and not state.exists():
            save(state, image)
        keep = None if state is None else (lambda image: save(state, image))
        self.core = Core(Eeprom(image, keep), rng, quirks, faults or Faults())
        self.clock = clock or VirtualClock()
        self.frequency = STANDARD_HZ
        self.warnings: list[str] = []  # what a real chip bears in silence and a driver should not do
        stopwatch = Stopwatch(self.core, seed)
        self._life = Lifecycle(self.core, stopwatch)
        self._slave = Slave(self._life, Engine(self.core, stopwatch), self._warn)
        self._lock = threading.RLock()
        # The supply came up a while before the program looked.
        self._life.power(True, self.clock.now() - POWER_UP_US)

    @property
    def image(self) -> Image:
        """The EEPROM, as it stands."""
        return self.core.image

    @property
    def address(self) -> int:
        """The 7-bit address the chip answers to at present."""
        return self._life.address

    @property
    def state(self) -> str:
        with self._lock:
            self._life.settle(self.clock.now())
            return "BUSY" if self._life.busy else self._life.state.name

    def _warn(self, sentence: str) -> None:
        self.warnings.append(sentence)
        LOG.warning(sentence)

    def write(self, address: int, data: bytes, *, hz: int | None = None) -> Ack:
        """START, address+write, data, STOP."""
        hz = hz or self.frequency
        with self._lock:
            if not self._select(address, False, hz):
                return Ack.ADDRESS_REFUSED
            data = _flipped(data, self.core.faults.strikes("flip-write"))
            taken, ack = self._take(data)
            self.clock.transfer(transfer_us(1 + taken, hz))
            self._slave.stop(self.clock.now())
            return ack

    def _take(self, data: bytes) -> tuple[int, Ack]:
        for taken, byte in enumerate(data, 1):
            try:
                self._slave.write_byte(byte)
            except Nack:
                return taken, Ack.DATA_REFUSED
        return len(data), Ack.ALL

    def read(self, address: int, size: int, *, hz: int | None = None) -> bytes | None:
        """START, address+read, `size` bytes, STOP; None when the address is not acknowledged."""
        hz = hz or self.frequency
        with self._lock:
            if not self._select(address, True, hz):
                return None
            data = bytes(self._slave.read_byte() for _ in range(size))
            self.clock.transfer(transfer_us(1 + size, hz))
            self._slave.stop(self.clock.now())
            return _flipped(data, self.core.faults.strikes("flip-read"))

    def _select(self, address: int, read: bool, hz: int) -> bool:
        now = self.clock.now()
        self._reload_faults()
        try:
            if self.core.faults.strikes("nack"):
                raise Nack("fault")
            self._slave.select(address, read, hz, now)
        except Nack:
            low_us = low_run_us(address, read, hz)
            self._life.pulse(low_us, now + int(low_us))
            self.clock.transfer(transfer_us(1, hz))
            return False
        return True

    def _reload_faults(self) -> None:
        try:
            self.core.faults.reload()
        except BadFault as error:
            self._warn(str(error))

    def advance(self, microseconds: int) -> None:
        """Let time pass."""
        self.clock.wait(microseconds)
        self.state  # noqa: B018  (settles: what is due happens now)

    def power(self, on: bool) -> None:
        with self._lock:
            now = self.clock.now()
            self._life.settle(now)
            self._life.power(on, now)

    def close(self) -> None:
        """The program ends, and with it the supply."""
        self.power(False)


def _stored(state: Path | None) -> Image | None:
    return load(state) if state is not None and state.exists() else None


def _flipped(data: bytes, fault: Fault | None) -> bytes:
    """One bit inverted; bit 0 is the first on the wire."""
    if fault is None or not data:
        return data
    index, bit = divmod(fault.integer("bit") % (8 * len(data)), 8)
    return data[:index] + bytes([data[index] ^ 0x80 >> bit]) + data[index + 1 :]

"""Many simulated chips on one bus, each with an address of its own, in one virtual time."""

from simchip import Ack, Chip, Quirks
from simchip.bus import low_run_us, transfer_us
from simchip.clock import VirtualClock
from simchip.presets import fresh_image
from simchip.rng import random_source

FIRST_ADDRESS = 0x08
MOST = 0x77 - FIRST_ADDRESS + 1
I2C_ADDRESS = 16  # in the configuration zone: the address and a bit


class Chips:
    """As a bench takes it for a chip (bench.Bench); the first has FIRST_ADDRESS."""

    frequency = 100_000

    def __init__(self, count: int) -> None:
        self.clock = VirtualClock()
        self._pulse: tuple[float, int] | None = None
        self._chips = {FIRST_ADDRESS + number: self._chip(FIRST_ADDRESS + number) for number in range(count)}

    def _chip(self, address: int) -> Chip:
        image = fresh_image("tls", random_source(None), blank_data=Quirks().blank_data, locked=True)
        image.config[I2C_ADDRESS] = address << 1
        return Chip(image=image, clock=self.clock)

    def write(self, address: int, data: bytes, *, hz: int | None = None) -> Ack:
        if found := self._addressed(address):
            return found.write(address, data, hz=hz)
        hz = hz or self.frequency
        self._pulse = low_run_us(address, False, hz), self.clock.now()
        self.clock.transfer(transfer_us(1, hz))
        return Ack.ADDRESS_REFUSED

    def read(self, address: int, size: int, *, hz: int | None = None) -> bytes | None:
        found = self._addressed(address)
        return found.read(address, size, hz=hz) if found else None

    def _addressed(self, address: int) -> Chip | None:
        """The chip; a wake pulse was for it alone, as if each had wires of its own: the devices take turns."""
        found = self._chips.get(address)
        if found and self._pulse:
            (low_us, when), self._pulse = self._pulse, None
            found._life.settle(when)
            found._life.pulse(low_us, when + int(low_us))
        return found

    def advance(self, microseconds: int) -> None:
        self.clock.wait(microseconds)

    def power(self, on: bool) -> None:
        for chip in self._chips.values():
            chip.power(on)

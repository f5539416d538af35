"""The jobs as Adafruit's driver for CircuitPython does them: unmodified, on CPython, over the chip's socket."""

import sys
from collections.abc import Iterator
from contextlib import closing
from types import ModuleType, SimpleNamespace
from typing import Any

from chip_foreign.bench import listening
from chip_foreign.i2c import Bus
from simchip.lifecycle import T_WHI_US
from simchip.rules.transport import POWER_UP_US
from speed.cost import TimedChip
from speed.jobs import GENKEY, NONCE, REQUEST, SIGN, Costs

HZ = 100_000  # as its documentation makes the bus: the driver wakes the chip at the speed at which it talks
SLOT = 2
NONCE_TO_TEMP_KEY = 0x03


class Text(str):
    """CircuitPython's bytearray.extend() takes text as well."""

    def __iter__(self) -> Iterator[int]:  # type: ignore[override]
        return iter(self.encode())


SUBJECT = [Text(word) for word in ("IE", "Leinster", "Dublin", "ACME", "Testing")]


class I2C:
    """What CircuitPython's busio.I2C is to its drivers."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        bus.speed(HZ)

    def try_lock(self) -> bool:
        return True

    def unlock(self) -> None:
        """Nobody else is there."""

    def writeto(self, address: int, buffer: bytes, *, start: int = 0, end: int | None = None) -> None:
        """The driver grants the chip 1 ms to wake up, which may take 1.5: an interpreter's own time makes up for it."""
        data = bytes(buffer[start:end])
        if not self._bus.write(address, data):
            if address:
                self._bus.wait(T_WHI_US - 1000)
            if not address or not self._bus.write(address, data):
                raise OSError("no acknowledgement")

    def readfrom_into(self, address: int, buffer: bytearray, *, start: int, end: int) -> None:
        answer = self._bus.read(address, end - start)
        if answer is None:
            raise OSError("no acknowledgement")
        buffer[start:end] = answer


# What the driver imports of CircuitPython itself.
CIRCUITPYTHON: dict[str, Any] = {
    "busio": SimpleNamespace(I2C=I2C),
    "micropython": SimpleNamespace(const=lambda value: value),
    "circuitpython_typing": SimpleNamespace(ReadableBuffer=bytes, WriteableBuffer=bytearray),
}


def _driver(bus: Bus) -> tuple[ModuleType, ModuleType]:
    """Its two modules, in which time passes on the chip."""
    sys.modules.update(CIRCUITPYTHON)
    from adafruit_atecc import adafruit_atecc, adafruit_atecc_cert_util

    adafruit_atecc.time = SimpleNamespace(sleep=lambda seconds: bus.wait(round(seconds * 1_000_000)))
    return adafruit_atecc, adafruit_atecc_cert_util


def measured(chip: TimedChip) -> Costs:
    """Its waits are fixed, so that with a slow chip it gives up."""
    with listening(chip) as endpoint, closing(Bus(endpoint)) as bus:
        driver, requests = _driver(bus)
        atecc = driver.ATECC(I2C(bus))

        def request() -> None:
            builder = requests.CSR(atecc, SLOT, True, *SUBJECT)
            builder._common = Text(builder._common)
            builder.generate_csr()

        jobs = {
            GENKEY: lambda: atecc.gen_key(bytearray(64), SLOT, private_key=True),
            NONCE: lambda: atecc.nonce(bytearray(32), NONCE_TO_TEMP_KEY),
            SIGN: lambda: atecc.ecdsa_sign(SLOT, bytearray(32)),
            REQUEST: request,
        }
        costs: Costs = {}
        for name, job in jobs.items():
            try:
                costs[name] = chip.cost(job)
            except (OSError, RuntimeError):
                costs[name] = None
                chip.power(False)  # it may be busy still
                chip.power(True)
                chip.advance(POWER_UP_US)
        return costs

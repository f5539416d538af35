"""How long commands take (Microchip publishes only the maxima per clock divider)."""

import random
from dataclasses import dataclass

from simchip.config import Config
from simchip.core import Core

DIVIDERS = {0x05: 1, 0x0D: 2}  # ChipMode bits 7-3 -> column; all others run as M0


@dataclass(frozen=True)
class MaxTime:
    """Milliseconds with the clock divider M0, M1, M2."""

    m0: int
    m1: int
    m2: int

    def us(self, config_divider: int) -> int:
        return (self.m0, self.m1, self.m2)[DIVIDERS.get(config_divider, 0)] * 1000


class Stopwatch:
    """Execution times: around the typical one, never above the maximum unless a fault says so."""

    def __init__(self, core: Core, seed: int | None) -> None:
        self._core = core
        # Not for secrets: two runs in virtual time must give the same ticks.
        self._jitter = random.Random(seed or 0)  # noqa: S311
        self.latch(core.config)

    def latch(self, config: Config) -> None:
        """ChipMode's divider takes effect at the wake from sleep."""
        self._divider = config.clock_divider

    def maximum_us(self, limit: MaxTime) -> int:
        return limit.us(self._divider)

    def take(self, limit: MaxTime, *, failed: bool) -> int:
        quirks = self._core.quirks
        spread = quirks.time_jitter * self._jitter.uniform(-1, 1)
        part = min(quirks.typical_time + spread, 1.0) * (quirks.failure_time if failed else 1)
        slow = self._core.faults.strikes("slow")
        factor = float(slow.values.get("factor", 1)) if slow else 1.0
        return int(self.maximum_us(limit) * part * factor)

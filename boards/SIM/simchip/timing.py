"""How long commands take: after the 508's typical times, after a part of the 608's maxima, or as long as they may."""

import random
from dataclasses import dataclass

from simchip.config import Config
from simchip.core import Core
from simchip.quirks import Timing

DIVIDERS = {0x05: 1, 0x0D: 2}  # ChipMode bits 7-3 -> column; all others run as M0
SLOW = 0.6  # of the maximum


@dataclass(frozen=True)
class Times:
    """Milliseconds: the longest with the clock divider M0, M1, M2, and the typical ones with M0.

    Of the ATECC608 only the maxima are public. `typical` is the ATECC508A's (DS508 table 9-4), which is what drivers
    with fixed waits need that are known to work with a 608; None where the 508 has no such command.
    """

    m0: int
    m1: int
    m2: int
    typical: float | None = None

    def longest_us(self, config_divider: int) -> int:
        return (self.m0, self.m1, self.m2)[DIVIDERS.get(config_divider, 0)] * 1000

    def part(self, profile: Timing) -> float:
        """The time to expect, as a part of the longest; a slower clock stretches both alike."""
        if profile == "worst":
            return 1.0
        return SLOW if profile == "slow" or self.typical is None else self.typical / self.m0


class Stopwatch:
    """Execution times: around the expected one, never above the longest unless a fault says so."""

    def __init__(self, core: Core, seed: int | None) -> None:
        self._core = core
        # Not for secrets: two runs in virtual time must give the same ticks.
        self._jitter = random.Random(seed or 0)  # noqa: S311
        self.latch(core.config)

    def latch(self, config: Config) -> None:
        """ChipMode's divider takes effect at the wake from sleep."""
        self._divider = config.clock_divider

    def maximum_us(self, times: Times) -> int:
        return times.longest_us(self._divider)

    def take(self, times: Times, *, failed: bool) -> int:
        quirks = self._core.quirks
        spread = 0.0 if quirks.timing == "worst" else quirks.time_jitter * self._jitter.uniform(-1, 1)
        part = min(times.part(quirks.timing) * (1 + spread), 1.0) * (quirks.failure_time if failed else 1)
        slow = self._core.faults.strikes("slow")
        factor = float(slow.values.get("factor", 1)) if slow else 1.0
        return int(self.maximum_us(times) * part * factor)

"""What a job took on the simulated chip, in virtual time, and the time that nobody could do it in less than.

That limit is what the job's commands take to execute, the bytes of commands and answers at 400 kHz, and one wake. What
a driver adds to it: polls that come too early or too late, waits, further wakes, sleep and idle, a slower clock.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench import WatchedChip
from simchip import Ack
from simchip.bus import transfer_us
from simchip.lifecycle import T_WHI_US

FAST_HZ, WAKE_HZ = 400_000, 100_000
ONE_WAKE_US = transfer_us(1, WAKE_HZ) + T_WHI_US + transfer_us(1 + 4, FAST_HZ)
ROUNDS = 10  # execution times vary


@dataclass(frozen=True)
class Cost:
    """Microseconds for one time, on average: as it was, the chip's execution alone, and the limit."""

    took: float
    execution: float
    limit: float

    @property
    def ratio(self) -> float:
        return self.took / self.limit


class TimedChip(WatchedChip):
    """A chip that keeps account of what its commands take to execute, and to cross the bus."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._executing = self._crossing = 0
        self.executed: list[
            tuple[float, float]
        ] = []  # when on the computer's clock, and for how many seconds

    def write(self, address: int, data: bytes, *, hz: int | None = None) -> Ack:
        before = self._life.job
        ack = super().write(address, data, hz=hz)
        job = self._life.job
        if job is not None and job is not before:
            self._executing += job.ends - job.started
            self.executed.append((time.monotonic(), (job.ends - job.started) / 1_000_000))
            self._crossing += transfer_us(1 + len(data), FAST_HZ) + transfer_us(1 + len(job.answer), FAST_HZ)
        return ack

    def cost(self, job: Callable[[], object], rounds: int = ROUNDS) -> Cost:
        """Of `job`, done so many times."""
        self._executing = self._crossing = 0
        began = self.clock.now()
        for _ in range(rounds):
            job()
        took = self.clock.now() - began
        limit = self._executing + self._crossing + rounds * ONE_WAKE_US
        return Cost(took / rounds, self._executing / rounds, limit / rounds)

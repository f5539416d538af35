"""The chip owns the clock: real microseconds, or virtual ones that pass by transfers and waits only."""

import threading
import time
from typing import Protocol


class Clock(Protocol):
    def now(self) -> int:
        """Microseconds since the program started."""

    def transfer(self, microseconds: int) -> None:
        """A transfer occupied the bus for so long."""

    def wait(self, microseconds: int) -> None:
        """Let time pass."""


class RealClock:
    def __init__(self) -> None:
        self._start = time.monotonic_ns()

    def now(self) -> int:
        return (time.monotonic_ns() - self._start) // 1000

    def transfer(self, microseconds: int) -> None:
        """The socket is the bus, and has taken its own time."""

    def wait(self, microseconds: int) -> None:
        time.sleep(microseconds / 1_000_000)


class VirtualClock:
    def __init__(self) -> None:
        self._now = 0
        self._lock = threading.Lock()

    def now(self) -> int:
        return self._now

    def transfer(self, microseconds: int) -> None:
        self.wait(microseconds)

    def wait(self, microseconds: int) -> None:
        with self._lock:
            self._now += microseconds

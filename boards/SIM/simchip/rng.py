"""Where the chip's randomness comes from: the system, or a seed when a test wants the same chip twice."""

import hashlib
import os
from typing import Protocol


class RandomSource(Protocol):
    @property
    def seeded(self) -> bool: ...

    def take(self, size: int) -> bytes: ...


class SystemRandom:
    seeded = False

    def take(self, size: int) -> bytes:
        return os.urandom(size)


class SeededRandom:
    """SHA-256 of seed and counter: the same bytes on every machine and Python."""

    seeded = True

    def __init__(self, seed: int) -> None:
        self._seed = str(seed).encode()
        self._count = 0
        self._left = b""

    def take(self, size: int) -> bytes:
        while len(self._left) < size:
            self._left += hashlib.sha256(self._seed + self._count.to_bytes(8, "big")).digest()
            self._count += 1
        taken, self._left = self._left[:size], self._left[size:]
        return taken


def random_source(seed: int | None) -> RandomSource:
    return SystemRandom() if seed is None else SeededRandom(seed)

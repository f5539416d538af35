"""Steps of a longer piece of work, told to whoever watches: what begins, what it meant, how long it took."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass
class Step:
    """`name` is for programs, `meaning` for people; `doubtful` if they should know, though the work goes on."""

    name: str
    meaning: str
    ms: int = 0
    doubtful: bool = False


class Watcher(Protocol):
    """Who is told."""

    def begins(self, name: str, doing: str) -> None:
        """Something starts that may take a while."""

    def done(self, step: Step) -> None:
        """It is done."""

    def failed(self, name: str) -> None:
        """It failed; the error itself is on its way."""

    def warns(self, text: str) -> None:
        """Something the user should know, though the work goes on."""


class Silence:
    """Nobody watches."""

    def begins(self, name: str, doing: str) -> None: ...

    def done(self, step: Step) -> None: ...

    def failed(self, name: str) -> None: ...

    def warns(self, text: str) -> None: ...


class Steps:
    """Keeps the steps that were done, and tells the watcher."""

    def __init__(self, watcher: Watcher | None = None) -> None:
        self.watcher: Watcher = watcher or Silence()
        self.done: list[Step] = []
        self.warnings: list[str] = []

    @contextlib.contextmanager
    def step(self, name: str, doing: str) -> Iterator[Step]:
        """Time the block; it may replace `meaning` by what came of it."""
        step = Step(name, doing)
        self.watcher.begins(name, doing)
        started = time.monotonic()
        try:
            yield step
        except BaseException:
            self.watcher.failed(name)
            raise
        step.ms = round((time.monotonic() - started) * 1000)
        self.done.append(step)
        if step.doubtful:
            self.warnings.append(step.meaning)
        self.watcher.done(step)

    def warn(self, text: str) -> None:
        self.warnings.append(text)
        self.watcher.warns(text)

"""Jobs in forks of this process, one on each core."""

import os
from collections.abc import Callable, Iterator, Mapping
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import TypeVar

FORK = get_context("fork")
CORES = os.cpu_count() or 1
DIED = "the tests came to no end"
N = TypeVar("N")


def parallel(jobs: Mapping[N, Callable[[], object]]) -> Iterator[tuple[N, object]]:
    """Name and result of each job, in the order in which they end; DIED for one that ended without a result."""
    waiting, running = list(jobs), dict[Connection, N]()
    while waiting or running:
        while waiting and len(running) < CORES:
            name = waiting.pop(0)
            here, there = FORK.Pipe(duplex=False)
            FORK.Process(target=_report, args=(jobs[name], there), daemon=True).start()
            there.close()
            running[here] = name
        for end in wait(list(running)):
            assert isinstance(end, Connection)
            try:
                result = end.recv()
            except EOFError:
                result = DIED
            yield running.pop(end), result


def _report(job: Callable[[], object], end: Connection) -> None:
    end.send(job())

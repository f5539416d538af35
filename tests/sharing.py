"""How `make test` shares the tests out among its workers, of which each takes the next piece when it has done one.

A piece is one test where tests take long, and else a file; a file too where its tests have something in common that is
made once. What takes longest comes first: then nothing long is left at the end.
"""

import functools
import os
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

HERE = Path(__file__).parent
# Most tests wait for a board, a broker or a command, most of the time.
WORKERS_A_PROCESSOR = 3
LONG = ("e2e", "foreign_rpc", "firmware", "boards", "sim", "cloud")
FIRST = (*LONG, "host")
MADE_ONCE = 'scope="module"'


def workers(arguments: list[str]) -> int:
    """How many for what pytest was given on its command line. A part is sooner done by few: each collects all of it."""
    everything = {Path(argument).resolve() for argument in arguments} <= {HERE, HERE.parent}
    return (os.cpu_count() or 1) * (WORKERS_A_PROCESSOR if everything else 1)


def arranged(items: list[pytest.Item], shuffled: bool) -> list[pytest.Item]:
    """What waits for real seconds first. Then, all the way, what waits for boards beside what computes, unless somebody
    has shuffled them."""
    waits = [item for item in items if item.get_closest_marker("waits")]
    others = [item for item in items if not item.get_closest_marker("waits")]
    if shuffled:
        return waits + others
    long = sorted((one for one in others if _folder(one.path) in LONG), key=_turn)
    short = sorted((one for one in others if _folder(one.path) not in LONG), key=_turn)
    placed = [(n / len(stream), item) for stream in (long, short) for n, item in enumerate(stream)]
    return waits + [item for _, item in sorted(placed, key=lambda one: one[0])]


def _turn(item: pytest.Item) -> int:
    """Where its folder stands."""
    folder = _folder(item.path)
    return FIRST.index(folder) if folder in FIRST else len(FIRST)


def _folder(path: Path) -> str:
    return path.relative_to(HERE).parts[0]


class Scheduler(LoadScopeScheduling):
    """In the order of collection."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if _is_one_piece(self.config.rootpath / file) else nodeid


@functools.cache
def _is_one_piece(file: Path) -> bool:
    if _folder(file) not in LONG:
        return True
    used = file.read_text() + (file.parent / "conftest.py").read_text()
    return MADE_ONCE in used

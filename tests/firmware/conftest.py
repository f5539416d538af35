"""The firmware on MicroPython."""

from collections.abc import Callable, Iterator

import pytest
from bench import Bench, benches
from repl import Repl
from simboard import Board


@pytest.fixture
def bench() -> Iterator[Callable[..., Bench]]:
    """Makes boards with a chip: bench(preset="tls", locked=True)."""
    with benches() as make:
        yield make


@pytest.fixture(scope="session")
def micropython() -> Iterator[Repl]:
    """A board with nothing on its bus, for what needs no chip. Tests share it, and leave nothing behind but files."""
    with Board(chip=False) as board, Repl(board.port) as repl:
        yield repl

"""The simulated board: as a user's mpremote sees it, and what it does on its I2C bus."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from repl import Repl
from sim.scriptedbus import ScriptedBus, Wired, obliging
from simboard import Board


@pytest.fixture(scope="session")
def _wired() -> Iterator[Wired]:
    bus = ScriptedBus()
    with Board(bus=bus.name) as board, Repl(board.port, alone=True) as repl:
        yield Wired(board, repl, bus)
    bus.close()


@pytest.fixture
def wired(_wired: Wired) -> Wired:
    """A board on a scripted bus that has forgotten what other tests did."""
    _wired.bus.answer = obliging
    _wired.repl.run("import machine, board; machine.I2C(0, scl=board.SCL, sda=board.SDA).writeto(0, b'')")
    _wired.bus.requests.clear()
    _wired.bus.waits.clear()
    return _wired


@pytest.fixture(scope="session")
def bare() -> Iterator[Board]:
    """A board with nothing on its bus, for what leaves nothing behind but files."""
    with Board(chip=False) as board:
        yield board


@pytest.fixture
def repl(bare: Board) -> Iterator[Repl]:
    with Repl(bare.port, alone=True) as repl:
        yield repl


@pytest.fixture
def mpremote(bare: Board) -> Callable[..., str]:
    """Run the real mpremote on the board; what it printed."""

    def run(*arguments: Any) -> str:
        command = [sys.executable, "-m", "mpremote", "connect", bare.port, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run

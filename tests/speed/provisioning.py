"""What `atecc provision aws` takes on the simulated board, in real time, and where that goes."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import benches
from simchip.clock import RealClock
from simcloud import Cloud
from speed.cost import TimedChip

TRACED = Path(__file__).with_name("traced.py")
NETWORKED = {"Identity.Try", "MQTT.Connect"}

Interval = tuple[float, float, list[str]]


@dataclass(frozen=True)
class Run:
    """One command, in seconds: altogether, and whom it waited for."""

    total: float
    board: list[Interval]
    aws: list[Interval]
    chip: list[tuple[float, float]]  # when each of the chip's commands began, and how long it took to execute
    steps: dict[str, int]  # ms, where the command tells

    def executed(self, intervals: list[Interval]) -> float:
        """How long the chip calculated in these."""
        return sum(
            took for at, took in self.chip if any(began <= at <= ended for began, ended, _ in intervals)
        )

    def shares(self) -> Iterator[tuple[str, float]]:
        """By whom or what the time was taken; together they are the total."""
        networked = [one for one in self.board if NETWORKED & set(one[2])]
        board, aws, broker = seconds(self.board), seconds(self.aws), self.steps.get("broker", 0) / 1000
        chip, network = self.executed(self.board), seconds(networked) - self.executed(networked)
        yield "Python starts, imports, computes", self.total - board - aws - broker
        yield f"AWS IoT (moto), {len(self.aws)} calls", aws
        yield "a look at the broker's certificate", broker
        yield "the chip executes commands", chip
        yield "TLS and MQTT between board and broker", network
        yield (
            f"serial line and firmware, {len(self.board)} round trip{'s' * (len(self.board) > 1)}",
            board - chip - network,
        )


def seconds(intervals: list[Interval]) -> float:
    return sum(ended - began for began, ended, _ in intervals)


class User:
    """Has a board whose chip is ready and knows no key yet, and an account."""

    def __init__(self, chip: TimedChip, port: str, cloud: Cloud, folder: Path) -> None:
        self._chip = chip
        self._environment = {**os.environ, **cloud.environment(), "ATECC_PORT": port, "HOME": str(folder)}
        self._trace = folder / "trace.json"
        self.commands = {
            "atecc info": ["info"],
            "atecc provision aws": [
                *("provision", "aws", "--thing", f"thing-{port.rpartition('/')[2]}"),
                *("--server-ca", str(cloud.server_ca_file)),
            ],
        }

    def types(self, command: str) -> Run:
        self._chip.executed.clear()
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, TRACED, self._trace, "--json", *self.commands[command]],
            env=self._environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        total = time.monotonic() - began
        assert done.returncode == 0, done.stderr
        waits, answer = json.loads(self._trace.read_text()), json.loads(done.stdout)
        steps = {step["name"]: step["ms"] for step in answer.get("steps", ())}
        return Run(total, waits["board"], waits["aws"], list(self._chip.executed), steps)


@contextmanager
def users() -> Iterator[Callable[[], User]]:
    """Gives a function that has a board made for a new user of the same account."""
    with TemporaryDirectory() as name, Cloud(Path(name) / "cloud") as cloud, benches() as make:

        def user() -> User:
            chip = TimedChip(preset="tls", locked=True, clock=RealClock())
            return User(chip, make(chip).board.port, cloud, Path(name))

        yield user


def best(runs: int = 5) -> dict[str, Run]:
    """By command: the quickest of some runs, for the computer may have had something else to do."""
    found: dict[str, list[Run]] = {}
    with users() as new:
        for _ in range(runs):
            user = new()
            for command in user.commands:
                found.setdefault(command, []).append(user.types(command))
    return {command: min(made, key=lambda run: run.total) for command, made in found.items()}


def rows(runs: dict[str, Run]) -> Iterator[list[str]]:
    yield ["", "s"]
    for command, run in runs.items():
        yield [command, f"{run.total:.2f}"]
        yield from ([f"- {what}", f"{took:.2f}"] for what, took in run.shares() if took >= 0.005)

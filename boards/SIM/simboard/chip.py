"""A simulated chip as a process of its own."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

PACKAGES = Path(__file__).resolve().parents[1]
STOP_TIMEOUT_S = 5.0


class ChipFailed(Exception):
    """The chip didn't start; it has said why on stderr."""


class ChipProcess:
    """`python -m simchip` with `options`, listening in `directory` until it is closed."""

    def __init__(self, directory: Path, options: Sequence[str]) -> None:
        self.bus = f"unix:{directory / 'chip.sock'}"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "simboard.leash", "simchip", "--listen", self.bus, *options],
            env={"PYTHONPATH": str(PACKAGES), "PATH": ""},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            self.close()
            raise ChipFailed(f"the chip ended with status {self._process.returncode}")

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

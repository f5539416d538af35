"""Start the chip as a program of its own, for tests and the simulated board."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

READY = "listening on "
STOP_SECONDS = 5


class ChipDidNotStart(RuntimeError):
    """What the program said instead of its address."""


@contextmanager
def running_chip(*options: str | Path, listen: str = "tcp:127.0.0.1:0") -> Iterator[str]:
    """Run `python -m simchip` with these options; gives the address it listens on, stops it afterwards."""
    command = [sys.executable, "-m", "simchip", "--listen", listen, *map(str, options)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as program,
    ):
        try:
            yield _address(program, errors)
        finally:
            program.terminate()
            try:
                program.communicate(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                program.kill()


def _address(program: "subprocess.Popen[str]", errors: TextIO) -> str:
    line = program.stdout.readline() if program.stdout else ""
    if not line.startswith(READY):
        program.wait()
        errors.seek(0)
        raise ChipDidNotStart(errors.read().strip())
    return line.removeprefix(READY).strip()

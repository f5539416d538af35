"""The simulated board of a clone of this project, started as the program it is.

Nothing of it is imported: what simulates shares no module with what it simulates.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import secrets
import select
import subprocess
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

from atecc.channels import open_channel
from atecc.chip.config.slot import SIZES
from atecc.chip.config.zone import ConfigZone
from atecc.device import Device
from atecc.errors import AteccError, ChannelError

VARIABLE = "ATECC_SIM"
START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 5.0
PACKAGES = Path("boards", "SIM")
INTERPRETER = Path("build", "sim", "micropython")
HERE = Path("host", "atecc", "chip", "simulator.py")  # of a clone: this module
HOW = (
    "The simulated board is not part of the installed tool, for it is built from C. {which}\n"
    "  make -C {clone} sim\n"
    "Then this command again with --simulator {clone}, or once: export {variable}={clone}"
)


class SimulatorMissing(AteccError):
    """There is no simulated board here."""

    kind = "no-simulator"
    exit_status = 2


def find_clone(named: str | None = None) -> Path:
    """The clone to use: that of this very module, unless one is named. Its interpreter has been built.

    Nothing is looked for in other places: what is found there is going to be run.
    """
    if os.name == "nt":
        raise SimulatorMissing(
            "The simulated board runs on Linux. The chip was not touched.",
            "In WSL, with a clone of the project there, `make try` opens a shell with a simulated board.",
        )
    named = named or os.environ.get(VARIABLE)
    clone = Path(named).resolve() if named else _own_clone()
    if clone is None or not (clone / PACKAGES / "simboard").is_dir():
        where = f"In {named} there is no simulated board." if named else "There is no simulated board here."
        raise SimulatorMissing(f"{where} The chip was not touched.", _how())
    if not (clone / INTERPRETER).exists():
        raise SimulatorMissing(
            f"The simulated board in {clone} is not built yet. The chip was not touched.",
            f"make -C {clone} sim",
        )
    return clone


def _how() -> str:
    """The commands, with the clone that pip installed from, if it did and that is still there."""
    clone = _installed_from()
    which = "You installed from a clone of the project:" if clone else "In a clone of the project, DIR:"
    return HOW.format(which=which, clone=clone or "DIR", variable=VARIABLE)


def _installed_from() -> Path | None:
    """As pip keeps it (PEP 610). It is shown, and never used unasked: what lies there now may be something else."""
    try:
        kept = json.loads(importlib.metadata.distribution("atecc").read_text("direct_url.json") or "{}")
        clone = Path(unquote(urlsplit(kept["url"]).path)).parent
    except (importlib.metadata.PackageNotFoundError, ValueError, KeyError, TypeError):
        return None
    return clone if (clone / PACKAGES / "simboard").is_dir() else None


def _own_clone() -> Path | None:
    here = Path(__file__).resolve()
    clone = here.parents[len(HERE.parts) - 1]
    return clone if clone / HERE == here else None


def state_of(zone: ConfigZone, holding: Collection[int] = ()) -> str:
    """A chip's state file: this configuration, and in the slots `holding` keys that stand in for the real ones."""
    lines = ["config:", *_rows(zone.data), "otp:", *_rows(b"\xff" * 64)]
    for number, size in enumerate(SIZES):
        content = bytes(4) + _stand_in() if number in holding else b"\xff" * size
        lines += [f"slot {number}:", *_rows(content)]
    return "\n".join(lines) + "\n"


def _stand_in() -> bytes:
    """A private key for the simulation alone; below the order of P-256 by its first byte."""
    return b"\x01" + secrets.token_bytes(31)


def _rows(data: bytes) -> list[str]:
    return [f"  {n:02x}: {data[n : n + 16].hex(' ')}" for n in range(0, len(data), 16)]


class Simulator:
    """A simulated board with a chip of this state; use it with `with`."""

    def __init__(self, clone: Path, state: str) -> None:
        self._clone = clone
        self._state = state
        self._directory = tempfile.TemporaryDirectory(prefix="atecc-rehearsal-")
        self._process: subprocess.Popen[str] | None = None
        self.port = ""

    def __enter__(self) -> Self:
        state = Path(self._directory.name, "chip.state")
        state.write_text(self._state)
        state.chmod(0o600)
        self._log = Path(self._directory.name, "log").open("w+")
        try:
            self._process = subprocess.Popen(
                # The leash ends it when our end of its standard input closes, even if we are killed. Python looks for
                # modules in the current directory too, if it is started with -m: -P and a directory of our own.
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "simboard.leash",
                    "simboard",
                    "--virtual-time",
                    "--state",
                    str(state),
                ],
                cwd=self._directory.name,
                env=os.environ | {"PYTHONPATH": str(self._clone / PACKAGES)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                text=True,
                start_new_session=True,
            )
            self.port = self._first_line(self._process)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _first_line(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        if select.select([process.stdout], [], [], START_TIMEOUT_S)[0]:
            line = process.stdout.readline().strip()
            if line:
                return line
        self._log.seek(0)
        said = self._log.read().strip().splitlines()
        raise ChannelError(
            f"The simulated board did not start: {said[-1] if said else 'it said nothing'}.",
            f"The chip was not touched. Does `make -C {self._clone} board` work?",
        )

    def device(self) -> Device:
        return Device(open_channel(self.port))

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    stream.close()
        self._log.close()
        self._directory.cleanup()

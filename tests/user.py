"""Somebody who types `atecc` commands and reads what they say."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ready
from bench import Bench

# What `atecc` notes of its work at AWS, for all of this process's users.
STATE = TemporaryDirectory(prefix="atecc-state-")
TIMEOUT_S = 120
ATECC = Path(sys.executable).with_name("atecc")
PLAIN = {
    "NO_COLOR": "1",
    "COLUMNS": "200",
    "PATH": os.environ["PATH"],
    "HOME": os.environ["HOME"],
    "XDG_STATE_HOME": STATE.name,
    "LC_ALL": "C.UTF-8",
}


@dataclass
class Said:
    """What a command said, and how it ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class User:
    """Somebody at a keyboard, with a board on `port`. Every command is checked for tracebacks and secrets.

    Commands are run in processes that have imported everything already (ready.py); `starts`: as programs.
    """

    port: str
    environment: dict[str, str] = field(default_factory=dict)
    bench: Bench | None = None
    starts: bool = False

    def types(self, *command: str | Path, keys: str | None = None, **environment: str) -> Said:
        """Run `atecc` with these arguments; `keys` is what is typed into it."""
        everything = PLAIN | {"ATECC_PORT": self.port} | self.environment | environment
        if self.starts:
            done = subprocess.run(
                [ATECC, *map(str, command)],
                env=everything, input=keys, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
            )  # fmt: skip
        else:
            done = ready.run([*map(str, command)], everything, keys, TIMEOUT_S)
        said = Said(done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in said.out + said.err, said.err
        assert "PRIVATE KEY" not in said.out + said.err
        for name, value in (self.environment | environment).items():
            assert "SECRET" not in name or not value or value not in said.out + said.err
        return said

    def succeeds(self, *command: str | Path, **more: Any) -> Said:
        said = self.types(*command, **more)
        assert said.status == 0, said.err
        return said

    def fails(self, status: int, *command: str | Path, **more: Any) -> str:
        """The command ends with `status`; what it says of that, its line breaks made spaces."""
        said = self.types(*command, **more)
        assert said.status == status, f"status {said.status}: {said.err}"
        return re.sub(r"\s+", " ", said.err)

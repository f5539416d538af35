"""A line in a shell, typed at a terminal; what is asked there is answered."""

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

TIMEOUT_S = 90
SERIAL = re.compile(rb"chip ([0-9a-f]{18})")
# What the screen ends with, and what is typed then.
ANSWERS: dict[bytes, Callable[[bytes], bytes]] = {
    rb"\[y/N\]$": lambda screen: b"y",
    rb"to lock it:$": lambda screen: SERIAL.findall(screen)[-1],
    rb"Which network \(1-\d\)\?$": lambda screen: b"1",
    rb"Password of home:$": lambda screen: b"correct horse",
}


def typed(line: str, folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """How it ended, and what was seen."""
    here, there = pty.openpty()
    screen, answered = b"", 0
    with subprocess.Popen(
        ["bash", "-o", "pipefail", "-c", line], cwd=folder, env=environment, stdin=there, stdout=there, stderr=there
    ) as process:  # fmt: skip
        os.close(there)
        end = time.monotonic() + TIMEOUT_S
        while time.monotonic() < end and select.select([here], [], [], TIMEOUT_S)[0]:
            try:
                screen += os.read(here, 4096)
            except OSError:  # nobody has the other end any more
                break
            if len(screen) > answered and (answer := _answer(screen)):
                os.write(here, answer + b"\n")
                answered = len(screen)
        process.wait(TIMEOUT_S)
    os.close(here)
    return process.returncode, screen.decode(errors="replace")


def _answer(screen: bytes) -> bytes:
    asked = screen.rstrip()
    return next((answer(screen) for ends, answer in ANSWERS.items() if re.search(ends, asked)), b"")

"""What the README shows as a journey (```sh) is typed as it stands, at a terminal; what is asked is answered."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from simboard import Board
from user import PLAIN

ROOT = Path(__file__).parents[2]
JOURNEY = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
TIMEOUT_S = 90
SERIAL = re.compile(rb"chip ([0-9a-f]{18})")


def typed(line: str, folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """The line in a shell of its own, on a terminal; the questions of locking and writing are answered."""
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
            if screen.rstrip().endswith(b"[y/N]") and len(screen) > answered:
                os.write(here, b"y\n")
                answered = len(screen)
            elif screen.rstrip().endswith(b"to lock it:") and len(screen) > answered:
                os.write(here, SERIAL.findall(screen)[-1] + b"\n")
                answered = len(screen)
        process.wait(TIMEOUT_S)
    os.close(here)
    return process.returncode, screen.decode(errors="replace")


@pytest.fixture
def port():
    """In real time: an application's sleep would make a chip's virtual time pass."""
    with Board(chip_options=["--preset", "blank"]) as board:
        yield board.port


def test_the_journey_works_as_it_stands(port, cloud, tmp_path):
    """From a blank chip to an application's messages, one line after the other."""
    (tmp_path / "firmware").symlink_to(ROOT / "firmware")
    environment = PLAIN | cloud.environment() | {
        "ATECC_PORT": port,
        "SERVER_CA": str(cloud.server_ca_file),
        "HOME": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }  # fmt: skip
    lines = [line for block in JOURNEY for line in block.splitlines()]
    assert len(lines) > 15
    for line in lines:
        status, said = typed(line, tmp_path, environment)
        assert status == 0, f"{line}\n{said}"
        assert "Traceback" not in said and "PRIVATE KEY" not in said

"""`atecc console`: somebody types at the board's prompt, in a terminal."""

import os
import pty
import select
import subprocess
import time
from contextlib import contextmanager

import pytest
from simboard import Board
from user import ATECC, PLAIN, User

CTRL_C, CTRL_D, CTRL_BRACKET = b"\x03", b"\x04", b"\x1d"


class Terminal:
    """A keyboard and a screen with `atecc console` in between."""

    def __init__(self, port):
        self._here, there = pty.openpty()
        self.process = subprocess.Popen(
            [ATECC, "console"], env=PLAIN | {"ATECC_PORT": port}, stdin=there, stdout=there, stderr=there
        )
        os.close(there)
        self._screen = b""

    def types(self, keys):
        os.write(self._here, keys)

    def shows(self, wanted, seconds=20):
        """Wait for it; what stood before it is forgotten."""
        deadline = time.monotonic() + seconds
        while wanted not in self._screen:
            left = deadline - time.monotonic()
            assert left > 0, f"{wanted!r} never came: {self._screen[-500:]!r}"
            if select.select([self._here], [], [], left)[0]:
                self._screen += os.read(self._here, 4096)
        self._screen = self._screen.partition(wanted)[2]

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._here)


@contextmanager
def terminal(board):
    opened = Terminal(board.port)
    try:
        opened.shows(b"Ctrl-] leaves")
        opened.shows(b">>> ")
        yield opened
    finally:
        opened.close()


@pytest.fixture
def board():
    with Board(chip_options=["--preset", "tls", "--locked"]) as board:
        yield board


def test_typing_at_the_prompt(board):
    with terminal(board) as screen:
        screen.types(b"6 * 7\r")
        screen.shows(b"\r\n42\r\n>>> ")
        screen.types(b"while True: pass\r\r")
        screen.shows(b"pass")
        screen.types(CTRL_C)
        screen.shows(b"KeyboardInterrupt")
        screen.shows(b">>> ")
        screen.types(CTRL_BRACKET)
        assert screen.process.wait(20) == 0
    assert User(board.port).succeeds("--json", "info").json["chip"]["part"] == "ATECC608A"


def test_a_restart_is_seen_with_the_self_checks_line(board):
    with terminal(board) as screen:
        screen.types(CTRL_D)
        screen.shows(b"soft reboot")
        screen.shows(b"atecc: look at clock: not set")
        screen.shows(b">>> ")
        screen.types(CTRL_BRACKET)
        assert screen.process.wait(20) == 0


def test_nobody_at_a_terminal(board):
    assert "takes a terminal" in User(board.port).fails(2, "console", keys="1 + 1\n")

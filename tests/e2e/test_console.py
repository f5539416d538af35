"""`atecc console`: somebody types at the board's prompt, in a terminal."""

from contextlib import contextmanager

import pytest
from simboard import Board
from terminal import Terminal
from user import User

CTRL_C, CTRL_D, CTRL_BRACKET = b"\x03", b"\x04", b"\x1d"


@contextmanager
def terminal(board):
    with Terminal(board.port, "console") as opened:
        opened.shows(b"Ctrl-] leaves")
        opened.shows(b">>> ")
        yield opened


@pytest.fixture
def board():
    with Board(chip_options=["--preset", "tls", "--locked"]) as board:
        yield board


def test_typing_at_the_prompt(board):
    with terminal(board) as screen:
        screen.types(b"6 * 7\r")
        screen.shows(b"\r\n42\r\n>>> ")
        screen.types(b"""exec('print("be" + "gun")\\nwhile True: pass')\r""")
        screen.shows(b"begun")
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

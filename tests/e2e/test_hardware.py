"""The tests of real boards, run on the simulated one: so they are known to work, and to refuse."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from simboard import Board
from user import User

ROOT = Path(__file__).parents[2]


@pytest.fixture
def board():
    with Board(chip_options=["--preset", "tls", "--locked"]) as board:
        yield board


def run_hardware_tests(port, serial, **more):
    known = {
        k: v for k, v in os.environ.items() if k not in ("IRREVERSIBLE", "HARDWARE_PORT", "HARDWARE_SERIAL")
    }
    return subprocess.run(
        [sys.executable, "-m", "pytest", "tests/hardware", "-rs", "-p", "no:cacheprovider"],
        cwd=ROOT, env=known | {"HARDWARE_PORT": port, "HARDWARE_SERIAL": serial} | more,
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


def serial_of(board):
    return User(board.port).succeeds("--json", "info").json["chip"]["serial"]


def test_all_of_them_pass(board):
    user = User(board.port)
    user.succeeds("key", "generate", "2")
    done = run_hardware_tests(board.port, serial_of(board))
    assert done.returncode == 0, done.stdout
    assert "IRREVERSIBLE=1 allows it" in done.stdout
    assert done.stdout.count("SKIPPED") == 1, done.stdout
    keys = [
        user.succeeds("--json", "rpc", "call", "ATCA.KeyInfo", f'{{"slot": {n}}}').json["valid"]
        for n in (0, 1, 2)
    ]
    assert keys == [True, False, True], "the identity's slot has had a key made; slot 1 is untouched"
    assert user.succeeds("--json", "identity", "status").json["active"] is None


def test_what_can_not_be_undone_is_done_when_asked_for(board):
    done = run_hardware_tests(board.port, serial_of(board), IRREVERSIBLE="1")
    assert done.returncode == 0, done.stdout
    assert "IRREVERSIBLE=1 allows it" not in done.stdout


def test_another_chip_is_not_touched(board):
    done = run_hardware_tests(board.port, "0123456789abcdefee")
    assert done.returncode == 3
    assert "nothing was done" in done.stdout + done.stderr
    assert "passed" not in done.stdout


def test_no_board():
    assert run_hardware_tests("/dev/ttyNOWHERE", "0123456789abcdefee").returncode == 3


@pytest.mark.parametrize("given", [[], ["PORT=/dev/ttyUSB0"], ["SERIAL=0123456789abcdefee"]])
def test_without_port_and_serial_number_nothing_starts(given):
    done = subprocess.run(
        ["make", "test-hardware", *given], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "PORT=… and SERIAL=…" in done.stdout + done.stderr

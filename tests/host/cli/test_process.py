"""The command as a process: a real port, Ctrl-C, a reader that goes away."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time

from boardpty import BoardPty
from fakedevice import SERIAL, FakeDevice

ATECC = [sys.executable, "-c", "from atecc.cli import main; main()"]


def atecc(*args, **environment):
    environment = {k: v for k, v in os.environ.items() if k != "ATECC_PORT"} | environment
    return subprocess.run(
        [*ATECC, *args], capture_output=True, text=True, env=environment, check=False, timeout=20
    )


def test_through_a_real_port(tmp_path):
    with BoardPty(FakeDevice()) as board:
        done = atecc("info", "--json", ATECC_PORT=board.port)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["chip"]["serial"] == SERIAL


def test_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "atecc", "--version"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and done.stdout.startswith("atecc, version")


def test_no_board_at_all():
    done = atecc("info", "--port", "/dev/ttyNONE9")
    assert done.returncode == 3 and done.stdout == ""
    assert (
        done.stderr.startswith("Error: There is no serial port /dev/ttyNONE9.")
        and "Traceback" not in done.stderr
    )


def test_ctrl_c():
    with BoardPty(FakeDevice()) as board:
        board.misbehave = [None]
        process = subprocess.Popen([*ATECC, "--port", board.port, "info"], stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 10
        while not board.requests and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert process.returncode == 130 and "Interrupted" in err and "Traceback" not in err


def test_a_reader_that_goes_away():
    with BoardPty(FakeDevice()) as board:
        command = f"{shlex.join(ATECC)} --port {board.port} chip config get | true"
        done = subprocess.run(
            ["bash", "-c", command], capture_output=True, text=True, check=False, timeout=20
        )
    assert done.returncode == 0 and "Traceback" not in done.stderr and "Broken" not in done.stderr

"""`python -m simboard`, as a user runs it."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from repl import Repl
from simboard import Board

PACKAGES = Path(sys.modules[Board.__module__].__file__ or "").parents[1]
COMMAND = [sys.executable, "-m", "simboard"]
PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(PACKAGES)}


@contextmanager
def running(*options: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [*COMMAND, *map(str, options)],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout and process.stderr
    try:
        port = process.stdout.readline().strip()
        assert process.stderr.readline() == f"export ATECC_PORT={port}\n"
        yield process, port
    finally:
        process.terminate()
        process.communicate(timeout=10)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    """Whether the process runs; one that nobody has waited for yet doesn't."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_leaves_nothing_behind(signal_number: int) -> None:
    with running() as (process, port):
        started = children(process.pid)
        assert len(started) == 2, "an interpreter and a chip"
        with Repl(port, alone=True) as repl:
            assert repl.value("6 * 7") == 42
        process.send_signal(signal_number)
        assert process.wait(10) == 0
        assert not [pid for pid in started if alive(pid)]


def test_board_and_chip_die_with_their_runner() -> None:
    with running() as (process, _):
        started = children(process.pid)
        process.kill()
        for _ in range(100):
            if not any(alive(pid) for pid in started):
                return
            time.sleep(0.02)
    pytest.fail("something is still there")


def test_keeps_a_log_and_flash(tmp_path: Path) -> None:
    with (
        running("--no-chip", "--log", tmp_path / "log", "--flash", tmp_path / "board") as (_, port),
        Repl(port, alone=True) as repl,
    ):
        repl.run("print('for the log')")
    assert b"for the log\r\n" in (tmp_path / "log").read_bytes()
    assert {file.name for file in (tmp_path / "board").iterdir()} == {"flash.img", "mac"}


def test_hands_the_chips_options_on(tmp_path: Path) -> None:
    with running("--state", tmp_path / "chip", "--preset", "tls", "--locked", "--virtual-time", "--seed", 1):
        assert (tmp_path / "chip").exists()


def ready(process: subprocess.Popen[str]) -> str:
    """The address on the line that a program waits for."""
    assert process.stdout
    said, _, address = process.stdout.readline().strip().partition(": ")
    assert said == "ready"
    return address


def test_serves_callers_once_it_says_ready() -> None:
    with running("--rpc", "ws://127.0.0.1:0", "--bench", "--preset", "mos") as (process, _):
        url = ready(process).replace("ws://", "http://")
        with urllib.request.urlopen(f"{url}/ATCA.GetInfo", timeout=20) as answer:
            assert json.load(answer)["config_locked"] is False
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_says_how_to_call_it_and_hides_the_password() -> None:
    with running("--rpc", "ws://alice:cret@127.0.0.1:0") as (process, _):
        address = ready(process)
        process.terminate()
        assert process.stderr
        told = process.stderr.read()
    assert f"mos --port {address} --rpc-creds alice:PASSWORD" in told
    assert "cret" not in told + address


def test_what_it_says_to_type_works(tmp_path: Path) -> None:
    """Both lines for wss://, as they stand there."""
    with running("--rpc", "wss://127.0.0.1:0", "--into", tmp_path / "it's here") as (process, _):
        ready(process)
        assert process.stderr
        lines = list(iter(process.stderr.readline, "for example:\n"))
        assert len(lines) == 4
        for program in ("atecc", "curl"):
            words = shlex.split(process.stderr.readline())
            assert words[0] == program
            if shutil.which(program, path=PATH):
                done = subprocess.run(
                    words, env={**os.environ, "PATH": PATH}, capture_output=True, check=False
                )
                assert done.returncode == 0, done.stderr
                assert b"bench-board" in done.stdout


def test_heap_size() -> None:
    with running("--no-chip", "--heap", "128k") as (_, port), Repl(port, alone=True) as repl:
        assert repl.value("gc.mem_alloc() + gc.mem_free()", "import gc") < 128 * 1024


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--bus", "serial:0"], "'serial:0' is neither unix:PATH nor tcp:HOST:PORT"),
        (["--bus", "unix:/nowhere"], "nothing answers at unix:/nowhere"),
        (["--bus", "tcp:127.0.0.1:1", "--locked"], "--locked is for a chip that this board brings along"),
        (["--no-chip", "--preset", "tls"], "--preset is for a chip that this board brings along"),
        (["--no-chip", "--bus", "unix:x"], "--bus and --no-chip contradict each other"),
        (["--preset", "nonesuch"], "nonesuch"),
        (["--heap", "lots"], "'lots' is not a size"),
        (["--flash", "/proc/nothing/here"], "/proc/nothing"),
        (["--bench"], "--bench is for a board that is called over the network: --rpc"),
        (["--into", "here"], "--into is for a board that is called over the network: --rpc"),
        (["--rpc", "ws://127.0.0.1:0"], "add --bench, or say ws://user:password@"),
        (["--rpc", "wss://127.0.0.1:0", "--into", "/proc/nothing"], "/proc/nothing"),
        (["--rpc", "wss://127.0.0.1:0", "--no-chip", "--into", "$INTO"], "chip"),
    ],
)
def test_wrong_options_are_explained(options: list[str], sentence: str, tmp_path: Path) -> None:
    options = [option.replace("$INTO", str(tmp_path)) for option in options]
    done = subprocess.run(
        [*COMMAND, *options], env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr

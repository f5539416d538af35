"""Unmodified mpremote, operation by operation."""

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import serial
from mpremote.transport_serial import SerialTransport
from simboard import Board

Mpremote = Callable[..., str]


def test_exec_and_eval(mpremote: Mpremote) -> None:
    assert mpremote("exec", "print(6 * 7)") == "42\n"
    assert mpremote("eval", "'a' * 3") == "aaa\n"


def test_exception_is_reported(mpremote: Mpremote) -> None:
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        mpremote("exec", "1 / 0")


def test_run(mpremote: Mpremote, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("for i in range(3):\n    print(i)\n")
    assert mpremote("run", script) == "0\n1\n2\n"


def test_files_there_and_back(mpremote: Mpremote, tmp_path: Path) -> None:
    content = os.urandom(50_000)
    (tmp_path / "blob").write_bytes(content)
    mpremote("fs", "cp", tmp_path / "blob", ":blob")
    assert "50000 blob" in mpremote("fs", "ls")
    assert hashlib.sha256(content).hexdigest() in mpremote("fs", "sha256sum", "blob")
    mpremote("fs", "cp", ":blob", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == content
    mpremote("fs", "rm", ":blob")
    assert "blob" not in mpremote("fs", "ls")


def test_cat(mpremote: Mpremote, tmp_path: Path) -> None:
    (tmp_path / "note").write_text("über\n")
    mpremote("fs", "cp", tmp_path / "note", ":note", "+", "fs", "mkdir", ":folder")
    assert mpremote("fs", "cat", ":note") == "über\n"
    mpremote("fs", "rm", ":note", "+", "fs", "rmdir", ":folder")


def test_mount(mpremote: Mpremote, tmp_path: Path) -> None:
    (tmp_path / "mounted.py").write_text("print('from the host')\n")
    assert "from the host" in mpremote("mount", tmp_path, "exec", "import mounted")


def test_soft_reset_forgets_variables_and_keeps_files(mpremote: Mpremote) -> None:
    mpremote("exec", "kept = 1; open('kept', 'w').write('x')")
    assert mpremote("resume", "exec", "print(kept)") == "1\n"
    mpremote("soft-reset")
    assert mpremote("resume", "exec", "print('kept' in globals(), open('kept').read())") == "False x\n"


def test_reset(mpremote: Mpremote) -> None:
    mpremote("exec", "import machine; machine.RTC().datetime((2026, 1, 2, 0, 3, 4, 5, 0))")
    mpremote("reset", "sleep", "0.3")  # it waits a little itself
    told = mpremote("resume", "exec", "import time, machine; print(time.gmtime()[0], machine.reset_cause())")
    assert told == "2026 2\n"


@pytest.mark.parametrize("endless", ["while True: pass", "import time; time.sleep(1000)", "input()"])
def test_ctrl_c_ends_what_is_running(mpremote: Mpremote, endless: str) -> None:
    mpremote("exec", "--no-follow", endless)
    assert mpremote("exec", "print('free again')") == "free again\n"


def test_ctrl_c_is_a_keyboard_interrupt(bare: Board) -> None:
    transport = SerialTransport(bare.port, 115200)
    transport.enter_raw_repl(soft_reset=False)
    transport.exec_raw_no_follow(
        "import time\ntry:\n  print('sleeping')\n  time.sleep(99)\nexcept KeyboardInterrupt:\n  print('caught')"
    )
    transport.read_until(1, b"sleeping\r\n", timeout=5)
    transport.serial.write(b"\x03")
    assert transport.follow(5) == (b"caught\r\n", b"")
    transport.exit_raw_repl()
    transport.close()


def test_friendly_repl_and_paste_mode(bare: Board) -> None:
    with serial.Serial(bare.port, 115200, timeout=5) as port:
        port.write(b"\x03\x02")
        # Not up to the prompt: whoever had the port before may have left the end of another banner.
        assert port.read_until(b"SIM").endswith(b"SIM")
        port.write(b"\x05for i in range(2):\r    print('pasted', i)\r\x04")
        answer = port.read_until(b"pasted 1\r\n>>> ")
        assert answer.endswith(b"pasted 0\r\npasted 1\r\n>>> ")


def test_who_listens_late_hears_nothing_old_and_slows_nothing_down(bare: Board, mpremote: Mpremote) -> None:
    mpremote("exec", "--no-follow", "for i in range(20000): print('nobody listens', i)")
    time.sleep(1)
    assert mpremote("exec", "print('fresh')") == "fresh\n"

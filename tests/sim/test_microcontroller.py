"""What makes it a microcontroller: memory, threads, a filesystem of its own, resets, a power plug."""

from pathlib import Path

import pytest
from mpremote.transport_serial import SerialTransport
from repl import Repl, TransportExecError
from sim.scriptedbus import ScriptedBus, Wired
from simboard import Board, BoardDied, BoardError


def test_heap_is_as_small_as_an_esp32s(repl: Repl) -> None:
    total = repl.value("gc.mem_alloc() + gc.mem_free()", "import gc")
    assert 240_000 < total < 256 * 1024
    with pytest.raises(TransportExecError, match="MemoryError"):
        repl.run("x = bytearray(300_000)")


def test_stack_is_as_small_as_an_esp32s(repl: Repl) -> None:
    recursion = "def f(n): return 1 + f(n - 1) if n else 0\n"
    assert repl.value("f(50)", recursion) == 50
    assert "recursion" in repl.error("f(150)", recursion)


def test_threads_take_turns(repl: Repl) -> None:
    code = """
import _thread, time
total, done = 0, 0
def count():
    global total, done
    for _ in range(2000):
        total += 1
    done += 1
for _ in range(4):
    _thread.start_new_thread(count, ())
while done < 4:
    time.sleep_ms(1)
"""
    # A global += isn't atomic, but with a GIL that is only passed on at loops nothing gets lost.
    assert repl.value("total", code) == 8000


def test_a_threads_stack_is_small_unless_asked_for(repl: Repl) -> None:
    code = """
import _thread, time
def f(n): return 1 + f(n - 1) if n else 0
result = []
def attempt():
    try:
        result.append(f(40))
    except RuntimeError as e:
        result.append(str(e))
for size in (0, 16 * 1024):
    _thread.stack_size(size)
    _thread.start_new_thread(attempt, ())
    while len(result) < (1 if size == 0 else 2):
        time.sleep_ms(1)
_thread.stack_size(0)
"""
    assert repl.value("result", code) == ["maximum recursion depth exceeded", 40]


def test_stacks_take_esp_idfs_memory_and_give_it_back(repl: Repl) -> None:
    code = """
import _thread, esp32, time
def free():
    return esp32.idf_heap_info(esp32.HEAP_DATA)[0][1]
def wait():
    while gate.locked():
        time.sleep_ms(1)
seen = [free()]
gate = _thread.allocate_lock()
gate.acquire()
_thread.stack_size(20000)
for _ in range(3):
    _thread.start_new_thread(wait, ())
_thread.stack_size(0)
seen.append(free())
gate.release()
while free() < seen[0]:
    time.sleep_ms(1)
"""
    before, during = repl.value("seen", code)
    assert 3 * 20000 <= before - during < 3 * 20200


def test_esp_idfs_memory_runs_out() -> None:
    code = """
import _thread, esp32, tls, time
gate = _thread.allocate_lock()
gate.acquire()
def wait():
    gate.acquire()
    gate.release()
_thread.stack_size(15 * 1024)
started = 0
try:
    while started < 10:
        _thread.start_new_thread(wait, ())
        started += 1
except OSError as e:
    why = str(e)
_thread.stack_size(0)
total, free, largest, least = esp32.idf_heap_info(esp32.HEAP_DATA)[0]
import io
class Stream(io.IOBase):
    def ioctl(self, *args): return 0
try:
    tls.SSLContext(tls.PROTOCOL_TLS_CLIENT).wrap_socket(Stream(), do_handshake_on_connect=False, server_hostname="x")
    told = "enough"
except (OSError, MemoryError) as e:
    told = type(e).__name__
gate.release()
"""
    with Board(chip=False, bare=True, idf_heap="64k") as board, Repl(board.port, alone=True) as repl:
        numbers = repl.value("[started, why, total, free, largest, least, told]", code)
    assert numbers[:3] == [4, "can't create thread", 64 * 1024]
    assert 2_000 < numbers[4] <= numbers[3] == numbers[5] < 4 * 1024
    assert numbers[6] in ("MemoryError", "OSError")


def test_sees_its_own_flash_and_nothing_of_the_host(repl: Repl) -> None:
    assert repl.value("[os.getcwd(), sys.path, sys.argv]", "import os, sys") == [
        "/",
        ["", ".frozen", "/lib"],
        [],
    ]
    assert repl.value("os.statvfs('/')[0] * os.statvfs('/')[2]", "import os") == 2 * 1024 * 1024
    for path in ("/etc/passwd", "../../etc/passwd", "/proc/self/environ"):
        assert repl.error(f"open({path!r})").startswith("OSError(")
    assert repl.value("os.getenv('BOARD_FLASH')", "import os") is None


def test_flash_outlives_power(tmp_path: Path) -> None:
    with Board(chip=False, flash=tmp_path / "board") as board:
        with Repl(board.port, alone=True) as repl:
            repl.run("import os; f = open('old', 'w'); f.write('kept'); f.close(); os.rename('old', 'new')")
            identity = repl.value("machine.unique_id().hex()", "import machine")
            repl.run("unclosed = open('unclosed', 'w'); unclosed.write('lost')")
        board.power_cycle()
        with Repl(board.port, alone=True) as repl:
            assert repl.value("open('new').read()") == "kept"
            assert repl.error("open('old')") == "OSError(2,)"
            assert (
                repl.value("open('unclosed').read() if 'unclosed' in os.listdir() else ''", "import os") == ""
            )
    with Board(chip=False, flash=tmp_path / "board") as board, Repl(board.port, alone=True) as repl:
        assert repl.value("[open('new').read(), machine.unique_id().hex()]", "import machine") == [
            "kept",
            identity,
        ]
    with Board(chip=False) as other, Repl(other.port, alone=True) as repl:
        assert repl.value("machine.unique_id().hex()", "import machine") != identity


def test_boot_py_runs_first(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as sink, Board(chip=False, log=sink) as board:
        with Repl(board.port, alone=True) as repl:
            repl.run("f = open('boot.py', 'w'); f.write('print(\"booting\", __name__)'); f.close()")
        board.reset()
    assert b"booting __main__\r\n" in log.read_bytes()


def test_power_cycle_takes_the_chips_power_too() -> None:
    bus = ScriptedBus()
    with Board(bus=bus.name) as board:
        bus.requests.clear()
        board.reset()
        assert [request for request in bus.requests if request[:1] == b"P"] == []
        board.power_cycle()
        assert [request for request in bus.requests if request[:1] == b"P"] == [
            b"P\x00\x00\x01\x00",
            b"P\x00\x00\x01\x01",
        ]
    bus.close()


def test_a_chip_that_goes_away_is_an_empty_bus_and_time_goes_on(wired: Wired) -> None:
    bus = ScriptedBus()
    with Board(bus=bus.name) as board, Repl(board.port, alone=True) as repl:
        code = "import machine, board, time\ni2c = machine.I2C(0, scl=board.SCL, sda=board.SDA)\n"
        repl.run(code + "machine.RTC().datetime((2030, 1, 1, 0, 0, 0, 0, 0))")
        assert repl.value("i2c.writeto(0x60, b'x')", code) == 1
        bus.vanish()
        assert repl.error("i2c.writeto(0x60, b'x')", code) == "OSError(19,)"
        assert repl.value("[time.gmtime()[0], time.sleep_ms(20)]", code) == [2030, None]


def test_an_interpreter_that_dies_is_not_overlooked() -> None:
    board = Board(chip=False)
    board.start()
    assert board._process is not None
    board._process.kill()
    board.wait()
    with pytest.raises(BoardDied, match="ended by itself, with status -9"):
        board.stop()


def test_what_takes_memory_after_the_heap_was_swept_is_not_overlooked(tmp_path: Path) -> None:
    """An ESP32 prints "MPY: soft reboot" then, for dupterm too: who allocates overwrites what is in use."""
    code = """
import io, os
class Terminal(io.IOBase):
    def __init__(self): self.heard = b""
    def write(self, data):
        self.heard = self.heard[-8:] + data
        return len(data)
os.dupterm(Terminal())
"""
    log = tmp_path / "log"
    with log.open("wb") as sink:
        board = Board(chip=False, bare=True, log=sink)
        board.start()
        transport = SerialTransport(board.port, 115200, timeout=1)
        transport.enter_raw_repl(soft_reset=False)
        transport.exec(code)
        transport.serial.write(b"\x04")
        board.wait()
        transport.close()
        with pytest.raises(BoardDied, match="ended by itself, with status -"):
            board.stop()
    assert b"MPY: soft reboot" in log.read_bytes()


def test_nothing_to_attach_to() -> None:
    with pytest.raises(BoardError, match="nothing answers at unix:/nowhere"):
        Board(bus="unix:/nowhere").start()


def test_ctrl_c_disturbs_no_garbage_collection() -> None:
    """A collection waits for every thread; one that went on without a thread would free what that thread uses."""
    code = """
import _thread, gc, time
def work():
    while True:
        [bytes(50) for _ in range(20)]
        time.sleep_ms(1)
for _ in range(5): _thread.start_new_thread(work, ())
for _ in range(400):
    try:
        print('.', end='')
        while True: gc.collect()
    except KeyboardInterrupt:
        pass
"""
    with Board(chip=False) as board:
        transport = SerialTransport(board.port, 115200, timeout=1)
        transport.enter_raw_repl(soft_reset=True)
        transport.exec_raw_no_follow(code)
        for _ in range(400):
            assert transport.serial.read() == b"."
            transport.serial.write(b"\x03")
        assert transport.follow(5) == (b"", b"")
        transport.close()

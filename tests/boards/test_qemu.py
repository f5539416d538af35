"""`make firmware-test`, without QEMU: its bus over TCP, its options, its tests, with a simulated board in its place."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from bench import GEN_KEY, WatchedChip
from boards.places import ROOT
from ports import free_port
from qemu import Emulated, NoEmulator
from repl import Repl
from simboard import Board
from simchip.clock import RealClock
from simchip.server import Server, parse_endpoint
from simcloud.broker import free_address

from boards import standin

SHIM = ROOT / "boards/ESP32_QEMU_C3/machine.py"
DRIVE = """
import board, machine
from atecc608 import ATECC608
chip = ATECC608(lambda freq: machine.I2C(board.I2C, scl=machine.Pin(9), sda=machine.Pin(8), freq=freq), board.I2C_HZ)
i2c = machine.I2C(0, freq=100_000)
"""


def put(repl: Repl, name: str, text: str) -> None:
    repl.run(f"with open({name!r}, 'w') as f: f.write(given)", text)


@pytest.fixture
def shimmed():
    """A board whose own bus is empty, with the shim in its flash, and the chip that the shim reaches."""
    chip = WatchedChip(preset="tls", locked=True, clock=RealClock())
    server = Server(chip, parse_endpoint("tcp:127.0.0.1:0"))
    threading.Thread(target=server.serve).start()
    host, port = str(server.endpoint).removeprefix("tcp:").split(":")
    with Board(chip=False) as board:
        with Repl(board.port) as repl:
            put(repl, "/machine.py", SHIM.read_text())
            put(repl, "/board.py", (SHIM.parent / "board.py").read_text() + f"BUS = ({host!r}, {port})\n")
        board.reset()
        with Repl(board.port, alone=True) as repl:
            yield repl, chip
    server.stop()


def test_the_driver_works_over_the_shim(shimmed) -> None:
    repl, chip = shimmed
    chip.transfers.clear()
    assert repl.value("chip.config().part", DRIVE) == "ATECC608A"
    assert repl.value("len(chip.GenKey(0))", DRIVE) == 64
    assert GEN_KEY in chip.commands
    assert {hz for *_, hz in chip.transfers} == {100_000}


def test_the_shim_is_an_esp32s_i2c(shimmed) -> None:
    """Nobody there is ENODEV; an empty write reaches the bus, an empty read doesn't; the rest of machine is there."""
    repl, chip = shimmed
    assert repl.error("i2c.writeto(0x11, b'x')", DRIVE) == "OSError(19,)"
    assert repl.error("i2c.readfrom(0x11, 4)", DRIVE) == "OSError(19,)"
    chip.transfers.clear()
    woken = """
import time
try:
    i2c.writeto(0, b"")
except OSError as e:
    found = e.errno
time.sleep_ms(3)
"""
    read = "[found, len(i2c.readfrom(0x60, 0)), i2c.readfrom(0x60, 4)[0]]"
    assert repl.value(read, DRIVE + woken) == [19, 0, 4]
    assert [(address, kind) for address, kind, *_ in chip.transfers] == [(0, "W"), (0x60, "R")]
    assert repl.value("[i2c.scan(), len(machine.unique_id())]", DRIVE) == [[0x60], 6]


QEMU = f"""#!{sys.executable}
import re, sys
sys.path[:0] = [{str(ROOT / "boards/SIM")!r}, {str(ROOT / "host")!r}]
from simboard import Board
open({{seen}}, "w").write("\\n".join(sys.argv[1:]))
with Board(bus="tcp:127.0.0.1:{{bus}}") as board:
    print("char device redirected to " + board.port + " (label serial0)", flush=True)
    board.wait()
"""


@pytest.fixture
def emulator(tmp_path: Path):
    """A folder with a QEMU in it that is none, and the port at which it looks for a chip."""
    bus = free_port()
    program = tmp_path / "bin/qemu-system-riscv32"
    program.parent.mkdir()
    program.write_text(QEMU.format(seen=repr(str(tmp_path / "arguments")), bus=bus))
    program.chmod(0o755)
    return program.parent, bus


@pytest.mark.waits
def test_the_whole_path(emulator, tmp_path: Path) -> None:
    folder, bus = emulator
    image = standin.write(tmp_path / "firmware.bin", "esp32c3")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/emulated", "-rs", "-s", "-p", "no:cacheprovider"],
        cwd=ROOT,
        env=os.environ
        | {"QEMU_IMAGE": str(image), "QEMU_PATH": str(folder), "QEMU_HOST": free_address(), "QEMU_BUS": str(bus)},
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert "from_afar: " in done.stdout, "the memory that was left"
    arguments = (tmp_path / "arguments").read_text().split("\n")
    assert arguments[arguments.index("-M") + 1] == "esp32c3"
    flash = next(one for one in arguments if "if=mtd" in one).split(",")[0].removeprefix("file=")
    assert os.stat(flash).st_size == 4 * 1024 * 1024


def test_without_qemu_it_is_told_where_it_comes_from(tmp_path: Path) -> None:
    with pytest.raises(NoEmulator, match=r"idf_tools.py install qemu-riscv32"):
        Emulated(standin.write(tmp_path / "firmware.bin", "esp32c3"), tmp_path, 1, str(tmp_path))


def test_a_qemu_that_does_not_start(tmp_path: Path) -> None:
    program = tmp_path / "qemu-system-riscv32"
    program.write_text("#!/bin/sh\necho 'no machine esp32c3'; exit 1\n")
    program.chmod(0o755)
    image = standin.write(tmp_path / "firmware.bin", "esp32c3")
    with pytest.raises(NoEmulator, match="QEMU does not start: no machine esp32c3"):
        Emulated(image, tmp_path, 1, str(tmp_path)).__enter__()

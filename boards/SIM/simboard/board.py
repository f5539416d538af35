"""The board itself: the interpreter's process, its flash, its serial port and its chip."""

import os
import secrets
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Self

from simboard import bus as i2c
from simboard.chip import ChipFailed, ChipProcess
from simboard.serialport import SerialPort

BUILD = Path(__file__).resolve().parents[3] / "build"
MICROPYTHON = BUILD / "sim" / "micropython"
MICROPYTHON_32 = BUILD / "sim32" / "micropython"  # objects as large as a microcontroller's

# An object is twice as large as on a microcontroller: this is an ESP32's 128 KB without PSRAM.
HEAP = "256k"
# What ESP-IDF has beside it, for TLS and for the threads' stacks: of a board with PSRAM.
IDF_HEAP = "512k"
# A block of something that no file system begins with.
STALE = bytes(range(256)) * 16
BOOT_TIMEOUT_S = 5.0


class BoardError(Exception):
    """The board can't be started; the text is for people."""


class BoardDied(BoardError):
    """The interpreter ended by itself, which is a defect of the simulation."""


class Board:
    """A simulated board. `port` is its serial port; use it as a context manager, or start() and stop().

    `bus` attaches it to a chip that runs already (unix:PATH or tcp:HOST:PORT); otherwise it gets a new one,
    started with `chip_options`, or with `chip=False` none at all. `flash` is a directory that keeps what the
    board's flash and fuses hold. `air` is a file that says what Wi-Fi there is (see README.md), and may be
    replaced at any time. Without `pull_ups` nothing works on the I2C bus; a `bare` board runs MicroPython and nothing
    of this project, until it is copied to its flash. The flash is blank at first, or `stale`: it holds what is no file
    system, as where another firmware was before. `log` gets everything the board says. `heap` is MicroPython's,
    `idf_heap` what TLS and the threads' stacks have; the heap `grows` into
    it as on an ESP32, if that is said. `program` may be MICROPYTHON_32, whose heap of "128k" is what HEAP
    is for MICROPYTHON.
    """

    def __init__(  # noqa: PLR0913 (what may be different about a board)
        self,
        *,
        bus: str | None = None,
        chip: bool = True,
        chip_options: Sequence[str] = (),
        flash: Path | None = None,
        air: Path | None = None,
        heap: str = HEAP,
        idf_heap: str = IDF_HEAP,
        pull_ups: bool = True,
        bare: bool = False,
        stale: bool = False,
        grows: bool = False,
        log: IO[bytes] | None = None,
        program: Path = MICROPYTHON,
    ) -> None:
        self.bus = bus
        self._chip_options = chip_options if chip and bus is None else None
        self._flash = flash
        self._air = air
        self._heap = heap
        self._idf_heap = idf_heap
        self._pull_ups = pull_ups
        self._bare = bare
        self._stale = stale
        self._grows = grows
        self._log = log
        self._program = program
        self._stack = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def port(self) -> str:
        """The device to connect to, as in `mpremote connect PORT`."""
        return self._serial.name

    @property
    def pid(self) -> int:
        """The process that the board is while it has power."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Solder everything together, and switch the power on."""
        if not self._program.exists():
            raise BoardError(f"{self._program} isn't there: `make {self._program.parent.name}` builds it")
        try:
            with ExitStack() as stack:
                self._assemble(stack)
                self._stack = stack.pop_all()
        except (i2c.BusError, ChipFailed) as error:
            raise BoardError(str(error)) from None

    def _assemble(self, stack: ExitStack) -> None:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="simboard-")))
        if self._chip_options is not None:
            self.bus = stack.enter_context(ChipProcess(directory, self._chip_options)).bus
        elif self.bus is not None:
            i2c.connect(self.bus).close()
        self._parts = self._flash or directory
        self._parts.mkdir(parents=True, exist_ok=True)
        if self._stale and not self._image.exists():
            self._image.write_bytes(STALE)
        self._serial = SerialPort(self._log)
        stack.callback(self._serial.close)
        stack.callback(self._power_off)
        self._power_on()

    @property
    def _image(self) -> Path:
        return self._parts / "flash.img"

    def stop(self) -> None:
        """Switch off and take apart; a flash directory stays."""
        self._stack.close()

    def wait(self) -> int:
        """Until the interpreter ends, which on a board it never does; its status."""
        assert self._process is not None
        return self._process.wait()

    def reset(self) -> None:
        """The reset button: the interpreter starts from nothing, the chip notices nothing."""
        self._power_off()
        self._power_on()

    def power_cycle(self) -> None:
        """Pull the plug, in the middle of whatever happens, and put it in again."""
        self._power_off()
        if self.bus is not None:
            i2c.power(self.bus, on=False)
            i2c.power(self.bus, on=True)
        self._power_on()

    def _power_on(self) -> None:
        solder = {
            "BOARD_FLASH": str(self._image.resolve()),
            "BOARD_ID": self._mac().hex(),
            "BOARD_IDFHEAP": self._idf_heap,
        }
        if self.bus is not None:
            solder["BOARD_BUS"] = self.bus
        if self._air is not None:
            solder["BOARD_AIR"] = str(self._air.resolve())
        if not self._pull_ups:
            solder["BOARD_LINES"] = "loose"
        if self._bare:
            solder["BOARD_BARE"] = "yes"
        if self._grows:
            solder["BOARD_GROWS"] = "yes"
        self._process = subprocess.Popen(
            [self._program, "-X", f"heapsize={self._heap}", "-m", "_board"],
            env=solder,
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        ready = self._serial.attach(self._process.stdin, self._process.stdout)
        ready.wait(BOOT_TIMEOUT_S)  # a main.py that never ends is fine

    def _power_off(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        fate = process.poll()
        process.kill()
        process.wait()
        self._serial.detach()
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            stream.close()
        if fate is not None:
            raise BoardDied(f"the interpreter ended by itself, with status {fate}")

    def _mac(self) -> bytes:
        """The address in the board's fuses: locally administered, and its own for good."""
        fuses = self._parts / "mac"
        if not fuses.exists():
            fuses.write_text(bytes([2, *secrets.token_bytes(5)]).hex() + os.linesep)
        return bytes.fromhex(fuses.read_text())

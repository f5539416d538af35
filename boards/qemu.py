"""An ESP32-C3 in Espressif's QEMU, for `make firmware-test`: the board ESP32_QEMU_C3 with a serial port of its own.

QEMU's options are those of ESP-IDF (tools/idf_py_actions/qemu_ext.py); without a file of eFuses it plays revision 0.3.
"""

import os
import re
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Self

QEMU = "qemu-system-riscv32"
FLASH = 4 * 1024 * 1024
START_S = 30.0
# What QEMU says of `-serial pty`.
_REDIRECTED = re.compile(rb"char device redirected to (\S+)")


class NoEmulator(Exception):
    """Why there is none; the text is for people."""


class Emulated:
    """The board whose `image` this is, on the serial port `port`, until the `with` ends.

    `forward` is a port of the computer's loopback that leads to the same port of the board. `path` is where QEMU is
    looked for, like PATH.
    """

    def __init__(self, image: Path, into: Path, forward: int, path: str | None = None) -> None:
        program = shutil.which(QEMU, path=path)
        if program is None:
            raise NoEmulator(
                f"There is no {QEMU}. ESP-IDF brings one: python $IDF_PATH/tools/idf_tools.py install qemu-riscv32"
            )
        self._flash = into / "flash.img"
        self._flash.write_bytes(image.read_bytes().ljust(FLASH, b"\xff"))
        self._command = [
            program, "-M", "esp32c3", "-nographic", "-monitor", "none", "-serial", "pty",
            "-drive", f"file={self._flash},if=mtd,format=raw",
            "-global", "driver=timer.esp32c3.timg,property=wdt_disable,value=true",
            "-nic", f"user,model=open_eth,hostfwd=tcp:127.0.0.1:{forward}-:{forward}",
        ]  # fmt: skip

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        try:
            self.port = self._redirected()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _redirected(self) -> str:
        assert self._process.stdout is not None
        said, deadline = b"", time.monotonic() + START_S
        while time.monotonic() < deadline:
            if not select.select([self._process.stdout], [], [], 0.1)[0]:
                continue
            more = os.read(self._process.stdout.fileno(), 4096)
            if not more:
                break
            said += more
            if match := _REDIRECTED.search(said):
                return match[1].decode()
        raise NoEmulator(f"QEMU does not start: {said.decode(errors='replace').strip() or 'it says nothing'}")

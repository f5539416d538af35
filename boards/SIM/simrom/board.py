"""The board: a chip with its flash, its port, and the circuit that resets it with RTS and DTR."""

import contextlib
import os
import tempfile
import threading
import tty
from pathlib import Path
from typing import Any, Self

from simboard.board import Board

from simrom.chips import MODELS
from simrom.flash import DATA, SECTOR, Flash
from simrom.loader import Loader
from simrom.port import NetworkPort, PtyPort

MB = 1024 * 1024
# For so long the chip's EN rises: DTR and RTS come one by one over a network, and IO0 is looked at when EN is up.
RISE_S = 0.4
# Where simboard keeps its files; larger than the partition, which is why the flash has more room than that takes.
FILES = 512 * SECTOR
LOOP_S = 0.1


class FlashBoard:
    """A board on `port`, for use with `with`. It starts what is in `flash`: simboard's Board, if that is an image with
    a partition `vfs`; and else it says why not, over and over.

    With `lines` its port is an rfc2217:// URL, and RTS and DTR reset it. Without them it is a pty, and somebody's
    finger resets it: press_reset(), and unless `finger` is false, when a tool has compared what it has written.
    `secure_boot` and `encrypted` are its eFuses. `options` are Board's. `flash.bytes` may be looked at, and changed,
    while nothing runs.
    """

    def __init__(
        self,
        model: str = "esp32c3",
        size: int = 8 * MB,
        *,
        secure_boot: bool = False,
        encrypted: bool = False,
        lines: bool = False,
        finger: bool = True,
        **options: Any,
    ) -> None:
        self.model = MODELS[model]
        self.flash = Flash(size)
        self._fuses = {self.model.mac[0]: 0x11223344, self.model.mac[1]: 0x0200}
        for (register, mask), burnt in (
            (self.model.secure_boot, secure_boot),
            (self.model.encryption, encrypted),
        ):
            self._fuses[register] = mask if burnt else 0
        self._lines = lines
        self._finger = finger and not lines
        self._options = options
        self._en = True
        self._rising: threading.Timer | None = None
        self._loop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._board: Board | None = None
        self._pty = -1
        self._changing = threading.RLock()
        self.loader: Loader | None = None
        self.starts = 0

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="simrom-")
        self._files = Path(self._folder.name)
        self._line: NetworkPort | PtyPort = (
            NetworkPort(self._heard, self._moved) if self._lines else PtyPort(self._heard)
        )
        self.port = self._line.url
        return self

    def __exit__(self, *_: object) -> None:
        self._line.close()
        self._stop()
        self._folder.cleanup()

    # Its buttons, and its cable

    def press_reset(self, boot: bool = False) -> None:
        """With the button BOOT held or not."""
        self._stop()
        self._start(download=boot)

    def unplug(self) -> None:
        """Whoever uses the port loses it; the chip stays as it is."""
        self._line.hang_up()

    def files(self) -> bytes:
        """What is in its file system's partition, while it runs."""
        return (self._files / "flash.img").read_bytes()

    # RTS and DTR: one alone pulls EN or IO0 down, both together nothing.

    def _moved(self, rts: bool, dtr: bool) -> None:
        en, io0 = not (rts and not dtr), not (dtr and not rts)
        with self._changing:
            if self._rising is not None and (not en or not io0):
                self._rising.cancel()
                self._rising = None
                if not io0:
                    self._start(download=True)
            elif self._en and not en:
                self._stop()
            elif en and not self._en:
                self._rising = threading.Timer(RISE_S, self._risen)
                self._rising.start()
            self._en = en

    def _risen(self) -> None:
        with self._changing:
            if self._rising is threading.current_thread():
                self._rising = None
                self._start(download=False)

    # Started

    def _start(self, download: bool) -> None:
        self.starts += 1
        self._say(self.model.banner.format(self.model.download if download else self.model.run))
        if download:
            self._say("waiting for download\r\n")
            self.loader = Loader(self.model, self.flash, self._fuses, self._line.say)
            return
        why = self.flash.why_not_started(self.model.bootloader)
        if why is None:
            self._run()
        else:
            self._begin(self._fail_for_ever, why)

    def _run(self) -> None:
        """MicroPython, with the partition `vfs` as its flash."""
        place = self.flash.partition(DATA, b"vfs")
        assert place is not None, "an image with firmware, and no file system"
        (self._files / "flash.img").write_bytes(self.flash.read(place, FILES))
        self._board = Board(flash=self._files, **self._options)
        self._begin(self._carry)

    def _begin(self, work: Any, *arguments: Any) -> None:
        self._loop.clear()
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _fail_for_ever(self, why: str) -> None:
        while not self._loop.wait(LOOP_S):
            self._say(self.model.banner.format(self.model.run) + why + "\r\n")

    def _carry(self) -> None:
        """What the board says, from its pty to the network."""
        board = self._board
        assert board is not None
        board.start()
        self._pty = os.open(board.port, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._pty)
        os.set_blocking(self._pty, False)
        while not self._loop.wait(0.002):
            with contextlib.suppress(BlockingIOError):
                self._line.say(os.read(self._pty, 4096))

    def _stop(self) -> None:
        """EN is down: nothing runs, and the flash has what was written to it."""
        self._loop.set()
        while self._threads:
            self._threads.pop().join()
        self.loader = None
        if self._board is not None:
            board, self._board = self._board, None
            board.stop()
            os.close(self._pty)
            self._pty = -1
            place = self.flash.partition(DATA, b"vfs")
            assert place is not None
            self.flash.bytes[place : place + FILES] = self.files()

    # The line

    def _say(self, text: str) -> None:
        self._line.say(text.encode())

    def _heard(self, data: bytes, baud: int | None) -> None:
        if self.loader is not None:
            if baud is None or baud == self.loader.baud or not self.loader.stub:
                self._load(self.loader, data)
        elif self._pty >= 0:  # MicroPython runs
            while data:
                with contextlib.suppress(BlockingIOError):
                    data = data[os.write(self._pty, data) :]

    def _load(self, loader: Loader, data: bytes) -> None:
        compared = loader.compared
        loader.hear(data)
        if loader.compared > compared and self._finger:
            self.press_reset()

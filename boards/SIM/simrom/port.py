"""The chip's serial port: a pty, which is fast, or one on the network (RFC 2217), which carries RTS and DTR as well."""

import contextlib
import os
import pty
import select
import socket
import threading
import tty
from collections.abc import Callable
from typing import Any

from serial.rfc2217 import PortManager

LOOPBACK = "127.0.0.1"


class Lines:
    """What pyserial's server side takes for its serial port: settings, and the two lines that `moved` hears of."""

    bytesize, parity, stopbits = 8, "N", 1
    xonxoff = rtscts = break_condition = False
    cts = dsr = ri = cd = False

    def __init__(self, moved: Callable[[bool, bool], None]) -> None:
        self.baudrate = 115200
        self._moved = moved
        self._rts = self._dtr = False

    def reset_input_buffer(self) -> None:
        """Nothing is kept here."""

    reset_output_buffer = reset_input_buffer

    @property
    def rts(self) -> bool:
        return self._rts

    @rts.setter
    def rts(self, on: bool) -> None:
        self._rts = on
        self._moved(self._rts, self._dtr)

    @property
    def dtr(self) -> bool:
        return self._dtr

    @dtr.setter
    def dtr(self, on: bool) -> None:
        self._dtr = on
        self._moved(self._rts, self._dtr)


class PtyPort:
    """Two ends of a line without RTS and DTR; `url` is what to open. `heard(data, None)` is told."""

    def __init__(self, heard: Callable[[bytes, int | None], None]) -> None:
        self._heard = heard
        self._master, self._slave = pty.openpty()  # the slave stays open, so that users can come and go
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.url = os.ttyname(self._slave)
        self._stop_reader, self._stop_writer = os.pipe()
        self._gone = False
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def close(self) -> None:
        os.write(self._stop_writer, b"x")
        self._thread.join()
        self.hang_up()
        os.close(self._slave)
        os.close(self._stop_reader)
        os.close(self._stop_writer)

    def hang_up(self) -> None:
        """As if the cable were pulled. Nobody else's line gets the name until this one is closed."""
        if not self._gone:
            self._gone = True
            os.close(self._master)

    def say(self, data: bytes) -> None:
        """To the user; lost where nobody reads it for a while."""
        while data and not self._gone:
            if not select.select([], [self._master], [], 0.5)[1]:
                return
            with contextlib.suppress(BlockingIOError):
                data = data[os.write(self._master, data[:1024]) :]

    def _carry(self) -> None:
        while not self._gone and self._stop_reader not in (ready := self._ready()):
            if ready:
                with contextlib.suppress(OSError):
                    self._heard(os.read(self._master, 1 << 16), None)

    def _ready(self) -> list[int]:
        return select.select([self._master, self._stop_reader], [], [])[0]


class NetworkPort:
    """Listens for one user at a time; `url` is what to open. `heard(data, baud)` and `moved(rts, dtr)` are told."""

    def __init__(
        self, heard: Callable[[bytes, int | None], None], moved: Callable[[bool, bool], None]
    ) -> None:
        self._heard = heard
        self._moved = moved
        self._listening = socket.create_server((LOOPBACK, 0))
        self.url = f"rfc2217://{LOOPBACK}:{self._listening.getsockname()[1]}"
        self._user: socket.socket | None = None
        self._manager: Any = None
        self._writing = threading.RLock()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        # shutdown() wakes up who waits in accept() or recv(); close() alone does not.
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self.hang_up()
        self._thread.join()
        self._listening.close()

    def hang_up(self) -> None:
        """As if the cable were pulled."""
        user = self._user
        if user is not None:
            with contextlib.suppress(OSError):
                user.shutdown(socket.SHUT_RDWR)

    def say(self, data: bytes) -> None:
        """To the user; lost if there is none."""
        with self._writing:
            if self._manager is not None:
                self.write(b"".join(self._manager.escape(data)))

    def write(self, data: bytes) -> None:
        """As pyserial's server side wants it: what is escaped already."""
        with self._writing, contextlib.suppress(OSError):
            if self._user is not None:
                self._user.sendall(data)

    def _serve(self) -> None:
        while True:
            try:
                self._user, _ = self._listening.accept()
            except OSError:
                return
            self._user.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            lines = Lines(self._moved)
            with self._writing:
                self._manager = PortManager(lines, self)
            self._carry(self._user, lines)
            with self._writing:
                self._manager = None
                self._user.close()
                self._user = None

    def _carry(self, user: socket.socket, lines: Lines) -> None:
        with contextlib.suppress(OSError):
            while data := user.recv(1 << 16):
                plain = b"".join(self._manager.filter(data))
                if plain:
                    self._heard(plain, lines.baudrate)

"""The board's serial port: a pty that outlives both the board's power and whoever opens it."""

import contextlib
import fcntl
import os
import pty
import select
import struct
import termios
import threading
import tty
from typing import IO

CHUNK = 4096
PATIENCE_MS = 500
# What a board says last when it has started, or when it never will (port/_boot.py).
PROMPT = b">>> "
STUCK = b"programming).\r\n"


class SerialPort:
    """Carries bytes between the pty's user and the board's standard input and output.

    As on a real port, what the board says while nobody listens is lost, and so is what is said to a board
    without power.
    """

    def __init__(self, log: IO[bytes] | None = None) -> None:
        self._log = log
        self._master, self._slave = pty.openpty()  # the slave stays open, so that users can come and go
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.name = os.ttyname(self._slave)
        self._deaf = False
        self._to_board: int | None = None
        self._from_board: threading.Thread | None = None
        self._stop_reader, self._stop_writer = os.pipe()
        self._from_host = threading.Thread(target=self._carry_in, daemon=True)
        self._from_host.start()

    def attach(self, stdin: IO[bytes], stdout: IO[bytes]) -> threading.Event:
        """Connect a board that has just got power. The event is set when its REPL is ready."""
        ready = threading.Event()
        self._to_board = stdin.fileno()
        self._from_board = threading.Thread(target=self._carry_out, args=(stdout, ready), daemon=True)
        self._from_board.start()
        return ready

    def detach(self) -> None:
        """The board has lost its power: take its last words."""
        self._to_board = None
        if self._from_board is not None:
            self._from_board.join()
            self._from_board = None

    def close(self) -> None:
        self.detach()
        os.write(self._stop_writer, b"x")
        self._from_host.join()
        for descriptor in (self._master, self._slave, self._stop_reader, self._stop_writer):
            os.close(descriptor)

    def _carry_in(self) -> None:
        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        poll.register(self._stop_reader, select.POLLIN)
        while not any(descriptor == self._stop_reader for descriptor, _ in poll.poll()):
            with contextlib.suppress(BlockingIOError):
                data = os.read(self._master, CHUNK)
                if self._to_board is not None:
                    with contextlib.suppress(BrokenPipeError, OSError):
                        os.write(self._to_board, data)

    def _carry_out(self, stdout: IO[bytes], ready: threading.Event) -> None:
        tail = b""
        while data := os.read(stdout.fileno(), CHUNK):
            if self._log is not None:
                self._log.write(data)
                self._log.flush()
            self._deliver(data)
            tail = (tail + data)[-len(STUCK) - 2 :]
            if tail.endswith(PROMPT) or STUCK in tail:
                ready.set()
        ready.set()

    def _deliver(self, data: bytes) -> None:
        """To whoever listens: a listener may be slow, but when nothing is read for a while there is none."""
        if self._deaf and self._unread():
            termios.tcflush(self._slave, termios.TCIFLUSH)
        else:
            self._deaf = False
        while data:
            try:
                data = data[os.write(self._master, data) :]
            except BlockingIOError:
                if not self._room():
                    self._deaf = True
                    termios.tcflush(self._slave, termios.TCIFLUSH)
                    return

    def _unread(self) -> int:
        answer = fcntl.ioctl(self._slave, termios.FIONREAD, bytes(4))
        return int(struct.unpack("i", answer)[0])

    def _room(self) -> bool:
        """Whether the port takes more within the time one has patience for."""
        poll = select.poll()
        poll.register(self._master, select.POLLOUT)
        return any(event & select.POLLOUT for _, event in poll.poll(PATIENCE_MS))

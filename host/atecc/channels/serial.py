"""USB: frames handed to the board's dispatcher through MicroPython's raw REPL, with mpremote as a library.

The board is never reset: what runs on it is interrupted, not restarted. The reply stands on a line of its
own between triple quotes with its CRC-32 behind it (firmware/rpc/README.md, "Over USB"); everything else that
the board prints is its log.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
import time
import zlib
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport
from serial import SerialTimeoutException

from atecc.channels.babble import why_no_prompt, why_overdue
from atecc.channels.ports import why_not_open
from atecc.errors import ChannelError, ChannelTimeout, CodeFailed, CorruptReply, FirmwareMissing
from atecc.log import traffic
from atecc.visible import Prompt

logger = logging.getLogger(__name__)
board_log = logging.getLogger("atecc.board")

BAUDRATE = 115200
ENTER_ATTEMPTS = 3
ENTER_TIMEOUT = 3.0
# Whoever was silent for so long has stopped talking, in seconds.
PAUSE = 1.0
MOST_OUTPUT = 1 << 20
MOST_HEARD = 1 << 12
_REPLY = re.compile(rb'^"""(\{.*\})([0-9a-f]{8})"""\r?$', re.MULTILINE)


class SerialChannel:
    """A board on a serial port."""

    def __init__(self, port: str) -> None:
        self.port = port
        try:
            self._transport = SerialTransport(port, baudrate=BAUDRATE, timeout=1)
        except (TransportError, OSError, ValueError) as error:
            raise why_not_open(port) from error
        self._line = _BoundedLine(self._transport.serial)
        self._transport.serial = self._line
        # Where nothing has arrived yet mpremote sleeps for 10 ms, except on a pty: there it waits in read(), as here.
        self._transport.is_pty = True

    def request(self, frame: bytes, timeout: float) -> bytes:
        return self.requests([frame], timeout)[0]

    def requests(self, frames: Sequence[bytes], timeout: float) -> list[bytes]:
        """See Batched."""
        for frame in frames:
            traffic(logger, "→", frame)
        calls = [f"serial.call({frame.decode()!r}, {zlib.crc32(frame)})" for frame in frames]
        output, trouble = self._run("; ".join(["from rpc import serial", *calls]), timeout)
        replies = _replies_in(output, trouble, len(frames))
        for frame, reply in zip(frames, replies, strict=True):
            traffic(logger, "←", reply, frame)
        return replies

    def _run(self, code: str, timeout: float) -> tuple[bytes, bytes]:
        """What the code printed, and the traceback that it ended with."""
        with self._explained():
            self._enter()
            self._line.allow(timeout)
            self._transport.exec_raw_no_follow(code)
            return self._line.until(b"\x04"), self._line.until(b"\x04")

    def execute(self, code: str, timeout: float) -> str:
        """See Terminal."""
        traffic(logger, "→", code.encode())
        output, trouble = self._run(code, timeout)
        traffic(logger, "←", output)
        if trouble.strip():
            raise CodeFailed(trouble.decode(errors="replace").strip().splitlines()[-1])
        return output.decode(errors="replace")

    @contextlib.contextmanager
    def transport(self, timeout: float) -> Iterator[SerialTransport]:
        """mpremote's own, at the raw prompt, for what it can do with a board's files; its errors become ours."""
        with self._explained():
            self._enter()
            self._line.allow(timeout)
            yield self._transport

    def reset(self) -> None:
        """As its button does it. Returns at once; the board needs a moment."""
        with self._explained():
            self._enter()
            self._line.allow(ENTER_TIMEOUT)
            self._transport.exec_raw_no_follow("import machine; machine.reset()")
        self._transport.in_raw_repl = False

    def console(self) -> None:
        """The terminal is the board's prompt until Ctrl-] is typed; what else it would act on is written out."""
        from mpremote.console import Console
        from mpremote.repl import do_repl_main_loop

        with self._explained():
            self._enter()
            self._transport.exit_raw_repl()
        self._transport.serial = self._line.unbounded  # for as long as somebody types
        terminal, prompt = Console(), Prompt()

        def show(data: bytes) -> None:
            terminal.write(prompt.harmless(bytes(data)))

        terminal.enter()
        try:
            show(self._line.taken())
            gone = do_repl_main_loop(
                SimpleNamespace(transport=self._transport),
                terminal,
                show,
                escape_non_printable=False,
                code_to_inject=None,
                file_to_inject=None,
            )
        finally:
            terminal.exit()
            self._transport.serial = self._line
        if gone:
            raise ChannelError(f"The board on {self.port} is gone: it was unplugged, or it lost power.")

    def close(self) -> None:
        self._line.allow(1)
        with contextlib.suppress(OSError, TransportError):
            if self._transport.in_raw_repl:
                self._transport.exit_raw_repl()
        with contextlib.suppress(OSError):
            self._transport.close()

    def _enter(self) -> None:
        if self._transport.in_raw_repl:
            return
        began = time.monotonic()
        for attempt in range(1, ENTER_ATTEMPTS + 1):
            self._line.allow(ENTER_TIMEOUT + 1)
            try:
                self._transport.enter_raw_repl(soft_reset=False, timeout_overall=ENTER_TIMEOUT)
            except TransportError:
                logger.debug("no raw REPL at attempt %d", attempt)
            except _Overdue:  # it talks all the time: perhaps because it starts, and that has an end
                logger.debug("no pause in what it says at attempt %d", attempt)
                if self._line.flooded:
                    break
            else:
                return
        seconds = time.monotonic() - began
        raise why_no_prompt(self.port, bytes(self._line.heard), seconds, self._line.talking)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """mpremote's and the system's errors as ours; its prints kept away from standard output."""
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                yield
        except _Overdue:
            self._transport.in_raw_repl = False
            line = self._line
            raise why_overdue(self.port, line.waited, line.received, line.talking) from None
        except TransportError as error:
            self._transport.in_raw_repl = False
            raise CorruptReply(
                f"The talk with the board on {self.port} got out of step ({error}).",
                "A bad cable or a second program on the port does that. Try again.",
            ) from error
        except KeyboardInterrupt:
            # What the board was asked to do goes on: the next request has to interrupt it.
            self._transport.in_raw_repl = False
            raise
        except SerialTimeoutException:
            self._transport.in_raw_repl = False
            raise ChannelTimeout(
                f"The board on {self.port} takes no byte within {self._line.write_timeout} s: it hangs, or its "
                "flow control holds.",
                "Its RESET button gives it a fresh start.",
            ) from None
        except OSError as error:
            self._transport.in_raw_repl = False
            raise ChannelError(
                f"The board on {self.port} is gone: it was unplugged, or it lost power.",
                "Plug it in and run the command again: it starts where nothing is lost.",
            ) from error


class _Overdue(Exception):
    """The time allowed for a request is over."""


class _BoundedLine:
    """A serial port on which nothing waits, or babbles, for ever: mpremote itself has no limit in places.

    It takes what has arrived at one go, and hands it on piece by piece: mpremote asks for single bytes.
    """

    write_timeout = 5

    def __init__(self, port: Any) -> None:
        self._port = port
        self._held = bytearray()  # has arrived, and was not asked for yet
        try:
            port.write_timeout = self.write_timeout
        except NotImplementedError:
            # A port on the network (rfc2217://) has none, and stumbles over it until it is taken back.
            port.write_timeout = None
        except (OSError, ValueError):
            pass
        self.heard = bytearray()  # the last of what came
        self.allow(ENTER_TIMEOUT)

    @property
    def unbounded(self) -> Any:
        return self._port

    def allow(self, seconds: float) -> None:
        self._began = self._last = time.monotonic()
        self._deadline = self._began + seconds
        self.received = 0

    @property
    def waited(self) -> float:
        """Seconds since the time began that was allowed."""
        return time.monotonic() - self._began

    @property
    def flooded(self) -> bool:
        return self.received > MOST_OUTPUT

    @property
    def talking(self) -> bool:
        """Whether something has come in this time, and just now too."""
        return self.flooded or (self.received > 0 and time.monotonic() - self._last < PAUSE)

    def read(self, size: int = 1) -> bytes:
        """`size` bytes; a single one may stay away until the port's own patience ends."""
        self._take(size)
        while size > 1 and len(self._held) < size:
            self._check()
            self._take(size)
        self._check()
        return self.taken(size)

    def until(self, end: bytes) -> bytes:
        """What comes before `end`, one byte, which is taken as well."""
        while (found := self._held.find(end)) < 0:
            self._check()
            self._take(len(self._held) + 1)
        return self.taken(found + 1)[:-1]

    def taken(self, size: int | None = None) -> bytes:
        """What is held, or the first `size` bytes of it."""
        data = bytes(self._held[:size])
        del self._held[:size]
        return data

    def inWaiting(self) -> int:
        self._check()
        return len(self._held) + int(self._port.inWaiting())

    def _take(self, size: int) -> None:
        """If fewer than `size` bytes are held: wait for one, and take what has come with it."""
        if len(self._held) < size:
            data: bytes = self._port.read(1)
            if data and (more := int(self._port.inWaiting())):
                data += self._port.read(more)
            self.received += len(data)
            self._last = time.monotonic() if data else self._last
            self._held += data
            self.heard += data
            del self.heard[:-MOST_HEARD]

    def write(self, data: bytes) -> Any:
        return self._port.write(data)

    def close(self) -> None:
        self._port.close()

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("rts", "dtr"):
            setattr(self._port, name, value)
        else:
            object.__setattr__(self, name, value)

    def _check(self) -> None:
        if time.monotonic() > self._deadline or self.flooded:
            raise _Overdue


def _replies_in(output: bytes, trouble: bytes, count: int) -> list[bytes]:
    """The replies among the board's output; anything else there goes to the log."""
    found = _REPLY.findall(output)
    for line in _REPLY.sub(b"", output).splitlines():
        if line.strip():
            board_log.info("%s", line.decode(errors="replace"))
    if trouble.strip():
        _raise_for_traceback(trouble.decode(errors="replace"))
    if len(found) < count:
        raise CorruptReply("The board's answer is cut off or garbled.", "Try again; try another cable.")
    return [_checked(*one) for one in found[-count:]]


def _checked(reply: bytes, crc: bytes) -> bytes:
    if zlib.crc32(reply) != int(crc, 16):
        raise CorruptReply(
            "The board's answer was damaged on the way (its CRC-32 is wrong).",
            "Try again; try another cable.",
        )
    return bytes(reply)


def _raise_for_traceback(text: str) -> None:
    for line in text.splitlines():
        board_log.info("%s", line)
    last = text.strip().splitlines()[-1]
    if last.startswith(
        ("ImportError", "ModuleNotFoundError", "AttributeError: 'module' object has no attribute 'call'")
    ):
        raise FirmwareMissing(
            "The board runs MicroPython, but not this project's firmware.",
            'The README, "On a real board", tells how it gets there.',
        )
    if last.startswith(("SyntaxError", "IndentationError")):
        raise CorruptReply("The request was damaged on its way to the board, which ignored it.", "Try again.")
    if last.startswith("MemoryError"):
        raise ChannelError("The board ran out of memory.", "Reset it and try again.")
    raise ChannelError(
        f"The firmware stumbled: {last}",
        "That is a defect of the firmware: please report it, with -vv's output.",
    )

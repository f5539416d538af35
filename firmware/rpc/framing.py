"""Mongoose OS's frames on the port of the REPL (README.md), once its client was found there (console.py)."""

import select
import sys
from binascii import crc32

from micropython import const

from . import serial
from .caller import owner

_SHAKE = '"""\x04"""'
_CTRL_C = b"\x03"
_SILENCE_MS = const(30000)
_LINE_MAX = const(12400)
_LONG = const(12390)  # a frame and its CRC-32 are shorter; triple quotes are not counted


class Framing:
    """Takes frames from standard input while it runs, and prints the replies."""

    def __init__(self, handle):
        self._handle = handle
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)

    def run(self):
        """Until Ctrl-C, something that is no frame, or a long silence; what was read of that."""
        print(_SHAKE)
        while True:
            line, more = self._line()
            if not more or not self._take(line):
                return line

    def _line(self):
        """(line, True): what stands up to the next line's end; of a long one, enough to say so.

        (what, False): `what` begins no frame, or it is empty and there was silence.
        """
        if not self._poll.poll(_SILENCE_MS):
            return b"", False
        line = bytearray()
        while True:
            # Within a line there is no waiting for silence: it costs time for each byte. Ctrl-C ends it as well.
            c = sys.stdin.buffer.read(1)
            if c in b"\r\n":
                return bytes(line), True
            if c == _CTRL_C or (not line and c not in b'" \t{\x04'):
                return c, False
            if len(line) < _LINE_MAX:
                line += c

    def _take(self, line):
        """Act on a line; False if it is none of the framing's."""
        line = line.strip(b'" \t')
        if line == b"\x04":
            print(_SHAKE)
        elif line[:1] == b"{":
            self._answer(line)
        return not line or line[:1] in b"{\x04"

    def _answer(self, line):
        if len(line) >= _LONG:  # its end is not here
            serial.show(self._handle(line, owner))
            return
        end = line.rfind(b"}") + 1
        frame, crc = line[:end], line[end:].strip()
        damaged = crc and not _matches(crc, frame)
        serial.show(serial.DAMAGED if damaged else self._handle(frame, owner))


def _matches(crc, frame):
    try:
        # The client's metadata may go on behind a comma.
        return int(crc.split(b",")[0], 16) == crc32(frame)
    except ValueError:
        return False

"""Mongoose OS's framing on the port of the REPL (README.md).

Its client looks for a device by sending triple quotes around a Ctrl-D. At the prompt that is an expression, the empty
string, and MicroPython hands the value of an expression to a function of this name, which may be replaced: the prompt
is never anything but the prompt, until that very value appears.
"""

import builtins
import select
import sys
from binascii import crc32

from micropython import const

from . import serial
from .caller import owner

_SHAKE = '"""\x04"""'
_SILENCE_MS = const(30000)
_LINE_MAX = const(16500)


def hook(namespace, handle):
    """Let the REPL whose names are in `namespace` (__main__'s dict) find `handle(text, admit)` behind the framing."""
    show = builtins.__repl_print__

    def repl_print(value):
        if type(value) is str and value == "":
            Framing(handle).run()
        else:
            show(value)

    namespace["__repl_print__"] = repl_print


class Framing:
    """Takes frames from standard input while it runs, and prints the replies."""

    def __init__(self, handle):
        self._handle = handle
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)

    def run(self):
        """Until Ctrl-C, something that is no frame, or a long silence."""
        print(_SHAKE)
        try:
            while True:
                line = self._line()
                if line is None or not self._take(line):
                    return
        except KeyboardInterrupt:
            pass

    def _line(self):
        """What stands up to the next line's end, without its quotes; None after a long silence."""
        line = []
        size = 0
        while size < _LINE_MAX:
            if not self._poll.poll(_SILENCE_MS):
                return None
            c = sys.stdin.read(1)
            if c in "\r\n":
                return "".join(line).replace('"""', "")
            line.append(c)
            size += 1
        return "?"

    def _take(self, line):
        """Act on a line; False if it is none of the framing's."""
        text = line.strip()
        if text == "\x04":
            print(_SHAKE)
        elif text[:1] == "{":
            self._answer(text)
        return not text or text[0] in "{\x04"

    def _answer(self, text):
        end = text.rfind("}") + 1
        text, crc = text[:end], text[end:].strip()
        damaged = crc and not _matches(crc, text)
        serial.show(serial.DAMAGED if damaged else self._handle(text, owner))


def _matches(crc, text):
    try:
        # The client's metadata may go on behind a comma.
        return int(crc.split(",")[0], 16) == crc32(text.encode())
    except ValueError:
        return False

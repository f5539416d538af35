"""Mongoose OS's framing on the port of the REPL (README.md).

Its client looks for a device by sending triple quotes around a Ctrl-D, again and again. The prompt ignores the Ctrl-D
and echoes six quotes, one by one, and that is what is watched for here, as a duplicate terminal (os.dupterm) that
otherwise only listens: the REPL itself stays as it is.
"""

import io
import os
import sys

import _thread
from micropython import const

import lazily
import line

# The client's probe, as it is echoed: a prompt, printed at once, and six quotes, one by one; or those of two probes,
# behind half a line that somebody may have left there. A prompt counts as much as the first six quotes.
_PROMPT = const(6)
_FOUND = const(12)
_RAW = b"raw REPL; CTRL-B to exit\r\n"
_CTRL_C = b"\x03"


def _nothing():
    pass


class Watch(io.IOBase):
    """A terminal that is told what the REPL prints, and finds the client in its echo; `run()` is called then."""

    def __init__(self, run):
        self._seen = 0
        self._steps = (_nothing, self._found)
        self._hosts = (_nothing, self._host)
        self._run = run
        self._typed = b""

    # No jumps in these: at a jump MicroPython may raise KeyboardInterrupt; dupterm would swallow it, and drop us.

    def write(self, data):
        # Nothing here takes memory: at a soft reset an ESP32 sweeps the heap, all of it, and prints one more line then.
        # What was allocated for that line would overwrite this very object.
        prompt = data == b">>> "
        line.hosted = line.hosted > prompt
        self._hosts[data == _RAW]()
        self._seen = seen = (self._seen + 1) * (data == b'"') + _PROMPT * prompt
        self._steps[seen == _FOUND]()
        return len(data)

    def readinto(self, buffer):
        typed = self._typed[:1]
        self._typed = self._typed[1:]
        buffer[: len(typed)] = typed
        return (None, 1)[len(typed)]

    def _host(self):
        """From now on no program prints between a host's answers; what is being printed is waited for."""
        line.lock.acquire()
        line.hosted = True
        line.lock.release()

    def _found(self):
        """Serve the client; then the REPL gets rid of the probes on its line, and what was no frame is typed there."""
        self._seen = 0
        if _thread.get_ident() == line.main:  # quotes that another thread prints are nobody's echo
            self._host()
            self._typed = _CTRL_C + self._run()
            os.dupterm_notify(None)

    def ioctl(self, _request, _argument):
        return 0


_watches = []


def watch(handle):
    """From now on let Mongoose OS's client find `handle(text, admit)` at the prompt; the first call counts."""
    if not _watches:
        _watches.append(Watch(lambda: _serve(handle)))
        os.dupterm(_watches[0])


def _serve(handle):
    try:
        return lazily.load("rpc.framing").Framing(handle).run()
    except Exception as e:
        sys.print_exception(e)
        return b""

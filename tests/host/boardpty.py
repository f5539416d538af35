"""A board at the other end of a serial port: MicroPython's raw REPL on a pty, spoken by a device in memory.

`misbehave` replaces what the board prints for one request; without `micropython` it is a board that says `babble`,
whatever it hears.
"""

import ast
import os
import pty
import select
import threading
import tty
import zlib

BANNER = b"raw REPL; CTRL-B to exit\r\n>"
IMPORT = "from rpc import serial; "


class BoardPty:
    """Start with `with`; `port` is what to connect to."""

    def __init__(self, device, micropython=True, babble=b"\xf0\x00 login: \r\n"):
        self.device = device
        self.micropython = micropython
        self.babble = babble
        self.misbehave = []
        self.unplug_at = None
        self.requests = 0

    def __enter__(self):
        self.master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        self.port = os.ttyname(self._slave)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        for fd in (self.master, self._slave):
            if fd is not None:
                os.close(fd)

    def _serve(self):
        seen = b""
        while not self._stop.is_set():
            if not select.select([self.master], [], [], 0.02)[0]:
                continue
            try:
                seen += os.read(self.master, 4096)
            except OSError:
                return
            seen = self._react(seen) if self.micropython else self._gibberish()

    def _write(self, data):
        """Everything, unless the test is over: nobody may be reading any more."""
        while data and not self._stop.is_set():
            if select.select([], [self.master], [], 0.02)[1]:
                data = data[os.write(self.master, data[:1024]) :]

    def _gibberish(self):
        self._write(self.babble)
        return b""

    def _react(self, seen):
        if seen.endswith(b"\x05A\x01"):
            self._write(b"R\x00")
            return b""
        if seen.endswith(b"\x01"):
            self._write(b"\r\n" + BANNER)
            return b""
        if seen.endswith(b"\x04"):
            self._write(b"OK")
            self._run(seen[:-1].decode())
            return b""
        return seen

    def _run(self, code):
        self.requests += 1
        if self.unplug_at == self.requests:
            self._unplug()
            return
        output, trouble = self._evaluate(code)
        if output is None:
            return
        self._write(output + b"\x04" + trouble + b"\x04>")

    def _unplug(self):
        # The other end stays open: nobody else's pty gets this one's name, at which the user may look once more.
        master, self.master = self.master, None
        os.close(master)
        self._stop.set()

    def _evaluate(self, code):
        if self.misbehave:
            answer = self.misbehave.pop(0)
            if answer is None or not callable(answer):
                return answer if answer else (None, b"")
            return answer(*self._honest(code))
        return self._honest(code)

    def _honest(self, code):
        assert code.startswith(IMPORT), code
        return b"".join(self._reply(*call) for call in calls_in(code)), b""

    def _reply(self, frame, crc):
        assert crc == zlib.crc32(frame.encode())
        reply = self.device.request(frame.encode(), 1)
        return b'a line of log\r\n"""%s%08x"""\r\n' % (reply, zlib.crc32(reply))


def calls_in(code):
    """The arguments of each serial.call(…)."""
    calls = [line.value for line in ast.parse(code).body[1:]]
    assert all(ast.unparse(call.func) == "serial.call" for call in calls), code
    return [[ast.literal_eval(argument) for argument in call.args] for call in calls]

"""The owner's program: /main.py, and the package /app. It runs beside the device.

In a thread of its own, for what comes over the cable interrupts the main one only. A thread can't be killed: to stop it
is to ask, and who asks to be told is told by the interface (atecc), which then raises SystemExit in it.
"""

import io
import os
import sys
from binascii import crc32

import _thread
import machine
from micropython import const

import lazily
import threads
import uptime
from identity.record import Record
from link import clock

FOLDER = "/app"
_MAIN = "/main.py"
# MicroPython itself runs /main.py, in the main thread: where no frozen one hides it, it is what starts the device.
_MOVED = "/program.py"
# A program that fails so often within a minute of starting is left alone until it changes.
_TRIES = const(3)
_EARLY_MS = const(60_000)
_AGAIN_MS = const(1000)
_START_S = const(15)  # from a reset until a program runs, and the watchdog's own patience
_HUNG = "the watchdog has reset the device, again within a minute of starting"
_TRACE_MAX = const(1200)
_LINES_MAX = const(16)
_LINE_MAX = const(200)
_PART = const(256)
_FILE = const(0x8000)


def sources(frozen):
    """The programs that there are: paths. `atecc install` moves a main.py of the owner's to /program.py."""
    return [path for path in (_MAIN if frozen else _MOVED, FOLDER) if _is_there(path)]


def _is_there(path):
    try:
        os.stat(path + "/__init__.py" if path == FOLDER else path)
        return True
    except OSError:
        return False


def files():
    """[(name, size, CRC-32)] of what is in the folder."""
    try:
        names = sorted(entry[0] for entry in os.ilistdir(FOLDER) if entry[1] & _FILE)
    except OSError:
        return []
    return [(name, os.stat("%s/%s" % (FOLDER, name))[6], crc_of("%s/%s" % (FOLDER, name))) for name in names]


def crc_of(path):
    crc, part = 0, bytearray(_PART)
    with open(path, "rb") as f:
        while size := f.readinto(part):
            crc = crc32(memoryview(part)[:size], crc)
    return crc


class Application:
    """One program, at `path`. `state`: `running`, `ended`, `failed`, `stopping`, `stopped`, or `left alone`.

    started: since when (uptime.ms); trace: of the last exception, or None; lines: what it has told (atecc.log).
    """

    def __init__(self, path):
        self.path = path
        self._record = Record("/application.%s" % ("app" if path == FOLDER else "main"))
        kept = self._record.load() or {}
        self._kept = kept if isinstance(kept, dict) else {}
        self._thread = None
        self.state = "stopped"
        self.started = None
        self.lines = []

    @property
    def trace(self):
        return self._kept.get("trace")

    @property
    def failures(self):
        """How often in a row what is there now has failed early."""
        return self._kept.get("failures", 0) if self._kept.get("of") == self._digest() else 0

    @property
    def off(self):
        return self._kept.get("off", False)

    def _digest(self):
        """Of what is there now; None while that is just being replaced."""
        try:
            return crc32(repr(files()).encode()) if self.path == FOLDER else crc_of(self.path)
        except OSError:
            return None

    def _keep(self, **news):
        self._kept = self._kept | news
        try:
            self._record.save(self._kept)
        except OSError:
            pass  # a full flash stops no program

    def begin(self):
        """At the start of the device."""
        if machine.reset_cause() == getattr(machine, "WDT_RESET", None) and not self.off:
            self._hung()
        if self.off:
            self.state = "stopped"
        elif self.failures >= _TRIES:
            self.state = "left alone"
        else:
            self._run()

    def _hung(self):
        """The watchdog has reset the device. How long the program had run tells only the watchdog's reset before: flash
        is written at these, and at no other start."""
        now = clock.now()
        again = now - self._kept.get("hung", 0) < _EARLY_MS // 1000 + _START_S
        failures = self.failures + 1 if again else 1
        news = {"of": self._digest(), "failures": failures, "hung": now}
        if failures >= _TRIES:
            news["trace"] = _HUNG
        self._keep(**news)

    def start(self):
        """Because somebody says so: its failures are forgiven."""
        if self.state in ("running", "stopping"):
            return
        if self.off or self.failures:
            self._keep(off=False, failures=0)
        self._run()

    def stop(self):
        """Ask it to end, and don't start it again until somebody says so."""
        if not self.off:
            self._keep(off=True)
        self.state = "stopping" if self._thread else "stopped"

    @property
    def wanted(self):
        return self.state != "stopping"

    def is_me(self):
        """Whether it is this program's thread that asks."""
        return self._thread == _thread.get_ident()

    def note(self, text):
        text = text.rstrip()[:_LINE_MAX]
        if text:
            self.lines = self.lines[1 - _LINES_MAX :] + [text]

    def _run(self):
        self.state = "running"
        self.started = uptime.ms()
        threads.start(threads.APPLICATION, self._main)

    def _main(self):
        self._thread = _thread.get_ident()
        lazily.keep("prints").of(self)
        try:
            while self._once():
                threads.pause(_AGAIN_MS)
        finally:
            self._thread = None

    def _once(self):
        """Run it; whether it is to be run again."""
        self.state = "running"
        self.started = uptime.ms()
        try:
            _execute(self.path)
            self.state = "ended" if self.wanted else "stopped"
            return False
        except SystemExit:
            self.state = "ended" if self.wanted else "stopped"
            return False
        except BaseException as e:  # KeyboardInterrupt too, which it can only have raised itself
            return self._failed(e)

    def _failed(self, error):
        early = uptime.ms() - self.started < _EARLY_MS
        failures = self.failures + 1 if early else 1
        self._keep(of=self._digest(), failures=failures, trace=_trace(error))
        if not self.wanted:
            self.state = "stopped"
        elif failures >= _TRIES:
            self.state = "left alone"
        else:
            self.state = "failed"
            return True
        return False


def _trace(error):
    """Its traceback without the first line, and without this module's own: the end of it, if it is long."""
    text = io.StringIO()
    sys.print_exception(error, text)
    lines = [line for line in text.getvalue().split("\n")[1:] if 'File "application.py"' not in line]
    return "\n".join(lines)[-_TRACE_MAX:]


def _execute(path):
    if path != FOLDER:
        with open(path) as f:
            code = f.read()
        exec(code, {"__name__": "__main__", "__file__": path})  # noqa: S102
        return
    for name in [name for name in sys.modules if name.partition(".")[0] == "app"]:
        del sys.modules[name]
    if "/" not in sys.path:
        sys.path.append("/")
    app = __import__("app")
    main = getattr(app, "main", None)
    if main:
        result = main()
        if hasattr(result, "send"):
            import asyncio

            asyncio.get_event_loop().set_exception_handler(_unseen)
            asyncio.run(result)


def _unseen(_loop, context):
    """A task has failed that nobody waits for."""
    lazily.keep("prints").exception(context["exception"])

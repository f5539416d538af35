"""Runs code on a board through its raw REPL, and brings values back as JSON."""

import json
from types import TracebackType
from typing import Any, Self

from mpremote.transport import TransportExecError
from mpremote.transport_serial import SerialTransport

# For how long nothing may be printed: on a busy machine much longer than mpremote's ten seconds.
_PATIENCE_S = 90


class _Line:
    """A serial line of which mpremote, which asks for one byte at a time, gets it from what has come by then."""

    def __init__(self, line: Any) -> None:
        self._line = line
        self._came = b""

    def read(self, size: int = 1) -> bytes:
        if len(self._came) < size:
            self._came += self._line.read(max(size - len(self._came), self._line.in_waiting))
        data, self._came = self._came[:size], self._came[size:]
        return data

    def inWaiting(self) -> int:
        """By the old name, which mpremote uses."""
        return len(self._came) + int(self._line.in_waiting)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._line, name)


class Repl:
    """A board's MicroPython on `port`. Each call starts in a namespace of its own.

    alone: stop the device first, whose threads run beside (by a soft reset, which leaves main.py out).
    """

    def __init__(self, port: str, alone: bool = False) -> None:
        self._transport = SerialTransport(port, 115200, timeout=1)
        self._transport.serial = _Line(self._transport.serial)
        self._transport.enter_raw_repl(soft_reset=alone)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._transport.close()

    def soft_reset(self) -> None:
        self._transport.enter_raw_repl(soft_reset=True)

    def hard_reset(self) -> None:
        """The board resets some time after this; its REPL is to be opened anew."""
        self._transport.exec_raw_no_follow("import machine; machine.reset()")

    def run(self, code: str, given: Any = None) -> str:
        """Execute `code` with `given` in sight; what it printed. A MicroPython exception is a TransportExecError."""
        source = f"import gc, json\ngc.collect()\ngiven = json.loads({json.dumps(given)!r})\n{code}\n"
        return self.run_in_main(f"exec({source!r}, {{}})")

    def run_in_main(self, code: str) -> str:
        """Execute `code` in the REPL's own namespace, where names stay."""
        printed, error = self._transport.exec_raw(code, timeout=_PATIENCE_S)
        if error:
            raise TransportExecError(printed, error.decode())
        return str(printed.decode())

    def value(self, expression: str, setup: str = "", given: Any = None) -> Any:
        """The value of `expression` after `setup`."""
        return json.loads(self.run(f"{setup}\nprint(json.dumps({expression}))", given))

    def error(self, statement: str, setup: str = "", given: Any = None) -> str:
        """The text of the exception that `statement` raises; it must raise one of Exception's kind."""
        code = f"{setup}\ntry:\n    {statement}\n    print('no error')\nexcept Exception as e:\n    print(repr(e))"
        return self.run(code, given).strip()


__all__ = ["Repl", "TransportExecError"]

"""The owner's other way in: mpremote's raw REPL, one call a frame."""

import ast
import re
import zlib
from typing import Any

from foreign_rpc.frames import Silence, parse, text
from mpremote.transport_serial import SerialTransport

REPLY = re.compile(rb'^"""(\{.*\})([0-9a-f]{8})"""\r?$', re.M)


class RawRepl:
    """In the raw REPL until `close`, which gives the prompt back. `printed` is what the last exchange printed."""

    def __init__(self, port: str) -> None:
        self._transport = SerialTransport(port, 115200, timeout=1)
        self._transport.enter_raw_repl(soft_reset=False)
        self.printed = b""

    def close(self) -> None:
        self._transport.exit_raw_repl()
        self._transport.close()

    def run(self, code: str) -> bytes:
        """What this Python prints on the board."""
        return self._transport.exec(code)

    def exchange(self, frame: dict[str, Any], timeout: float = 10) -> dict[str, Any]:
        reply = self.send(text(frame).decode())
        if reply is None:
            raise Silence(f"no reply in what was printed: {self.printed!r}")
        return reply

    def send(self, frame: str) -> dict[str, Any] | None:
        """Any text as a frame; its reply, if there is one."""
        crc = zlib.crc32(frame.encode())
        self.printed = self.run(f"from rpc import serial; serial.call({python_text(frame)}, {crc})")
        found = REPLY.findall(self.printed)
        if not found:
            return None
        ((reply, told),) = found
        assert int(told, 16) == zlib.crc32(reply), self.printed
        return parse(reply)


def python_text(value: str) -> str:
    """A string literal that MicroPython reads as `value`."""
    literal = ascii(value)
    assert ast.literal_eval(literal) == value
    return literal

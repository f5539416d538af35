"""The client's end of a serial line: probes, frames between triple quotes, and everything else that is heard there."""

import json
import time
from typing import Any

import serial
from foreign_rpc.frames import BadReply, Silence, checksum, parse, text

QUOTES = b'"""'
EOF = b"\x04"
PROBE = QUOTES + EOF + QUOTES + b"\n\n"
PROBE_EVERY_S = 0.2
PATIENCE_S = 30.0
CRC_DIGITS = 8


class SerialChannel:
    """An open port. `junk` is what was heard and is no frame, `probes` how many the last handshake took."""

    def __init__(self, port: str) -> None:
        self.line = serial.Serial(port, 115200, timeout=0.02)
        self.junk: list[bytes] = []
        self.probes = 0
        self._unread = b""
        self._heard: list[bytes] = []

    def __enter__(self) -> "SerialChannel":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.line.close()

    def exchange(self, frame: dict[str, Any], timeout: float = PATIENCE_S) -> dict[str, Any]:
        """Send a request as the client does, handshake included; the next frame that arrives."""
        self.shake_hands(timeout)
        self.send(text(frame))
        return self.receive(timeout)

    def shake_hands(self, timeout: float = PATIENCE_S) -> None:
        """Probe every 200 ms until the device answers."""
        deadline = time.monotonic() + timeout
        self.probes = 0
        while time.monotonic() < deadline:
            self.line.write(PROBE)
            self.probes += 1
            if self._next(time.monotonic() + PROBE_EVERY_S, handshake=True) == EOF:
                return
        raise Silence(f"no answer to {self.probes} probes; heard {self.junk[-5:]}")

    def send(self, payload: bytes, crc: bytes | None = None) -> None:
        """One frame, with its own checksum if no other is given."""
        self.line.write(
            b"\n" + QUOTES + payload + (checksum(payload) if crc is None else crc) + QUOTES + b"\n"
        )

    def receive(self, timeout: float = PATIENCE_S) -> dict[str, Any]:
        """The next frame; whatever else comes before it is junk."""
        found = self._next(time.monotonic() + timeout)
        if found is None:
            raise Silence(f"no reply in {timeout} s; heard {self.junk[-5:]}")
        frame = parse(found)
        if "method" in frame:
            raise BadReply(f"the device sent a request, or an echo: {frame}")
        return frame

    def _next(self, deadline: float, handshake: bool = False) -> bytes | None:
        """The next frame's JSON, or EOF if it is waited for; None when it is too late."""
        while True:
            while self._heard:
                piece = self._heard.pop(0)
                if handshake and piece == EOF:
                    return EOF
                if (frame := _payload(piece)) is not None and not handshake:
                    return frame
                self.junk.append(piece)
            if time.monotonic() >= deadline:
                return None
            self._listen()

    def _listen(self) -> None:
        """Cut what arrives at triple quotes and line ends: neither can be inside of compact JSON."""
        self._unread += self.line.read(self.line.in_waiting or 1)
        *complete, self._unread = self._unread.replace(b"\r", b"\n").replace(QUOTES, b"\n").split(b"\n")
        self._heard += [piece for piece in complete if piece]


def _payload(piece: bytes) -> bytes | None:
    """The JSON in `piece`, if it is a frame with the right checksum, or one without."""
    if not piece.startswith(b"{"):
        return None
    payload, crc = piece[:-CRC_DIGITS], piece[-CRC_DIGITS:]
    if payload.endswith(b"}") and crc == checksum(payload):
        return payload
    try:
        json.loads(piece)
    except ValueError:
        return None
    return piece

"""Packets on a serial line (RFC 1055)."""

from collections.abc import Iterator

END, ESC = b"\xc0", b"\xdb"


def encode(packet: bytes) -> bytes:
    return END + packet.replace(ESC, b"\xdb\xdd").replace(END, b"\xdb\xdc") + END


class Decoder:
    """Collects bytes; gives whole packets."""

    def __init__(self) -> None:
        self._waiting = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        *packets, self._waiting = (self._waiting + data).split(END)
        for packet in packets:
            if packet:
                yield packet.replace(b"\xdb\xdc", END).replace(b"\xdb\xdd", ESC)

"""DER, read as it stands (X.690): for certificates that a library refuses to show, and for what it doesn't show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
UTF8, PRINTABLE, T61, IA5, UTC_TIME, GENERALIZED_TIME = 0x0C, 0x13, 0x14, 0x16, 0x17, 0x18
UNIVERSAL, BMP, SEQUENCE, SET = 0x1C, 0x1E, 0x30, 0x31


class DerError(ValueError):
    """Bytes that are no DER, or not the structure that was looked for."""


@dataclass(frozen=True, slots=True)
class Element:
    """One value: its tag, its content, and all of it with tag and length."""

    tag: int
    content: bytes
    whole: bytes

    def parts(self) -> list[Element]:
        """What a SEQUENCE, a SET or an explicit tag holds."""
        return list(_each(self.content))

    def must_be(self, tag: int) -> Element:
        if self.tag != tag:
            raise DerError(f"tag 0x{self.tag:02x} where 0x{tag:02x} belongs")
        return self

    @property
    def oid(self) -> str:
        """Dotted."""
        self.must_be(OID)
        arcs, value = [], 0
        for byte in self.content:
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                arcs.append(value)
                value = 0
        if not arcs or self.content[-1] >= 0x80:
            raise DerError("an OID that is cut short")
        first = min(arcs[0] // 40, 2)
        return ".".join(map(str, [first, arcs[0] - 40 * first, *arcs[1:]]))

    @property
    def integer(self) -> int:
        self.must_be(INTEGER)
        return int.from_bytes(self.content, "big", signed=True)


def read(data: bytes) -> Element:
    """The value that `data` is, with nothing behind it."""
    element = first(data)
    if len(element.whole) != len(data):
        raise DerError(f"{len(data) - len(element.whole)} bytes behind its end")
    return element


def first(data: bytes) -> Element:
    """The value that `data` begins with."""
    if len(data) < 2:
        raise DerError("it is cut short")
    size, start = data[1], 2
    if size & 0x80:
        start = 2 + (size & 0x7F)
        if not 2 < start <= 6 or len(data) < start:
            raise DerError("a length that is none")
        size = int.from_bytes(data[2:start], "big")
    if len(data) < start + size:
        raise DerError("it is cut short")
    return Element(data[0], data[start : start + size], data[: start + size])


def _each(data: bytes) -> Iterator[Element]:
    while data:
        element = first(data)
        yield element
        data = data[len(element.whole) :]

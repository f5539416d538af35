"""The first flight of a TLS 1.2 handshake (RFC 5246, 7.4): the board's ClientHello, and what the server answers to it.

Of TLS libraries this one asks for what the board's asks for, no more and no less, and shows all that comes back: in
TLS 1.2 the certificates travel in the open. It ends where a key would be agreed on, and proves nothing about one.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

# firmware/identity/context.py: what the board offers.
ECDHE_ECDSA, ECDHE_RSA = 0xC02B, 0xC02F
SUITES = {ECDHE_ECDSA: "ECDHE-ECDSA-AES128-GCM-SHA256", ECDHE_RSA: "ECDHE-RSA-AES128-GCM-SHA256"}
TLS12 = 0x0303
TLS13 = 0x0304
VERSIONS = {0x0300: "SSL 3.0", 0x0301: "TLS 1.0", 0x0302: "TLS 1.1", TLS12: "TLS 1.2", TLS13: "TLS 1.3"}

ALERT, HANDSHAKE = 21, 22
SERVER_HELLO, CERTIFICATE, SERVER_KEY_EXCHANGE, CERTIFICATE_REQUEST, HELLO_DONE = 2, 11, 12, 13, 14
LARGEST_FLIGHT = 256 * 1024

ALERTS = {
    10: "unexpected message",
    40: "handshake failure",
    47: "illegal parameter",
    50: "decode error",
    70: "protocol version",
    71: "insufficient security",
    80: "internal error",
    86: "inappropriate fallback",
    109: "missing extension",
    110: "unsupported extension",
    112: "unrecognized name",
    120: "no application protocol",
}


@dataclass(frozen=True)
class Offer:
    """The groups, signature algorithms and cipher suites of a ClientHello, by their numbers in IANA's registries."""

    groups: tuple[int, ...]
    signatures: tuple[int, ...]
    suites: tuple[int, ...] = tuple(SUITES)


_ECDSA_AND_RSA = (0x0603, 0x0601, 0x0503, 0x0501, 0x0403, 0x0401)  # SHA-512, SHA-384, SHA-256
# What every build of the firmware offers: P-256, P-384, P-521; ECDSA and RSA (PKCS #1).
EVERY_BUILD = Offer((23, 24, 25), _ECDSA_AND_RSA)
# What some have besides: RSA-PSS (ESP-IDF); X25519 and the Brainpool curves, which MicroPython
# switches off (ports/esp32/boards/sdkconfig.base), and which a build of one's own can switch on.
SOME_BUILDS = Offer((29, 23, 24, 25, 26, 27, 28), (*_ECDSA_AND_RSA, 0x0806, 0x0805, 0x0804))
# What no build offers, to see what a server has that refuses the others: weak curves, Ed25519 and Ed448, weak hashes.
BEYOND = Offer(
    (*SOME_BUILDS.groups, 30, 22, 21, 20, 19),
    (*SOME_BUILDS.signatures, 0x0807, 0x0808, 0x0303, 0x0301, 0x0203, 0x0201),
)


@dataclass
class Flight:
    """What came back. `chain` is as it was sent, the server's own certificate first; `authorities` are the names (DER)
    of those whose certificates it says it takes: anybody's, if there is none."""

    version: int = 0
    suite: int = 0
    group: int = 0
    chain: list[bytes] = field(default_factory=list)
    wants_certificate: bool = False
    takes_ecdsa: bool = False
    authorities: list[bytes] = field(default_factory=list)
    complete: bool = False
    alert: int | None = None
    foreign: bytes = b""  # the beginning of what is no TLS
    begun: bool = False  # it is TLS
    closed: bool = False


class FlightError(ValueError):
    """What came back is no TLS, or breaks off in the middle of a message."""


def client_hello(host: str, offer: Offer, alpn: tuple[str, ...] = ()) -> bytes:
    """The record that the board's handshake begins with."""
    extensions = b"".join(
        (
            _extension(0, _vector(2, b"\0" + _vector(2, host.encode()))),
            _extension(10, _vector(2, _numbers(offer.groups))),
            _extension(11, _vector(1, b"\0")),
            _extension(13, _vector(2, _numbers(offer.signatures))),
            _extension(16, _vector(2, b"".join(_vector(1, one.encode()) for one in alpn))) if alpn else b"",
            _extension(23, b""),
        )
    )
    # 0x00FF: secure renegotiation (RFC 5746), as a suite.
    suites = _vector(2, _numbers((*offer.suites, 0x00FF)))
    body = _numbers((TLS12,)) + secrets.token_bytes(32) + b"\0" + suites + _vector(1, b"\0")
    message = b"\x01" + _vector(3, body + _vector(2, extensions))
    return bytes([HANDSHAKE]) + _numbers((TLS12,)) + _vector(2, message)


def read_flight(receive: Callable[[int], bytes]) -> Flight:
    """All that the server says to it; `receive` gives at most that many bytes, and none at the end."""
    flight = Flight()
    pending = b""
    total = 0
    while not flight.complete and total < LARGEST_FLIGHT:
        try:
            record = _record(receive, flight)
        except ConnectionError:
            flight.closed = True
            record = None
        if record is None:
            return flight
        kind, content = record
        total += len(content)
        if kind == ALERT:
            flight.alert = content[1] if len(content) > 1 else None
            return flight
        pending = _messages(flight, pending + content)
    return flight


def _record(receive: Callable[[int], bytes], flight: Flight) -> tuple[int, bytes] | None:
    head = _exactly(receive, 5)
    if len(head) < 5 or head[0] not in (ALERT, HANDSHAKE) or head[1] != 3:
        flight.closed = len(head) < 5
        if not (flight.closed and flight.begun):  # what breaks off in the middle of TLS is TLS
            flight.foreign = head
        return None
    flight.begun = True
    size = int.from_bytes(head[3:], "big")
    content = _exactly(receive, size)
    if len(content) < size:
        flight.closed = True
        return None
    return head[0], content


def _exactly(receive: Callable[[int], bytes], size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = receive(size - len(data))
        if not more:
            break
        data += more
    return data


def _messages(flight: Flight, data: bytes) -> bytes:
    """Take whole messages off; what is left is the beginning of the next one."""
    while len(data) >= 4:
        size = int.from_bytes(data[1:4], "big")
        if len(data) < 4 + size:
            break
        _take(flight, data[0], _Reader(data[4 : 4 + size]))
        data = data[4 + size :]
    return data


def _take(flight: Flight, kind: int, body: _Reader) -> None:
    if kind == SERVER_HELLO:
        flight.version = body.number(2)
        body.take(32)
        body.vector(1)
        flight.suite = body.number(2)
    elif kind == CERTIFICATE:
        listed = _Reader(body.vector(3))
        while listed.left:
            flight.chain.append(listed.vector(3))
    elif kind == SERVER_KEY_EXCHANGE and body.number(1) == 3:
        flight.group = body.number(2)
    elif kind == CERTIFICATE_REQUEST:
        flight.wants_certificate = True
        types = body.vector(1)
        signatures = _Reader(body.vector(2))
        offered = [signatures.number(2) for _ in range(signatures.left // 2)]
        flight.takes_ecdsa = 64 in types and 0x0403 in offered
        names = _Reader(body.vector(2))
        while names.left:
            flight.authorities.append(names.vector(2))
    flight.complete = flight.complete or kind == HELLO_DONE


class _Reader:
    """Numbers and vectors, one after another (RFC 5246, 4)."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, size: int) -> bytes:
        if size > self.left:
            raise FlightError("a message of the handshake is shorter than it says")
        self._at += size
        return self._data[self._at - size : self._at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> bytes:
        return self.take(self.number(size))


def _numbers(values: tuple[int, ...]) -> bytes:
    return b"".join(value.to_bytes(2, "big") for value in values)


def _vector(size: int, data: bytes) -> bytes:
    return len(data).to_bytes(size, "big") + data


def _extension(kind: int, data: bytes) -> bytes:
    return _numbers((kind,)) + _vector(2, data)

"""What a server shows to the board's ClientHello: connected to from this computer, looked at, and left."""

from __future__ import annotations

import functools
import socket
import ssl
from dataclasses import dataclass, field, replace

from atecc import sockets
from atecc.broker.hello import (
    BEYOND,
    EVERY_BUILD,
    SOME_BUILDS,
    TLS13,
    Flight,
    FlightError,
    Offer,
    client_hello,
    read_flight,
)

TIMEOUT = 5.0


@dataclass(frozen=True)
class Sight:
    """`unreachable` is why nothing was seen at all; `silent`: connected, and not a byte came within the time.

    by_some: only what some builds of the firmware offer was answered. beyond: what the server answered when all of
    that was refused, and it was offered what no board does.
    """

    host: str
    port: int
    unreachable: str = ""
    silent: bool = False
    flight: Flight = field(default_factory=Flight)
    by_some: bool = False
    beyond: Flight | None = None


def probe(host: str, port: int, timeout: float = TIMEOUT, address: str | None = None) -> Sight:
    """One look, or some more at a server that does not answer the first ClientHello. `address`: where `host` is."""
    return _Probe(host, port, timeout, address or host).sight()


class _Unreachable(Exception):
    pass


class _Probe:
    """Connections to one server, each for one question."""

    def __init__(self, host: str, port: int, timeout: float, address: str) -> None:
        self._host = host
        self._port = port
        self._timeout = timeout
        self._address = address

    def sight(self) -> Sight:
        host, port = self._host, self._port
        try:
            flight = self._flight(EVERY_BUILD)
        except _Unreachable as error:
            return Sight(host, port, unreachable=str(error))
        except TimeoutError:
            return Sight(host, port, silent=True)
        if flight.complete or flight.foreign or flight.version or (flight.begun and flight.closed):
            return Sight(host, port, flight=flight)
        # It has broken off: would it take another ClientHello?
        other = self._another(SOME_BUILDS)
        if other.complete:
            return Sight(host, port, flight=other, by_some=True)
        return Sight(host, port, flight=flight, beyond=self._beyond())

    def _flight(self, offer: Offer) -> Flight:
        with self._connection() as plain:
            try:
                plain.sendall(client_hello(self._host, offer))
                return read_flight(plain.recv)
            except FlightError:
                return Flight(foreign=b"?")
            except ConnectionError:
                return Flight(closed=True)

    def _another(self, offer: Offer) -> Flight:
        try:
            return self._flight(offer)
        except (OSError, _Unreachable):
            return Flight()

    def _connection(self) -> socket.socket:
        """IPv4, as umqtt.simple does it."""
        try:
            return sockets.connect(self._address, self._port, self._timeout, sockets.IP4)
        except socket.gaierror as error:
            raise _Unreachable(self._why_no_address(error)) from error
        except OSError as error:
            raise _Unreachable(error.strerror or str(error) or "no answer") from error

    def _why_no_address(self, error: OSError) -> str:
        try:
            sockets.resolve(self._address, self._port, sockets.IP6)
        except OSError:
            return error.strerror or "the name does not resolve"
        return "it has IPv6 addresses only, and the board's MQTT client knows IPv4 only"

    def _beyond(self) -> Flight | None:
        """An older TLS, another suite, another kind of key, or TLS 1.3; nothing is verified, for nothing is said."""
        flight = self._another(replace(BEYOND, suites=tuple(all_suites())))
        return flight if flight.version else self._tls13()

    def _tls13(self) -> Flight | None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        try:
            with (
                self._connection() as plain,
                context.wrap_socket(plain, server_hostname=self._host) as secure,
            ):
                return Flight(
                    version=TLS13, chain=[secure.getpeercert(binary_form=True) or b""], complete=True
                )
        except (OSError, ValueError, _Unreachable):
            return None


@functools.cache
def all_suites() -> dict[int, str]:
    """The names of the suites before TLS 1.3 that this computer's library knows, by number; no anonymous ones."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:!aNULL:!eNULL:@SECLEVEL=0")
    listed = {int(one["id"]) & 0xFFFF: str(one["name"]) for one in context.get_ciphers()}
    return {number: name for number, name in listed.items() if not name.startswith("TLS_")}

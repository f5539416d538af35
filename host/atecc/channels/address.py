"""`--port` as a network address: wss://, ws://, mqtts://. Anything else is a serial port's name."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from atecc.errors import ArgumentError
from atecc.hosts import dns_name
from atecc.topics import check_name

PORTS = {"wss": 443, "ws": 80, "mqtts": 8883}
INSTEAD = {"http": "ws", "https": "wss", "mqtt": "mqtts", "ssl": "mqtts", "tls": "mqtts"}
CLIENT_PREFIX = "atecc-"  # of an operator on MQTT: what a broker's policy allows as client IDs
EXAMPLES = "wss://192.168.1.20, ws://192.168.1.20, mqtts://broker.acme.ie/sensor-1"


@dataclass(frozen=True)
class Address:
    """Where a device is. Written out, it never shows the password."""

    scheme: str
    host: str
    port: int
    path: str = "/rpc"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    device: str = ""

    @property
    def place(self) -> str:
        """HOST:PORT."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.place}{f'/{self.device}' if self.device else ''}"


def parse_address(text: str) -> Address | None:
    """None for a serial port. What is wrong is said without repeating the text: it may hold a password."""
    scheme, found, _ = text.partition("://")
    scheme = scheme.lower()
    if not found or (scheme not in PORTS and scheme not in INSTEAD):
        return None  # pyserial has URLs of its own: socket://, rfc2217://
    if scheme in INSTEAD:
        raise ArgumentError(
            f"A device can't be reached over {scheme}://.",
            f"Use {INSTEAD[scheme]}://. For example: {EXAMPLES}.",
        )
    try:
        parts = urlsplit(text)
        port = parts.port or PORTS[scheme]
        host = dns_name(parts.hostname or "")
    except ValueError as error:
        raise _no_address(scheme) from error
    if parts.query or parts.fragment:
        raise _no_address(scheme)
    return _mqtts(parts, host, port) if scheme == "mqtts" else _websocket(parts, host, port)


def _websocket(parts: SplitResult, host: str, port: int) -> Address:
    scheme, user, password = parts.scheme, parts.username, parts.password
    if scheme == "wss" and (user or password):
        raise ArgumentError(
            "wss:// takes no user and password: an operator is known by a certificate.",
            "`atecc operator init` makes one.",
        )
    path = parts.path if parts.path not in ("", "/") else "/rpc"
    name, secret = (None if part is None else unquote(part) for part in (user, password))
    return Address(scheme, host, port, path, name, secret)


def _mqtts(parts: SplitResult, host: str, port: int) -> Address:
    if parts.username or parts.password:
        raise ArgumentError(
            "mqtts:// takes no user and password: an operator is known by a certificate.",
            "--mqtt-cert and --mqtt-key name another than `atecc operator init` made.",
        )
    device = unquote(parts.path.removeprefix("/"))
    if not device:
        raise ArgumentError(
            "The address of a device on MQTT ends with its name.", "mqtts://broker.acme.ie:8883/sensor-1"
        )
    check_name(device, "a device's name")
    return Address("mqtts", host, port, device=device)


def _no_address(scheme: str) -> ArgumentError:
    return ArgumentError(f"That {scheme}:// is no device's address.", f"For example: {EXAMPLES}.")

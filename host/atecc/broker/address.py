"""HOST:PORT as people write it, and what can't be one."""

from __future__ import annotations

from atecc.errors import ArgumentError
from atecc.hosts import HostError, dns_name, is_ip

MQTT_TLS_PORT = 8883
_EXAMPLE = "Write it as HOST:PORT, for example mqtt.acme.ie:8883."
_SCHEMES = ("mqtts://", "ssl://", "tls://", "mqtt://", "tcp://", "https://", "wss://", "ws://")


def parse_broker(text: str, port: int = MQTT_TLS_PORT) -> tuple[str, int]:
    """HOST or HOST:PORT, as the board is told them; an ArgumentError for what is no broker's address."""
    plain = text.strip()
    _refuse_ip6(plain, text)
    for scheme in _SCHEMES:
        if plain.lower().startswith(scheme):
            raise _not_one(text, f"it begins with {scheme}, which is left out here")
    host, colon, digits = plain.partition(":")
    if colon and not (digits.isascii() and digits.isdigit() and len(digits) < 6 and 0 < int(digits) < 65536):
        raise _not_one(text, f"{digits!r} is no port, which is a number from 1 to 65535")
    try:
        return dns_name(host), int(digits) if colon else port
    except HostError as error:
        raise _not_one(text, str(error)) from error


def _refuse_ip6(plain: str, text: str) -> None:
    inside = plain[1:].partition("]")[0] if plain.startswith("[") else plain
    if is_ip(inside.partition("%")[0], 6):
        raise ArgumentError(
            f"{text!r} is an IPv6 address: the board's MQTT client (umqtt.simple) knows IPv4 only.",
            "Give the broker's name or its IPv4 address.",
        )


def _not_one(text: str, why: str) -> ArgumentError:
    return ArgumentError(f"{text!r} is not a broker's address: {why}.", _EXAMPLE)

"""The way out: TCP connections. Whatever Python raises about a name, a port or a network is an OSError from here on."""

from __future__ import annotations

import socket

ANY, IP4, IP6 = socket.AF_UNSPEC, socket.AF_INET, socket.AF_INET6


def resolve(host: str, port: int, family: int = ANY) -> list[tuple[int, str, int]]:
    """(family, address, port) of each address that the name has; socket.gaierror if it has none."""
    try:
        found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    except (UnicodeError, OverflowError, ValueError) as error:
        raise socket.gaierror(socket.EAI_NONAME, "no name that can be looked up") from error
    return [(one[0], str(one[4][0]), port) for one in found]


def connect(host: str, port: int, timeout: float, family: int = ANY) -> socket.socket:
    """A connection to the first address of this name that takes one."""
    failed: OSError | None = None
    for kind, address, number in resolve(host, port, family):
        plain = socket.socket(kind, socket.SOCK_STREAM)
        plain.settimeout(timeout)
        try:
            plain.connect((address, number))
        except OSError as error:
            plain.close()
            failed = error
        else:
            return plain
    raise failed or socket.gaierror(socket.EAI_NONAME, "it has no address")

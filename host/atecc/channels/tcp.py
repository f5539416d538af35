"""The first step to a device on the network: a TCP connection, or why there is none."""

from __future__ import annotations

import errno
import socket

from atecc import sockets
from atecc.errors import ChannelError, ChannelTimeout

CONNECT_TIMEOUT = 10.0


def dial(host: str, port: int, listens: str, timeout: float = CONNECT_TIMEOUT) -> socket.socket:
    """A connection; `listens` is what to do if nothing listens there."""
    try:
        return sockets.connect(host, port, timeout)
    except OSError as error:
        raise why_unreachable(error, host, port, listens) from error


def peer(connected: socket.socket) -> str:
    """HOST:PORT of the other end, whatever name it was called by: a device answers to its address, not to any name."""
    host, port = connected.getpeername()[:2]
    return f"[{host.partition('%')[0]}]:{port}" if ":" in host else f"{host}:{port}"


def why_unreachable(error: OSError, host: str, port: int, listens: str) -> ChannelError:
    """An error of connecting, in a user's words."""
    if isinstance(error, socket.gaierror):
        return ChannelError(
            f"No network name {host} is known here.",
            "Is it right? A device's IP address is shown by `atecc wifi status` over USB.",
        )
    if isinstance(error, ConnectionRefusedError):
        return ChannelError(f"{host} is there, but nothing listens on its port {port}.", listens)
    if isinstance(error, TimeoutError) or error.errno == errno.EHOSTUNREACH:
        return ChannelTimeout(
            f"{host} does not answer.",
            "Is it switched on and on the network, and is that still its address? `atecc wifi status` over USB "
            "shows it.",
        )
    if error.errno == errno.ENETUNREACH:
        return ChannelError(f"There is no way to {host} from here: is this computer on the network?")
    return ChannelError(f"{host}:{port} can't be reached: {error.strerror or error}.")

"""Ports on which nobody listens."""

import socket

_held: list[socket.socket] = []


def free_port() -> int:
    """A port of the loopback that is the caller's as long as the tests run: no other test, and no connection, gets it.

    What holds it is a socket that is bound and doesn't listen. Who shares addresses (SO_REUSEADDR, as servers do) may.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    _held.append(holder)
    port: int = holder.getsockname()[1]
    return port

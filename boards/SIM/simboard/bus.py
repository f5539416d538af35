"""The runner's own use of the I2C socket: is a chip there, and its power switch."""

import socket
import struct

TIMEOUT_S = 5.0


class BusError(Exception):
    """The chip can't be reached; the text is for people."""


def connect(bus: str) -> socket.socket:
    """A connection to the chip named `unix:PATH` or `tcp:HOST:PORT`."""
    scheme, _, rest = bus.partition(":")
    host, _, port = rest.rpartition(":")
    try:
        if scheme == "tcp" and host and port.isdecimal():
            return socket.create_connection((host, int(port)), TIMEOUT_S)
        if scheme == "unix" and rest:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(TIMEOUT_S)
            connection.connect(rest)
            return connection
    except (OSError, OverflowError) as error:
        raise BusError(f"nothing answers at {bus}: {error}") from None
    raise BusError(f"'{bus}' is neither unix:PATH nor tcp:HOST:PORT")


def power(bus: str, *, on: bool) -> None:
    """Switch the chip's power."""
    with connect(bus) as connection:
        connection.sendall(struct.pack(">cBHB", b"P", 0, 1, on))
        if connection.recv(3, socket.MSG_WAITALL) != bytes(3):
            raise BusError(f"the chip at {bus} can't be switched off and on")

"""machine, as this board has it, with an I2C whose bus is a TCP connection (boards/SIM/README.md, "The chip")."""

import socket
import struct
import sys
import time

from micropython import const

from board import BUS

_path = sys.path[:]
sys.path[:] = []  # the built-in module of this name, and not this one again
try:
    from machine import *  # noqa: F403
finally:
    sys.path[:] = _path

_ENODEV = const(19)
_WAIT_MS = const(10000)
_connection = []


def _network():
    """Where there is QEMU's network card: up, with an address. Elsewhere the network is there already."""
    import network

    if not hasattr(network, "LAN"):
        return
    lan = network.LAN(phy_type=network.PHY_OPENETH, phy_addr=1)
    lan.active(True)
    start = time.ticks_ms()
    while not lan.isconnected():
        if time.ticks_diff(time.ticks_ms(), start) > _WAIT_MS:
            raise OSError(_ENODEV)
        time.sleep_ms(20)


def _connected():
    if not _connection:
        _network()
        made = socket.socket()
        made.connect(socket.getaddrinfo(*BUS)[0][-1])
        _connection.append(made)
    return _connection[0]


def _exactly(connection, size):
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise OSError(_ENODEV)
        data += more
    return data


def _ask(op, address, payload=b"", size=None):
    """One transfer: its status and what came back. Without a chip at the other end nobody acknowledges anything."""
    try:
        connection = _connected()
        connection.send(op + struct.pack(">BH", address, len(payload) if size is None else size) + payload)
        status, length = struct.unpack(">BH", _exactly(connection, 3))
        return status, _exactly(connection, length)
    except OSError:
        if _connection:
            _connection.pop().close()
        raise OSError(_ENODEV)


class I2C:
    """As the ESP32's: what isn't acknowledged is ENODEV; an empty write reaches the bus, an empty read does not."""

    def __init__(self, _id=-1, *, scl=None, sda=None, freq=400_000, timeout=50_000):
        _ask(b"F", 0, struct.pack(">I", freq))

    def writeto(self, address, data, stop=True):
        if _ask(b"W", address, bytes(data))[0]:
            raise OSError(_ENODEV)
        return len(data)

    def readfrom(self, address, size, stop=True):
        if not size:
            return b""
        status, data = _ask(b"R", address, b"", size)
        if status:
            raise OSError(_ENODEV)
        return data

    def readfrom_into(self, address, buffer, stop=True):
        buffer[:] = self.readfrom(address, len(buffer))

    def writevto(self, address, parts, stop=True):
        return self.writeto(address, b"".join(parts))

    def scan(self):
        return [address for address in range(0x08, 0x78) if not _ask(b"W", address)[0]]

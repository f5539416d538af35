"""The I2C socket's frames, from the chip's side: every connection is one controller on the bus."""

import socket
from collections.abc import Callable

from simchip.chip import STANDARD_HZ, Chip

REQUEST_HEAD = 4  # op, address, length (2)
OK, ADDRESS_REFUSED = 0, 1
HIGHEST_ADDRESS = 0x7F


class Malformed(Exception):
    """No frame of the protocol, or its end in the middle: the connection is closed."""


class Controller:
    """Serves one connection until it ends or stops making sense."""

    def __init__(self, chip: Chip, connection: socket.socket) -> None:
        self._chip = chip
        self._connection = connection
        self._requests = connection.makefile("rb")
        self._hz = STANDARD_HZ
        self._operations: dict[bytes, Callable[[int, bytes], tuple[int, bytes]]] = {
            b"W": self._write,
            b"F": self._frequency,
            b"T": self._time,
            b"P": self._power,
        }

    def serve(self) -> None:
        try:
            while head := self._receive(REQUEST_HEAD, at_boundary=True):
                status, payload = self._perform(head)
                self._connection.sendall(bytes([status]) + len(payload).to_bytes(2, "big") + payload)
        except (Malformed, ConnectionError):
            return

    def _receive(self, size: int, *, at_boundary: bool = False) -> bytes:
        data = self._requests.read(size)
        if len(data) < size and (data or not at_boundary):
            raise Malformed
        return data

    def _perform(self, head: bytes) -> tuple[int, bytes]:
        op, address, length = head[:1], head[1], int.from_bytes(head[2:], "big")
        if address > HIGHEST_ADDRESS:
            raise Malformed
        if op == b"R":
            data = self._chip.read(address, length, hz=self._hz)
            return (ADDRESS_REFUSED, b"") if data is None else (OK, data)
        if op not in self._operations:
            raise Malformed
        return self._operations[op](address, self._receive(length))

    def _write(self, address: int, payload: bytes) -> tuple[int, bytes]:
        return self._chip.write(address, payload, hz=self._hz), b""

    def _frequency(self, _: int, payload: bytes) -> tuple[int, bytes]:
        hz = _number(payload, 4)
        if not hz:
            raise Malformed
        self._hz = hz
        return OK, b""

    def _time(self, _: int, payload: bytes) -> tuple[int, bytes]:
        self._chip.advance(_number(payload, 4))
        return OK, self._chip.clock.now().to_bytes(8, "big")

    def _power(self, _: int, payload: bytes) -> tuple[int, bytes]:
        on = _number(payload, 1)
        if on not in (0, 1):
            raise Malformed
        self._chip.power(bool(on))
        return OK, b""


def _number(payload: bytes, size: int) -> int:
    if len(payload) != size:
        raise Malformed
    return int.from_bytes(payload, "big")

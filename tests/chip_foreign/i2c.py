"""An I2C controller that reaches the chip through its socket: boards/SIM's I2C socket, from the controller's side."""

import socket


class Bus:
    """One connection to `unix:PATH` or `tcp:HOST:PORT`; the chip's time passes by transfers and by `wait`."""

    def __init__(self, address: str) -> None:
        kind, _, rest = address.partition(":")
        if kind == "unix":
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.connect(rest)
        else:
            host, _, port = rest.rpartition(":")
            self._socket = socket.create_connection((host, int(port)))
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(10)
        self._answers = self._socket.makefile("rb")

    def _ask(self, op: bytes, address: int, length: int, payload: bytes = b"") -> tuple[int, bytes]:
        self._socket.sendall(op + bytes([address]) + length.to_bytes(2, "big") + payload)
        head = self._answers.read(3)
        return head[0], self._answers.read(int.from_bytes(head[1:], "big"))

    def write(self, address: int, data: bytes) -> bool:
        """Whether the chip acknowledged all of it."""
        return self._ask(b"W", address, len(data), data)[0] == 0

    def read(self, address: int, size: int) -> bytes | None:
        status, data = self._ask(b"R", address, size)
        return data if status == 0 else None

    def wait(self, microseconds: int) -> None:
        self._ask(b"T", 0, 4, microseconds.to_bytes(4, "big"))

    def speed(self, hertz: int) -> None:
        self._ask(b"F", 0, 4, hertz.to_bytes(4, "big"))

    def close(self) -> None:
        self._answers.close()
        self._socket.close()

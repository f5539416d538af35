"""A TCP port of the loopback that is kept free for a board to listen on, while it resets too."""

import socket
from typing import Self

from simboard.board import BoardError

LOOPBACK = "127.0.0.1"


class PortTaken(BoardError):
    """Somebody else has it; the text is for people."""


class TcpPort:
    """`number` on the loopback; 0 lets the system choose.

    What holds it is a socket that is bound and doesn't listen: the system gives the port to nobody who asks for just
    any, and who shares addresses (SO_REUSEADDR, as a board does) may listen on it.
    """

    def __init__(self, number: int = 0) -> None:
        self._holder = socket.socket()
        self._holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._holder.bind((LOOPBACK, number))
        except OSError as error:
            self._holder.close()
            raise PortTaken(f"port {number} can't be had: {error.strerror}") from None
        self.number: int = self._holder.getsockname()[1]

    def close(self) -> None:
        self._holder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

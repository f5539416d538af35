"""The socket a chip listens on: `unix:PATH`, or `tcp:HOST:PORT` on the loopback."""

import ipaddress
import os
import socket
import socketserver
import stat
from dataclasses import dataclass

from simchip.chip import Chip
from simchip.wire import Controller

MAX_PORT = 65535


class BadAddress(ValueError):
    """An address that cannot be listened on; the text is for people."""


@dataclass(frozen=True)
class Endpoint:
    """Where the chip is reached."""

    path: str = ""
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path else f"tcp:{self.host}:{self.port}"


def parse_endpoint(text: str) -> Endpoint:
    scheme, _, rest = text.partition(":")
    if scheme == "unix" and rest:
        return Endpoint(path=rest)
    host, _, port = rest.rpartition(":")
    if scheme != "tcp" or not host or not port.isdecimal() or int(port) > MAX_PORT:
        raise BadAddress(f"'{text}' is neither unix:PATH nor tcp:HOST:PORT")
    if not _is_loopback(host):
        raise BadAddress(f"'{host}' is not the loopback: anyone could use the chip")
    return Endpoint(host=host, port=int(port))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.version == 4 and address.is_loopback


class _Connection(socketserver.BaseRequestHandler):
    server: "_Listening"

    def handle(self) -> None:
        if self.request.family == socket.AF_INET:
            self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        Controller(self.server.chip, self.request).serve()


class _Listening(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """A thread a connection; the chip itself keeps transfers apart."""

    daemon_threads = True
    allow_reuse_address = True
    chip: Chip


class _UnixListening(_Listening):
    address_family = socket.AF_UNIX


class Server:
    """Listens from the constructor on; `serve` does not return, `close` removes what was made."""

    def __init__(self, chip: Chip, endpoint: Endpoint) -> None:
        if endpoint.path:
            _refuse_taken(endpoint.path)
        kind = _UnixListening if endpoint.path else _Listening
        where = endpoint.path or (endpoint.host, endpoint.port)
        try:
            self._listening = kind(where, _Connection)  # type: ignore[arg-type]
        except OSError as error:
            raise BadAddress(f"cannot listen on {endpoint}: {error.strerror or error}") from None
        self._listening.chip = chip
        self.endpoint = endpoint
        if not endpoint.path:
            host, port = self._listening.server_address[:2]
            self.endpoint = Endpoint(host=str(host), port=int(port))

    def serve(self) -> None:
        self._listening.serve_forever(poll_interval=0.02)

    def stop(self) -> None:
        """End `serve`, which runs in another thread, and close."""
        self._listening.shutdown()
        self.close()

    def close(self) -> None:
        self._listening.server_close()
        if self.endpoint.path and os.path.exists(self.endpoint.path):
            os.unlink(self.endpoint.path)


def _refuse_taken(path: str) -> None:
    """Never take over a path: another chip may live there, or something that is no socket at all."""
    if not os.path.lexists(path):
        return
    if not stat.S_ISSOCK(os.lstat(path).st_mode):
        raise BadAddress(f"{path} exists and is no socket; choose another path")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:
            raise BadAddress(f"{path} was left behind by a chip that is gone; remove it first") from None
    raise BadAddress(f"{path} is in use by a running chip")

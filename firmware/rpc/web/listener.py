"""One listening socket, and what becomes of those who connect."""

import asyncio
import socket

from asyncio import core
from micropython import const

from .connection import Connection
from .porch import Porch

_STRANGER_MS = const(8000)  # from the first packet to having shown who one is
_BACKLOG = const(5)
_PORCH = const(2)
_CROWDED_MS = const(50)


class Listener:
    """lobby: Lobby; app: Routes.app; repute: Repute; guard: Guard for TLS, None for plain."""

    def __init__(self, lobby, app, repute, guard=None):
        self._lobby = lobby
        self._app = app
        self._repute = repute
        self._guard = guard
        self._porch = Porch(self._places, self._may_enter, self._welcome, repute)
        self._context = None
        self._socket = None
        self._port = None
        self._task = None
        self._why = "not started yet"

    @property
    def is_open(self):
        return self._socket is not None

    def thin_out(self):
        """Send away who has been here for long without showing who it is."""
        self._porch.thin_out(_STRANGER_MS)
        for connection in self._lobby.overdue(_STRANGER_MS):
            connection.task.cancel()

    def status(self):
        return {"listening": self._socket is not None, "why": self._why}

    def close(self, why):
        """Stop listening; connections that are open stay."""
        if self._socket:
            self._task.cancel()
        self._drop(why)

    def forget(self, why):
        """Everything is as before the first listen: all tasks are gone, and with them the connections."""
        self._lobby.clear()
        self._porch.clear()
        self._drop(why)

    def _drop(self, why):
        self._why = why
        if self._socket:
            self._socket.close()
            self._socket = None

    def forget_context(self):
        """Nobody shakes hands until the next listen."""
        self._context = None

    def listen(self, address, port, context=None):
        """Listen on this port; with another `context` only what comes from now on meets it."""
        self._context = context
        if self._socket and self._port == port:
            return
        self.close(None)
        try:
            self._socket = _bound(address, port)
        except OSError as e:
            self._why = "port %d can't be listened on (%s)" % (port, e)
            return
        self._port = port
        self._task = asyncio.create_task(self._accept(self._socket))

    async def _accept(self, listening):
        # Not asyncio.start_server: that takes whoever comes, and each one takes memory.
        while True:
            yield core._io_queue.queue_read(listening)
            try:
                sock, address = listening.accept()
            except (OSError, MemoryError):
                self._porch.make_room()
                await asyncio.sleep_ms(100)  # no socket is free, or too little memory
                continue
            try:
                sock.setblocking(False)
                if self._porch.come(sock, _host(address)):
                    await asyncio.sleep_ms(_CROWDED_MS)
            except (OSError, MemoryError):
                sock.close()

    def _places(self):
        return max(1, min(_PORCH + self._lobby.strangers, self._lobby.spare()))

    def _may_enter(self):
        return self._lobby.has_room() and (not self._guard or self._guard.is_ready())

    def _welcome(self, sock, address):
        if self._guard and not (self._context and self._guard.admits(address)):
            sock.close()
            return
        who, outer = None, sock
        try:
            if self._context:
                outer, who = self._context.wrap_socket(sock)
            stream = asyncio.StreamReader(outer, {"peername": (address, 0)})
            connection = Connection(stream, address, self._lobby, who)
            connection.task = asyncio.create_task(self._serve(connection, sock))
        except BaseException as e:
            sock.close()
            if not isinstance(e, (OSError, MemoryError)):
                raise
            return
        self._lobby.here.append(connection)

    async def _serve(self, connection, sock):
        try:
            await self._app.handle_request(connection, connection.stream)
        except Exception:  # noqa: S110
            pass  # what went wrong with a connection ends with it
        finally:
            self._lobby.leave(connection)
            connection.stream.s.close()
            sock.close()  # which TLS has let go of where a handshake failed
            (self._repute.succeeded if connection.admitted else self._repute.failed)(connection.address)


def _host(address):
    """The caller's IP address: of (host, port), or of a struct sockaddr_in, which is what a unix port gives."""
    return address[0] if isinstance(address, tuple) else bytes(address[4:8])


def _bound(address, port):
    sock = socket.socket()
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(socket.getaddrinfo(address, port)[0][-1])
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock

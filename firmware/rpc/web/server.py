"""Listens on the network: a thread of its own, in which asyncio carries the frames and workers run the requests."""

import asyncio
import select
import socket
import sys
import time

import _thread
from asyncio import core
from micropython import const

import threads
from rpc.digest import Digest
from rpc.workers import NoWorker

from .connection import Connection, Lobby, Rooms
from .guard import Guard
from .routes import PLAIN, SECURE, Routes
from .tls import NotReady

_STRANGER_MS = const(8000)  # from the first packet to having shown who one is
_SILENT_MS = const(900000)
_BACKLOG = const(5)
_LOOK_MS = const(50)
_AGAIN_MS = const(500)
_WORKER_MS = const(5000)
# For how long one waits for the server to look at what has changed: its first start takes an ESP32 more than a second.
_LOOKED_MS = const(8000)

_pause = select.poll()


class Server:
    """The listeners. dispatcher, access, workers: the RPC's; tls: DeviceTLS.

    port() gives the port for wss://, or None where it is switched off. address: what to bind to. connections: how many
    there may be, and how many of them over TLS.
    """

    def __init__(self, dispatcher, access, workers, tls, port, address, connections):
        self._access = access
        self._workers = workers
        self._tls = tls
        self._port = port
        self._address = address
        self._running = False
        self._starting = _thread.allocate_lock()
        self._asked = 0
        # Which refresh was the last to be looked at, and to be carried out: where memory lacks they differ for a while.
        self._looked = self._done = -1
        places, secure = connections
        self._rooms = rooms = Rooms(places)
        self._secure = Listener(Lobby(rooms, 1, secure), Routes(dispatcher, self._run, SECURE), Guard())
        plain = Routes(dispatcher, self._run, PLAIN, Digest(access), self._is_open)
        self._plain = Listener(Lobby(rooms, 3, places), plain)

    def start(self):
        """Serve from now on, in a thread: from when there is something to listen on, for its stack takes memory."""
        with self._starting:
            if self._running:
                return
            plain, secure = self._why_not_plain(), self._why_not_secure()
            try:
                if plain is None or secure is None:
                    threads.start(threads.HANDSHAKE, self._forever)
                    self._running = True
                    return
            except MemoryError:
                plain = secure = "too little memory for a server, now"
            self._plain.close(plain)
            self._secure.close(secure)
            self._looked = self._done = self._asked

    def _forever(self):
        while True:
            try:
                asyncio.run(self._main())
            except Exception as e:  # memory that ran out in asyncio itself, and not in a connection's task
                sys.print_exception(e)
            for listener in (self._secure, self._plain):
                listener.forget("the server starts again")
            self._rooms.taken.clear()
            asyncio.new_event_loop()
            self._looked = self._done = -1
            _pause.poll(_AGAIN_MS)

    def refresh(self):
        """Look again at what to listen on: a certificate, a CA or a setting has changed. Not from the server's thread.

        Returns when that is done, or can't be done now; or after a while.
        """
        self._asked += 1
        self.start()
        self._wait()

    def _wait(self):
        since = time.ticks_ms()
        while self._looked != self._asked and time.ticks_diff(time.ticks_ms(), since) < _LOOKED_MS:
            _pause.poll(10)

    def status(self):
        """For Access.Status: {wss, ws}."""
        self._wait()
        wss = {"enabled": self._port() is not None, "port": self._port()} | self._secure.status()
        return {"wss": wss, "ws": self._plain.status()}

    def _is_open(self):
        return self._access.bench and not self._access.plain["ha1"]

    async def _run(self, function):
        """Have a worker call `function`; its result, or NoWorker. Other connections are not kept waiting."""
        done = asyncio.ThreadSafeFlag()
        out = []

        def job():
            try:
                out.append(function())
            finally:
                done.set()

        since = time.ticks_ms()
        while not self._workers.give(job):
            if time.ticks_diff(time.ticks_ms(), since) > _WORKER_MS:
                raise NoWorker
            await asyncio.sleep_ms(20)
        await done.wait()
        return out[0]

    async def _main(self):
        self._janitor = asyncio.create_task(self._send_away())
        # Not with a ThreadSafeFlag: to wait for one, some ports look at it each millisecond, and this wait never ends.
        while True:
            asked = self._asked
            if asked != self._done:
                done = self._refresh_all()
                self._looked = asked
                if done:
                    self._done = asked
                else:
                    await asyncio.sleep_ms(_AGAIN_MS)
            await asyncio.sleep_ms(_LOOK_MS)

    def _refresh_all(self):
        """Whether there was memory enough; when a request is done there may be more."""
        try:
            self._refresh_plain()
            self._refresh_secure()
            return True
        except MemoryError:
            self._secure.close("too little memory for TLS, now")
            return False

    def _why_not_plain(self):
        plain = self._access.plain
        if not plain["enable"]:
            return "switched off (Access.WebSocket)"
        if not plain["ha1"] and not self._access.bench:
            return "no password is set, and the bench permission is off"
        return None

    def _refresh_plain(self):
        why = self._why_not_plain()
        if why:
            self._plain.close(why)
        else:
            self._plain.listen(self._address, self._access.plain["port"])

    def _why_not_secure(self):
        return "switched off (rpc.wss.enable)" if self._port() is None else self._tls.missing()

    def _refresh_secure(self):
        why = self._why_not_secure()
        if why:
            self._secure.close(why)
            return
        self._secure.forget_context()  # two of them at a time would be a waste of memory
        try:
            self._secure.listen(self._address, self._port(), self._tls.context())
        except NotReady as e:
            self._secure.close(str(e))

    async def _send_away(self):
        """Close what is overdue: strangers who don't show who they are, and who has been silent for very long."""
        while True:
            await asyncio.sleep_ms(500)
            for connection in self._secure.strangers + self._plain.strangers:
                if connection.strange_ms() > _STRANGER_MS:
                    connection.task.cancel()
            for connection in list(self._rooms.taken):
                if connection.quiet_ms() > _SILENT_MS:
                    connection.task.cancel()


class Listener:
    """One listening socket, and what becomes of its connections. guard: Guard for TLS, None for plain."""

    def __init__(self, lobby, routes, guard=None):
        self._lobby = lobby
        self._app = routes.app
        self._guard = guard
        self._context = None
        self._socket = None
        self._port = None
        self._task = None
        self._why = "not started yet"

    @property
    def strangers(self):
        return list(self._lobby.here)

    def status(self):
        return {"listening": self._socket is not None, "why": self._why}

    def close(self, why):
        """Stop listening; connections that are open stay."""
        if self._socket:
            self._task.cancel()
        self._drop(why)

    def forget(self, why):
        """Everything is as before the first listen: all tasks are gone, and with them the connections."""
        self._lobby.here.clear()
        self._drop(why)

    def _drop(self, why):
        self._why = why
        if self._socket:
            self._socket.close()
            self._socket = None

    def forget_context(self):
        """Until the next listen, which follows at once."""
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
            while not self._lobby.has_room():
                await asyncio.sleep_ms(20)
            if self._guard:
                await asyncio.sleep_ms(self._guard.wait_ms())
            try:
                sock, address = listening.accept()
                self._welcome(sock, _host(address))
            except (OSError, MemoryError):
                await asyncio.sleep_ms(100)  # no socket is free, or too little memory

    def _welcome(self, sock, address):
        if self._guard and not (self._context and self._guard.admits(address)):
            sock.close()
            return
        try:
            sock.setblocking(False)
            if self._context:
                sock = self._context.wrap_socket(sock)
            stream = asyncio.StreamReader(sock, {"peername": (address, 0)})
            connection = Connection(stream, address, self._lobby, self._context is not None)
            connection.task = asyncio.create_task(self._serve(connection))
        except BaseException:
            sock.close()  # once: TLS closes the plain one with it
            raise
        self._lobby.here.append(connection)

    async def _serve(self, connection):
        try:
            await self._app.handle_request(connection, connection.stream)
        except Exception:  # noqa: S110
            pass  # what went wrong with a connection ends with it
        finally:
            self._lobby.leave(connection)
            connection.stream.s.close()
            if self._guard:
                (self._guard.succeeded if connection.admitted else self._guard.failed)(connection.address)


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

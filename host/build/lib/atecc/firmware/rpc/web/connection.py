"""One caller's connection: what it may read, how long it may take, and when it may be sent away."""

import asyncio
import time

from micropython import const

# A request line or a header; all that comes before one is admitted.
_LINE_MAX = const(2048)
_STRANGER_MAX = const(20480)
_CHUNK = const(512)


class Connection:
    """A caller on `stream` (asyncio), and microdot's reader for it.

    lobby: the Lobby in which it waits until it is admitted. proven: the first byte it sends proves who it is, for it
    comes through TLS that wants a client's certificate. `known`: it has proved it, and is admitted as soon as there is
    room. `busy` says that a request of it is being run, `quiet_since` (ticks, ms) when that ended last.
    """

    def __init__(self, stream, address, lobby, proven):
        self.stream = stream
        self.proven = proven
        self.address = address
        self.task = None
        self.admitted = False
        self.known = False
        self.busy = False
        self.quiet_since = self.since = time.ticks_ms()
        self.lobby = lobby
        self._buffer = b""
        self._total = 0

    async def admit(self):
        """Let it in; waits until there is room."""
        self.known = True
        if not self.admitted:
            await self.lobby.admit(self)

    def strange_ms(self):
        """For how long it has been here without saying who it is."""
        return 0 if self.known else time.ticks_diff(time.ticks_ms(), self.since)

    def quiet_ms(self):
        """For how long nothing was done for it; 0 while something is."""
        return 0 if self.busy else time.ticks_diff(time.ticks_ms(), self.quiet_since)

    def start(self):
        self.busy = True

    def done(self):
        self.busy = False
        self.quiet_since = time.ticks_ms()

    # What microdot takes for an asyncio stream.

    async def _more(self):
        data = await self.stream.read(_CHUNK)
        self._total += len(data)
        if not self.admitted and self._total > _STRANGER_MAX:
            raise EOFError
        if data and self.proven and not self.admitted:
            await self.admit()
        self._buffer += data
        return bool(data)

    def _take(self, n):
        data = self._buffer[:n]
        self._buffer = self._buffer[n:]
        return data

    async def readline(self):
        while b"\n" not in self._buffer:
            if len(self._buffer) > _LINE_MAX:
                raise EOFError
            if not await self._more():
                return self._take(len(self._buffer))
        return self._take(self._buffer.find(b"\n") + 1)

    async def read(self, n):
        if not self._buffer:
            await self._more()
        return self._take(n)

    async def readexactly(self, n):
        if n < 0:
            raise EOFError
        while len(self._buffer) < n:
            if not await self._more():
                raise EOFError
        return self._take(n)


class Lobby:
    """The connections of one listener that are not admitted yet: at most `strangers` at a time.

    Strangers never take the place of somebody who is admitted: that happens only to let in somebody who has shown who
    it is, and then the one that has been silent for longest goes.
    """

    def __init__(self, rooms, strangers, most):
        self._rooms = rooms
        self._strangers = strangers
        self.most = most
        self.here = []

    @property
    def full(self):
        return len(self.here) >= self._strangers

    async def admit(self, connection):
        while not self._rooms.take(connection):
            await asyncio.sleep_ms(50)
        self.here.remove(connection)
        connection.admitted = True

    def leave(self, connection):
        if connection in self.here:
            self.here.remove(connection)
        self._rooms.leave(connection)


class Rooms:
    """Places for admitted connections: `places` in all, of which each lobby's may take `most`."""

    QUIET_MS = 1000  # silent for so long, a connection has to go when another one waits

    def __init__(self, places):
        self._places = places
        self.taken = []

    def take(self, connection):
        """Take a place; or send away the one who is silent for longest, if it is long, and return False."""
        same = [c for c in self.taken if c.lobby is connection.lobby]
        rivals = same if len(same) >= connection.lobby.most else self.taken
        if rivals is self.taken and len(rivals) < self._places:
            self.taken.append(connection)
            return True
        longest = max(rivals, key=Connection.quiet_ms)
        if longest.quiet_ms() >= self.QUIET_MS:
            longest.task.cancel()
        return False

    def leave(self, connection):
        if connection in self.taken:
            self.taken.remove(connection)

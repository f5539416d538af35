"""One caller's connection: what it may read, how long it may take, and when it may be sent away."""

import asyncio
import gc
import sys

from asyncio import core
from micropython import const

import uptime

# A request line or a header; all that comes before one is admitted.
_LINE_MAX = const(2048)
_STRANGER_MAX = const(20480)
_CHUNK = const(512)
# So much of a stranger's message has to be here before there is memory for all of it.
_PROOF = const(1024)
# A call that waits for something has so long before it counts as silence.
_WAITING_MS = const(10000)
# A stranger's connection takes 2 KB; an operator who publishes and renews an identity up to 20.
_FOR_KNOWN = const(24576)
_COUNTED = b"content-length:"
_DIGITS_MAX = const(20)


class Connection:
    """A caller on `stream` (asyncio), and microdot's reader for it.

    lobby: the Lobby in which it waits until it is admitted. who: None, or a function that gives the Caller once the
    first byte has come: it comes through TLS that wants a client's certificate. `caller` is who it is, as far as it has
    shown that, and `known` that it has. `busy` says that a request of it is being run, `quiet_since` (uptime) when that
    ended last, or began to wait. `touched` is when something came last.
    """

    def __init__(self, stream, address, lobby, who=None):
        self.stream = stream
        self.address = address
        self.lobby = lobby
        self.task = None
        self.caller = None
        self.busy = False
        self._who = who
        self.become_strange()
        self._buffer = b""

    def become_strange(self):
        """It has to show anew who it is."""
        self.admitted = self.known = False
        self.quiet_since = self.since = self.touched = uptime.ms()
        self._total = 0

    def pass_as(self, caller):
        """It has shown who it is."""
        self.caller = caller
        self.known = True

    @property
    def is_secure(self):
        return self._who is not None

    async def admit(self, caller):
        """Let it in as `caller`; waits until there is room."""
        self.pass_as(caller)
        while not (self.admitted or self.lobby.let_in(self)):
            await asyncio.sleep_ms(50)

    def strange_ms(self):
        """For how long it has been here without saying who it is."""
        return 0 if self.known else uptime.ms() - self.since

    def quiet_ms(self):
        """For how long nothing was done for it; 0 while something is."""
        return 0 if self.busy else max(0, uptime.ms() - self.quiet_since)

    def start(self):
        self.busy = True

    def done(self, grace=0):
        self.busy = False
        self.quiet_since = uptime.ms() + grace

    def waits(self):
        """Its request waits for something."""
        self.done(_WAITING_MS)

    # What microdot takes for an asyncio stream.

    async def _more(self):
        data = None
        while data is None:  # of TLS it may be the handshake that goes on
            yield core._io_queue.queue_read(self.stream.s)
            self.touched = uptime.ms()
            data = self.stream.s.read(_CHUNK)
        self._total += len(data)
        if not self.admitted:
            if self._total > _STRANGER_MAX:
                raise EOFError
            if data and self._who:
                await self.admit(self._who())
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
        line = self._take(self._buffer.find(b"\n") + 1)
        if line[: len(_COUNTED)].lower() == _COUNTED and len(line.strip()) > len(_COUNTED) + _DIGITS_MAX:
            raise EOFError  # microdot would make a number of it
        return line

    async def read(self, n):
        if not self._buffer:
            await self._more()
        return self._take(n)

    async def readexactly(self, n):
        if n < 0:
            raise EOFError
        if self.admitted or n <= _PROOF:
            return await self.whole(n)
        while len(self._buffer) < _PROOF:
            if not await self._more():
                raise EOFError
        return await self.lobby.weigh(self, n)

    async def whole(self, n):
        data = bytearray(n)  # once: a frame is large, compared with the memory
        at = 0
        while at < n:
            if not self._buffer and not await self._more():
                raise EOFError
            part = self._take(n - at)
            data[at : at + len(part)] = part
            at += len(part)
        return data

    async def is_left(self):
        """Reads ahead, a little. False as soon as the caller has gone."""
        while len(self._buffer) < _PROOF:
            try:
                if not await self._more():
                    return False
            except Exception:
                return False
        return True

    def begun(self, n):
        """The first `n` bytes of what has come and was not taken, or fewer."""
        return self._buffer[:n]

    async def discard(self, n):
        """Read so many bytes, and keep none."""
        while n > 0 and (self._buffer or await self._more()):
            n -= len(self._take(n))


class Lobby:
    """The connections of one listener that have said something, and are not admitted yet: at most `strangers`, and one
    where memory is short. While somebody else waits, they have to say something more each `stalled_ms`.

    Strangers never take the place of somebody who is admitted: that happens only to let in somebody who has shown who
    it is, and then the one that has been silent for longest goes.
    """

    PATIENCE_MS = 2000  # for so long a stranger may take while somebody else waits

    def __init__(self, rooms, strangers, most, stalled_ms=PATIENCE_MS):
        self._rooms = rooms
        self.strangers = strangers
        self._stalled_ms = stalled_ms
        self.most = most
        self.here = []
        self._weighed = None
        self._since = 0

    def has_room(self):
        """Whether one more may come in; of the address that has most, who is here for longest has to go then."""
        for connection in [c for c in self.here if c.known]:
            if not self.let_in(connection):
                return False
        if len(self.here) < self.strangers and not (self.here and self._memory_is_short()):
            return True
        addresses = [c.address for c in self.here]
        strangest = max(self.here, key=lambda c: (addresses.count(c.address), c.strange_ms()))
        if strangest.strange_ms() >= self.PATIENCE_MS or uptime.ms() - strangest.touched >= self._stalled_ms:
            strangest.task.cancel()
        return False

    @staticmethod
    def _memory_is_short():
        """Whether more strangers than one would take what those who are let in may need."""
        return gc.mem_free() < _FOR_KNOWN * (1 if sys.maxsize < 1 << 32 else 2)

    def spare(self):
        """How many more connections there are sockets for, as far as those who are let in leave some."""
        return self._rooms.spare() - len(self.here)

    async def weigh(self, connection, n):
        """A stranger's large message, of `n` bytes: there is memory for one at a time."""
        while self._weighed:
            await asyncio.sleep_ms(20)
        self._weighed, self._since = connection, uptime.ms()
        try:
            return await connection.whole(n)
        finally:
            self._weighed = None

    def overdue(self, ms):
        """The connections that have not shown who they are within `ms`, or take too long for a large message."""
        late = [c for c in self.here if c.strange_ms() > ms]
        if self._weighed and uptime.ms() - self._since > self.PATIENCE_MS:
            late.append(self._weighed)
        return late

    def let_in(self, connection):
        """Whether there is room for it among those who are admitted, which it then is."""
        if not self._rooms.take(connection):
            return False
        self.here.remove(connection)
        connection.admitted = True
        return True

    def take_back(self, connection):
        """What admitted it holds no longer: it is a stranger again."""
        self._rooms.leave(connection)
        connection.become_strange()
        self.here.append(connection)

    def leave(self, connection):
        if connection in self.here:
            self.here.remove(connection)
        self._rooms.leave(connection)

    def clear(self):
        """All tasks are gone."""
        self.here.clear()
        self._weighed = None


class Rooms:
    """Places for admitted connections: `places` in all, of which each lobby's may take `most`."""

    QUIET_MS = 1000  # silent for so long, a connection has to go when another one waits

    def __init__(self, places):
        self._places = places
        self.taken = []

    def spare(self):
        return self._places - len(self.taken)

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

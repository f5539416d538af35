"""Listens on the network: a thread of its own, in which asyncio carries the frames and workers run the requests."""

import asyncio
import select
import sys

import _thread
from micropython import const

import threads
import uptime
from link import clock
from rpc.digest import Digest
from rpc.workers import NoWorker

from .call import Call
from .connection import Lobby, Rooms
from .guard import Guard, Repute
from .listener import Listener
from .routes import Routes
from .tls import NotReady

_SILENT_MS = const(900000)
_LOOK_MS = const(50)
_AGAIN_MS = const(500)
_STALLED_MS = const(700)  # in a handshake: longer than a round of it takes
_WORKER_MS = const(5000)
# For how long one waits for the server to look at what has changed: its first start takes an ESP32 more than a second.
_LOOKED_MS = const(8000)

_pause = select.poll()


class Server:
    """The listeners. dispatcher, access, workers: the RPC's; tls: DeviceTLS; doors: Doors, which knows what is to be
    listened on.

    is_own(name) tells whether a name is this device's. address: what to bind to. connections: how many there may be,
    and how many of them over TLS.
    """

    def __init__(self, dispatcher, access, workers, tls, doors, is_own, address, connections):
        self._access = access
        self._workers = workers
        self._tls = tls
        self._doors = doors
        self._address = address
        self._running = False
        self._starting = _thread.allocate_lock()
        self._asked = 0
        # Which refresh was the last to be looked at, and to be carried out: where memory lacks they differ for a while.
        self._looked = self._done = -1
        places, secure = connections
        self._rooms = rooms = Rooms(places)
        app = Routes(dispatcher, self._run, access, is_own, Digest(access)).app
        repute = Repute()
        self._secure = Listener(Lobby(rooms, 1, secure, _STALLED_MS), app, repute, Guard(repute))
        self._plain = Listener(Lobby(rooms, 3, places), app, repute)

    def start(self):
        """Serve from now on, in a thread: from when there is something to listen on, for its stack takes memory."""
        with self._starting:
            if self._running:
                return
            plain, secure = self._doors.why_not_plain(), self._doors.why_not_secure()
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
        until = uptime.ms() + _LOOKED_MS
        while self._looked != self._asked and uptime.ms() < until:
            _pause.poll(10)

    def status(self):
        """{wss, ws}: of each {listening, why}."""
        self._wait()
        return {"wss": self._secure.status(), "ws": self._plain.status()}

    async def _run(self, steps, connection):
        """Have a worker run the generator `steps`; what it returns, or NoWorker. Other connections go on."""
        call = Call(steps, connection)
        steps = call.steps()
        since = uptime.ms()
        while not self._workers.give(steps):
            if uptime.ms() - since > _WORKER_MS:
                raise NoWorker
            await asyncio.sleep_ms(20)
        return await call.result()

    async def _main(self):
        self._janitor = asyncio.create_task(self._look_after())
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
            self._part()
            self._refresh_plain()
            self._refresh_secure()
            return True
        except MemoryError:
            self._secure.close("too little memory for TLS, now")
            return False

    def _refresh_plain(self):
        why = self._doors.why_not_plain()
        if why:
            self._plain.close(why)
        else:
            self._plain.listen(self._address, self._access.plain["port"])

    def _refresh_secure(self):
        why = self._doors.why_not_secure()
        self._secure.forget_context()  # two of them at a time would be a waste of memory
        if why:
            self._secure.close(why)
            return
        try:
            self._secure.listen(self._address, self._doors.port(), self._tls.context())
        except NotReady as e:
            self._secure.close(str(e))

    async def _look_after(self):
        """Close what is overdue: strangers who don't show who they are, who has been silent for very long, and whose
        trust is gone or has expired. And notice the end of the bench permission."""
        while True:
            await asyncio.sleep_ms(500)
            clock.remember()
            for listener in (self._secure, self._plain):
                listener.thin_out()
            for connection in list(self._rooms.taken):
                if connection.quiet_ms() > _SILENT_MS:
                    connection.task.cancel()
            self._part()
            if self._plain.is_open and self._doors.why_not_plain():
                self._asked += 1

    def _part(self):
        """From those whom what has let them in lets in no longer. Who may have a password is asked for it again."""
        for connection in list(self._rooms.taken):
            if self._access.holds(connection.caller):
                continue
            if connection.is_secure or not self._access.plain["enable"]:
                connection.task.cancel()
            else:
                connection.lobby.take_back(connection)

"""Who has connected and is not let in yet: that costs a socket, and hardly any memory."""

import asyncio

from asyncio import core
from micropython import const

import uptime


_SILENT_MS = const(300)


class _Guest:
    def __init__(self, sock, address):
        self.sock = sock
        self.address = address
        self.since = uptime.ms()
        self.spoke = False
        self.task = None


class Porch:
    """At most `places()` guests wait in front of one listener.

    Who has said something is let in by `enter(sock, address)` as soon as `may_enter()`, those of the best repute first
    (Repute); those of the worst, and the silent ones, make room for others.
    """

    def __init__(self, places, may_enter, enter, repute):
        self._places = places
        self._may_enter = may_enter
        self._enter = enter
        self._repute = repute
        self._here = []

    def come(self, sock, address):
        """One more guest; whether somebody had to go for it who had said something."""
        guest = _Guest(sock, address)
        guest.task = asyncio.create_task(self._wait(guest))
        self._here.append(guest)
        return len(self._here) > self._places() and self.make_room()

    def make_room(self):
        """Send away the one who is wanted least; whether that one had said something."""
        if not self._here:
            return False
        addresses = [g.address for g in self._here]
        guest = max(self._here, key=lambda g: self._burden(g, addresses.count(g.address)))
        self._send_away(guest)
        return guest.spoke

    def _burden(self, guest, same):
        """Where nobody was let in before; who is silent for long; repute; how many are at that address; who has been
        here for longest of the silent, and for shortest of the others."""
        rank, since = self._repute.rank(guest.address), guest.since if guest.spoke else -guest.since
        silent = not guest.spoke and uptime.ms() - guest.since > _SILENT_MS
        return rank > 0, silent, rank, same, since

    def thin_out(self, after_ms):
        """Send away who has been silent for so long."""
        for guest in [g for g in self._here if not g.spoke and uptime.ms() - g.since > after_ms]:
            self._send_away(guest)

    def _send_away(self, guest):
        self._repute.failed(guest.address)
        self._here.remove(guest)
        guest.task.cancel()
        guest.sock.close()  # not in the task, which may not even have begun

    def clear(self):
        """Their tasks are gone already."""
        for guest in self._here:
            guest.sock.close()
        self._here.clear()

    async def _wait(self, guest):
        try:
            yield core._io_queue.queue_read(guest.sock)
            guest.spoke = True
            while not (self._is_next(guest) and self._may_enter()):
                await asyncio.sleep_ms(20)
            self._here.remove(guest)
        except Exception:
            self._here.remove(guest)
            guest.sock.close()
            raise
        self._enter(guest.sock, guest.address)

    def _is_next(self, guest):
        spoke = [g for g in self._here if g.spoke]
        return guest is min(spoke, key=lambda g: (self._repute.rank(g.address), g.since))

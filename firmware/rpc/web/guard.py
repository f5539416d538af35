"""Whom to prefer where not everybody can be served, and how often strangers may have the chip sign.

A TLS handshake costs a signature before one knows who calls.
"""

from hashlib import sha256

from micropython import const

import uptime

_GOOD = const(8)
_MARKS = const(64)
_MOST = const(15)
_FADES_MS = const(60000)
_BURST = const(5)
_EVERY_MS = const(1000)
_STRIKES = const(3)
_PENALTY_MS = const(10000)


class Repute:
    """What is remembered of addresses: where somebody was let in lately, and how often somebody was not.

    Of the latter there may be many, for little memory: each has a mark in either half of a table, which it shares with
    others, in each half with different ones. Marks fade.
    """

    def __init__(self):
        self._good = []
        self._marks = bytearray(2 * _MARKS)
        self._faded = uptime.ms()

    @staticmethod
    def _places(address):
        code = sha256(address if isinstance(address, bytes) else address.encode()).digest()
        return code[0] % _MARKS, _MARKS + code[1] % _MARKS

    def rank(self, address):
        """The lower the better; 0 where somebody was let in."""
        if uptime.ms() - self._faded > _FADES_MS:
            self._faded = uptime.ms()
            for i, mark in enumerate(self._marks):
                self._marks[i] = mark // 2
        return 0 if address in self._good else 1 + min(self._marks[i] for i in self._places(address))

    def failed(self, address):
        for i in self._places(address):
            self._marks[i] = min(_MOST, self._marks[i] + 1)

    def succeeded(self, address):
        if address not in self._good:
            self._good = self._good[1 - _GOOD :] + [address]


class Guard:
    """Handshakes: _BURST at once, then one each _EVERY_MS; for all addresses where _STRIKES failed lately, one each
    _PENALTY_MS."""

    def __init__(self, repute):
        self._repute = repute
        self._tokens = _BURST
        self._filled = self._penalized = uptime.ms()

    def is_ready(self):
        """Whether the next handshake may be now."""
        gained = (uptime.ms() - self._filled) // _EVERY_MS
        if gained > 0:
            self._tokens = min(_BURST, self._tokens + gained)
            self._filled += gained * _EVERY_MS
        return self._tokens > 0

    def admits(self, address):
        """Whether `address` may have a handshake now, which it then has."""
        if self._repute.rank(address) > _STRIKES:
            if uptime.ms() - self._penalized < _PENALTY_MS:
                return False
            self._penalized = uptime.ms()
        self._tokens = max(0, self._tokens - 1)
        return True

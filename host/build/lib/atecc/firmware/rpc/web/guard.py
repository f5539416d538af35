"""How often strangers may have the chip sign: a TLS handshake costs a signature before one knows who calls."""

import time

from micropython import const

_BURST = const(5)
_EVERY_MS = const(1000)
_STRIKES = const(3)
_PENALTY_MS = const(10000)
_REMEMBERED = const(8)


class Guard:
    """Handshakes: _BURST at once, then one each _EVERY_MS; for an address that failed _STRIKES times in a row, one each
    _PENALTY_MS."""

    def __init__(self):
        self._tokens = _BURST
        self._filled = time.ticks_ms()
        self._failures = []  # [address, strikes, when]

    def wait_ms(self):
        """How long until the next handshake may be; 0: now."""
        now = time.ticks_ms()
        gained = time.ticks_diff(now, self._filled) // _EVERY_MS
        if gained > 0:
            self._tokens = min(_BURST, self._tokens + gained)
            self._filled = time.ticks_add(self._filled, gained * _EVERY_MS)
        return 0 if self._tokens else max(1, _EVERY_MS - time.ticks_diff(now, self._filled))

    def admits(self, address):
        """Whether `address` may have a handshake now, which it then has."""
        for _, strikes, when in [f for f in self._failures if f[0] == address]:
            if strikes >= _STRIKES and time.ticks_diff(time.ticks_ms(), when) < _PENALTY_MS:
                return False
        self._tokens = max(0, self._tokens - 1)
        return True

    def failed(self, address):
        strikes = sum(f[1] for f in self._failures if f[0] == address)
        self.succeeded(address)
        self._failures.append([address, strikes + 1, time.ticks_ms()])
        if len(self._failures) > _REMEMBERED:
            self._failures.pop(0)

    def succeeded(self, address):
        self._failures = [f for f in self._failures if f[0] != address]

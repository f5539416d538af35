"""Which requests of an operator have been here: each has a number of its own, larger than those before.

The flash keeps for each key a number that its requests have not reached yet, ahead of them: so it is written once in
_AHEAD requests, and after a power failure no number comes twice. Some are left out then.
"""

import _thread
from micropython import const

from identity.record import Record

from .errors import RpcError

_AHEAD = const(64)
_KEYS_MAX = const(16)


class Counters:
    """Numbers of operators' keys, kept in a Record at `path`. A key is any text that stands for it."""

    def __init__(self, path):
        self._record = Record(path)
        self._lock = _thread.allocate_lock()
        kept = self._record.load() or {}
        self._limits = dict(kept.get("limits", {}))
        self._floor = kept.get("floor", 1)  # below it are the numbers of keys that had to be forgotten
        self._next = {}

    def next(self, key):
        """The lowest number that a request by `key` may have."""
        return self._next.get(key, self._limits.get(key, self._floor))

    def check(self, key, number):
        """RpcError `counter` if a request by `key` can't have this number any more."""
        least = self.next(key)
        if number < least:
            error = RpcError(
                "counter", "this request, or a later one, was here before: %d is the next number" % least
            )
            error.next = least
            raise error

    def use(self, key, number):
        """`check`, and never again. OSError if the flash does not keep it: the request must not be run then."""
        with self._lock:
            self.check(key, number)
            if number >= self._limits.get(key, 0):
                self._keep(key, number + _AHEAD)
            self._next[key] = number + 1

    def _keep(self, key, limit):
        limits = self._limits | {key: limit}
        floor = self._floor
        while len(limits) > _KEYS_MAX:
            lowest = min([one for one in limits if one != key], key=lambda one: limits[one])
            floor = max(floor, limits.pop(lowest))
            self._next.pop(lowest, None)
        self._record.save({"limits": limits, "floor": floor})
        self._limits, self._floor = limits, floor

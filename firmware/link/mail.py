"""Messages that have arrived: the broker was told so and forgets them, so they stay here until somebody takes them.

There are two rooms, so that mail which nobody takes stands in no request's way.
"""

import _thread
from micropython import const

_MESSAGES_MAX = const(16)
_REQUESTS_MAX = const(8)
_BYTES_MAX = const(16384)
_OBJECTS = const(64)  # bytes that a message takes beside its own
_PATIENCE_MS = const(30000)


class _Room:
    def __init__(self, most):
        self._most = most
        self._kept = []

    def add(self, topic, message):
        self._kept.append((topic, message))

    def is_full(self):
        return len(self._kept) >= self._most or self._is_large()

    def _is_large(self):
        return sum([_OBJECTS + len(topic) + len(message) for topic, message in self._kept]) >= _BYTES_MAX


class Requests(_Room):
    """For the RPC, which takes them as fast as it can: while it is full, the broker keeps what else there is."""

    def __init__(self):
        super().__init__(_REQUESTS_MAX)

    def hand_on(self, take):
        """Give the requests to `take(topic, message)`, as long as it takes them."""
        while self._kept and take(*self._kept[0]):
            self._kept.pop(0)


class Mail(_Room):
    """For the application. While somebody asks for it now and then, the broker keeps what there is no room for; but not
    for ever, for requests come behind it: without anybody asking for _PATIENCE_MS the oldest goes, and is counted.

    While umqtt waits for an answer it reads whatever comes in between: that is kept beyond the usual number.
    """

    def __init__(self):
        super().__init__(_MESSAGES_MAX)
        self._lock = _thread.allocate_lock()
        self._patience = 0
        self.lost = 0

    @property
    def holds_up(self):
        """Whether nothing more should be read from the connection."""
        return self._patience > 0 and self.is_full()

    def asked_for(self):
        """Somebody asks for mail, or is going to."""
        self._patience = _PATIENCE_MS

    def tick(self, ms):
        self._patience = max(0, self._patience - ms)

    def add(self, topic, message):
        """Keep it; the topics of the messages that had to go for it."""
        gone = []
        with self._lock:
            while self._kept and (self._is_large() if self._patience else self.is_full()):
                gone.append(self._kept.pop(0)[0])
            super().add(topic, message)
        self.lost += len(gone)
        return gone

    def take(self, topic):
        """The oldest message (topic, bytes), of `topic` if given; or None."""
        with self._lock:
            for message in self._kept:
                if topic is None or message[0] == topic:
                    self._kept.remove(message)
                    return message
        return None

"""Messages that have arrived: the broker was told so and forgets them, so they stay here until somebody takes them."""

import _thread
from micropython import const

_COUNT_MAX = const(16)
_BYTES_MAX = const(16384)


class Mail:
    """What came for the application, and requests for the RPC; outlives the connections that brought it."""

    def __init__(self):
        self._lock = _thread.allocate_lock()
        self._messages = []
        self._requests = []

    @property
    def full(self):
        """Whether nothing more should be read from the connection."""
        waiting = self._messages + self._requests
        return len(waiting) >= _COUNT_MAX or sum(len(message) for _, message in waiting) >= _BYTES_MAX

    def add(self, topic, message, is_request):
        """Keep it, also beyond the limit: to publish, umqtt has to read what comes in between."""
        with self._lock:
            (self._requests if is_request else self._messages).append((topic, message))

    def take(self, topic):
        """The oldest message (topic, bytes), of `topic` if given; or None."""
        with self._lock:
            for message in self._messages:
                if topic is None or message[0] == topic:
                    self._messages.remove(message)
                    return message
        return None

    def hand_on(self, take):
        """Give the requests to `take(topic, message)`, as long as it takes them."""
        while self._requests and take(*self._requests[0]):
            self._requests.pop(0)

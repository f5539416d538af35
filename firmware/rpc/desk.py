"""Where requests come in. The dispatcher behind it, and all that it imports, is there only while one is under way."""

import _thread


class Desk:
    """A Dispatcher, of whose methods here are those that handle requests; make(waiting) gives one."""

    def __init__(self, make):
        self._make = make
        self._lock = _thread.allocate_lock()
        self._dispatcher = None
        self._under_way = 0
        self._waiting = []

    def _begin(self):
        with self._lock:
            if self._dispatcher is None:
                self._dispatcher = self._make(self._waiting)
            self._under_way += 1
            return self._dispatcher

    def _end(self):
        with self._lock:
            self._under_way -= 1
            if not self._under_way:
                self._dispatcher = None

    @property
    def is_busy(self):
        """Whether a request is under way."""
        return self._under_way > 0

    def handle(self, text, admit):
        dispatcher = self._begin()
        try:
            return dispatcher.handle(text, admit)
        finally:
            self._end()

    def answer(self, parsed, admit):
        dispatcher = self._begin()
        try:
            return (yield from dispatcher.answer(parsed, admit))
        finally:
            self._end()

    def run(self, name, params, caller):
        dispatcher = self._begin()
        try:
            return (yield from dispatcher.run(name, params, caller))
        finally:
            self._end()

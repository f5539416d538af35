"""Messages on their way: out, until the broker has them, and in, until the program has."""

import _thread
from micropython import const

import lazily
from identity.record import Record
from link.topics import matches

_MOST = const(32)
_BYTES = const(8192)
_TICK_MS = const(20)


class Outbox:
    """What is to be sent; of what is kept, more than one reset may come between. The link takes it, one by one."""

    def __init__(self, path):
        self._record = Record(path)
        self._lock = _thread.allocate_lock()
        self._entries = [list(entry) for entry in self._record.load() or []]
        self._dirty = False
        self.lost = 0

    def __len__(self):
        return len(self._entries)

    def put(self, topic, message, qos, keep):
        keep = bool(keep)
        with self._lock:
            self._entries.append([topic, message, qos, keep])
            while len(self._entries) > 1 and (len(self._entries) > _MOST or self._size() > _BYTES):
                keep = self._entries.pop(0)[3] or keep
                self.lost += 1
            if keep:
                self._save()

    def _size(self):
        return sum([len(entry[0]) + len(entry[1]) for entry in self._entries])

    def _save(self):
        # JSON knows no bytes; who wants them kept writes them as text.
        kept = [entry for entry in self._entries if entry[3] and isinstance(entry[1], str)]
        try:
            self._record.save(kept)
        except OSError:
            pass  # a full flash: they are in RAM all the same

    def first(self):
        """The oldest, or None."""
        with self._lock:
            return self._entries[0] if self._entries else None

    def done(self, entry, sent):
        """It is with the broker, or it can't be sent."""
        with self._lock:
            if entry in self._entries:
                self._entries.remove(entry)
                if entry[3]:
                    self._save()
            if not sent:
                self.lost += 1


class Inbox:
    """What has arrived by `pattern` and was not taken yet: the oldest goes first, and is counted.

    function: called for each, by a worker, in order; without one it is an asynchronous iterator.
    """

    def __init__(self, pattern, function=None, workers=None):
        self.pattern = pattern
        self._function = function
        self._workers = workers
        self._lock = _thread.allocate_lock()
        self._kept = []
        self._working = False
        self.lost = 0

    def takes(self, topic):
        return matches(self.pattern, topic)

    def add(self, topic, message):
        """Called by the link's thread."""
        with self._lock:
            self._kept.append((topic, message))
            if len(self._kept) > _MOST:
                self._kept.pop(0)
                self.lost += 1
        self.pump()

    def pump(self):
        """Have a worker call the function, unless one does already."""
        if self._function is None or self._working or not self._kept:
            return
        self._working = True
        if not self._workers().give(self._work()):
            self._working = False

    def _take(self):
        with self._lock:
            return self._kept.pop(0) if self._kept else None

    def _work(self):
        """A job that waits for nothing: a generator, as workers take it."""
        try:
            while (found := self._take()) is not None:
                try:
                    self._function(*found)
                except Exception as e:
                    lazily.keep("prints").exception(e)
        finally:
            self._working = False
        return
        yield

    def __aiter__(self):
        return self

    async def __anext__(self):
        import asyncio

        while (found := self._take()) is None:
            await asyncio.sleep_ms(_TICK_MS)
        return found

"""What a link listens to, for as long as somebody waits for it, and what its broker hangs up on."""

from micropython import const

from .errors import LinkError
from .topics import matches

# Who has subscribed to a topic asks for its messages sooner than that, or it is unsubscribed.
_IDLE_MS = const(900000)
_NOTES_MAX = const(8)
# After so many connections that ended with the same operation, it is not tried again for a while.
_TRIES = const(3)
_FORGIVEN_MS = const(600000)


class Subscriptions:
    """The topics (filters) that somebody has subscribed to; they outlive connections. `notes` tells what became of
    others."""

    def __init__(self):
        self._idle = {}  # for how many ms nobody has asked for messages
        self._qos = {}
        self.notes = []

    def __contains__(self, topic):
        """Whether there is one that `topic` comes by."""
        return any(matches(pattern, topic) for pattern in self._qos)

    def add(self, pattern, qos, for_good=False):
        """for_good: whether it stays, though nobody asks for its messages: they are handed on."""
        self._idle.pop(pattern, None)
        if not for_good:
            self._idle[pattern] = 0
        self._qos[pattern] = qos
        self.notes = [note for note in self.notes if note["topic"] != pattern]

    def remove(self, pattern):
        self._qos.pop(pattern, None)
        self._idle.pop(pattern, None)

    def drop(self, pattern, why):
        """Remove it, and note why: nobody has asked for that."""
        self.remove(pattern)
        self.notes = self.notes[1 - _NOTES_MAX :] + [{"topic": pattern, "why": why}]

    def items(self):
        """[(filter, QoS)], in alphabetical order."""
        return sorted(self._qos.items())

    def asked_for(self, topic):
        """Somebody asks for messages of `topic` (None: of any)."""
        for pattern in self._idle:
            if topic is None or matches(pattern, topic):
                self._idle[pattern] = 0

    def stray(self, topic):
        """A message of `topic` had to go. If nobody here has subscribed to that, a session of before the start has."""
        if topic not in self and all(note["topic"] != topic for note in self.notes):
            self._idle[topic] = _IDLE_MS + 1

    def tick(self, ms):
        for pattern in self._idle:
            self._idle[pattern] += ms

    def overdue(self):
        """The filters for which nobody has asked for long."""
        return [pattern for pattern in self._idle if self._idle[pattern] > _IDLE_MS]


class Suspicions:
    """Finds what a broker closes the connection for: the operation that was under way, if that happens again and
    again."""

    def __init__(self):
        self._suspect = None
        self._found = []  # [operation, topic, times, for how many ms it is not forgiven]

    def run(self, what, topic, operation, *args):
        """Run `operation`, suspected if the connection ends now; LinkError if that has happened too often already."""
        for found in self._found:
            if found[:2] == [what, topic] and found[2] >= _TRIES:
                raise LinkError("state", self._words(found))
        self._suspect = [what, topic]
        operation(*args)

    def answered(self):
        """The broker has said something after it."""
        if self._suspect:
            self._found = [found for found in self._found if found[:2] != self._suspect]
            self._suspect = None

    def ended(self, error):
        """The connection has ended with `error`."""
        suspect, self._suspect = self._suspect, None
        if suspect and isinstance(error, LinkError) and (error.kind, error.stage) == ("closed", "mqtt"):
            times = sum([found[2] for found in self._found if found[:2] == suspect])
            others = [found for found in self._found if found[:2] != suspect]
            self._found = others[1 - _NOTES_MAX :] + [suspect + [times + 1, _FORGIVEN_MS]]

    def tick(self, ms):
        for found in self._found:
            found[3] -= ms
        self._found = [found for found in self._found if found[3] > 0]

    @property
    def notes(self):
        """[{topic, why}] of what is not tried any more."""
        return [{"topic": f[1], "why": self._words(f)} for f in self._found if f[2] >= _TRIES]

    @staticmethod
    def _words(found):
        return (
            "the broker has closed the connection %d times in a row when this device was to %s this topic: it is not"
            " tried again for %d minutes" % (found[2], found[0], (found[3] + 59999) // 60000)
        )

"""Something that another thread does, and whoever wants to know how it ended.

A call that waits is a generator: it yields the Job it waits for, and is gone on with when that is done. So it holds no
thread, and no stack, while it waits.
"""

import select

import _thread

import threads

_POLL_MS = 10

_lock = _thread.allocate_lock()
_pause = select.poll()


class Job:
    """One call of `function`, by whatever thread calls `run`. Its outcome is waited for, or told."""

    def __init__(self, function=None):
        self._function = function
        self.unwanted = False  # nobody waits for it any more
        self._outcome = None  # (result, error)
        self._tell = None

    def start(self, stack):
        """Have a thread of its own run it, with a stack of so many bytes; itself. MemoryError as in threads.start."""
        threads.start(stack, self.run)
        return self

    def run(self, *args):
        try:
            self.finish(self._function(*args))
        except Exception as e:
            self.finish(None, e)

    def finish(self, result, error=None):
        with _lock:
            self._outcome = result, error
            tell = self._tell
        if tell:
            tell()

    def then(self, tell):
        """Call `tell()` when it is done: in the thread that has done it, or at once."""
        with _lock:
            done = self._outcome is not None
            self._tell = tell
        if done:
            tell()

    def wait(self):
        """The result, or what was raised instead. Ctrl-C ends the waiting."""
        while self._outcome is None:
            _pause.poll(_POLL_MS)
        result, error = self._outcome
        if error:
            raise error
        return result


def waited(job):
    """The result of `job`, for a generator that waits for it; None if there is no job."""
    if job is None:
        return None
    yield job
    return job.wait()


def complete(steps):
    """What the generator `steps` returns; what it waits for is waited for here."""
    while True:
        try:
            next(steps)
        except StopIteration as e:
            return e.value

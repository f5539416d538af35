"""Threads that run requests, so that whoever carries the frames can go on carrying."""

import _thread

import threads


class NoWorker(MemoryError):
    """For long there was no worker, for want of room for its stack: the job was not begun."""


class Workers:
    """At most `most` threads, alive only while there is something to do; at most `waiting` jobs wait."""

    def __init__(self, most=3, waiting=16):
        self._most = most
        self._waiting = waiting
        self._lock = _thread.allocate_lock()
        self._jobs = []
        self._alive = 0

    def give(self, job):
        """Have `job()` run soon; it must not raise. False if too many wait already."""
        with self._lock:
            if len(self._jobs) >= self._waiting:
                return False
            self._jobs.append(job)
            if self._alive >= self._most:
                return True
            self._alive += 1
        try:
            threads.start(threads.REQUEST, self._main)
        except MemoryError:
            # No room for another one. The ones that are alive will come to it; if there are none, nobody would.
            with self._lock:
                self._alive -= 1
                if self._alive == 0 and job in self._jobs:
                    self._jobs.remove(job)
                    return False
        return True

    def _main(self):
        while True:
            with self._lock:
                if not self._jobs:
                    self._alive -= 1
                    return
                job = self._jobs.pop(0)
            job()

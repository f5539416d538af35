"""Threads that run requests, so that whoever carries the frames can go on carrying."""

import sys

import _thread

import threads


class NoWorker(MemoryError):
    """For long there was no worker, for want of room for its stack: the job was not begun."""


class Workers:
    """At most `most` threads, alive only while there is something to do; at most `waiting` jobs wait for one of them.

    A job is a generator. What it yields is a Job that it waits for: until that is done it holds none of the threads.
    """

    def __init__(self, most=3, waiting=16):
        self._most = most
        self._waiting = waiting
        self._lock = _thread.allocate_lock()
        self._jobs = []
        self._begun = []  # which need not wait any more
        self._alive = 0

    def give(self, steps):
        """Have `steps` run soon; False if too many wait already."""
        with self._lock:
            if len(self._jobs) >= self._waiting:
                return False
            self._jobs.append(steps)
        if self._have_one():
            return True
        with self._lock:
            if self._alive or steps not in self._jobs:
                return True
            self._jobs.remove(steps)
        return False

    def _go_on(self, steps):
        """Called by whoever has done what `steps` waited for. Begun, it must be ended: without a thread in this one."""
        with self._lock:
            self._begun.append(steps)
        if not self._have_one():
            self._work()

    def _have_one(self):
        """Whether a thread will look for work, or there is no need; False without room for one."""
        with self._lock:
            if self._alive >= self._most:
                return True
            self._alive += 1
        try:
            threads.start(threads.REQUEST, self._main)
            return True
        except MemoryError:
            with self._lock:
                self._alive -= 1
                # The ones that are alive will come to it; if there are none, nobody would.
                return self._alive > 0

    def _main(self):
        while True:
            with self._lock:
                if not (self._begun or self._jobs):
                    self._alive -= 1
                    return
            self._work()

    def _work(self):
        """Run a job until it waits for something, or is done."""
        with self._lock:
            jobs = self._begun or self._jobs
            if not jobs:
                return
            steps = jobs.pop(0)
        try:
            job = next(steps)
        except StopIteration:
            return
        except Exception as e:  # a defect: a job tells by itself what went wrong with it
            sys.print_exception(e)
            return
        job.then(lambda: self._go_on(steps))

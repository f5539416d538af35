"""Listens for jobs of AWS IoT that renew certificates, as long as the owner wants it (`aws.jobs`); all else is loaded
when there is something to do.

Nothing of it is kept on flash but in the identities themselves: an execution that is in progress at AWS when the device
connects is one that the device was cut off in, and is taken up again.
"""

import json

import _thread
from micropython import const

import lazily
import threads
import uptime

OPERATION = "rotate-certificate"
_NEXT = ("/notify-next", "/$next/get/accepted")
_ANSWERS = ("/update/accepted", "/update/rejected")
_RENEW_MS = const(86_400_000)  # by itself it tries no more often


class _Inbox:
    """What the link has for the listener (Link.listen). One filter for all: at each that its policy does not allow, AWS
    would hang up."""

    def __init__(self, thing, add):
        self.base = "$aws/things/%s/jobs/" % thing
        self.pattern = self.base + "#"
        self.add = add

    def takes(self, topic):
        return topic.startswith(self.base)


class Listener:
    """Of `device` (the module of that name).

    given_up: (job, reason) of what has failed and AWS may not know yet; head: the job that is next, as AWS has it;
    answer: the topic of AWS's last answer to an update; trouble: (the exception with which a renewal without a job has
    ended or None, Store.switch then: with another identity it is of no interest).
    """

    def __init__(self, device):
        self._device = device
        self._link = device.link
        self._store = device.store
        self._setting = device.settings.get
        self._lock = _thread.allocate_lock()
        self._busy = self._missed = False
        self._inbox = None
        self._thing = None
        self._renewed = None
        self.given_up = (None, None)
        self.trouble = (None, None)
        self.head = self.answer = None
        self._link.watchers.append(self._changed)
        self._link.daily = self._renew

    def refresh(self):
        """After the settings have changed, or the identity."""
        thing = self._store.name if self._setting("aws.jobs") else None
        if thing == self._thing:
            return
        if self._inbox:
            self._link.listen_no_more(self._inbox)
        self._thing = thing
        self._inbox = thing and _Inbox(thing, self._heard)
        if thing:
            self._link.listen(self._inbox, 1)
            if self._link.state == "connected":
                self._ask()

    def _look(self):
        """For what there is to do."""
        if self._thing:
            self._ask()
        self._renew()

    def _ask(self):
        self._link.send("$aws/things/%s/jobs/$next/get" % self._thing, "{}")

    # Called by the link's thread.

    def _changed(self, connected):
        if connected:
            self.refresh()
            self._look()

    def _heard(self, topic, message):
        if topic.endswith(_ANSWERS):
            self.answer = topic
        if not topic.endswith(_NEXT):
            return  # answers to others, and what this device itself has asked
        try:
            execution = json.loads(message).get("execution") or {}
            self.head = execution.get("jobId")
            if execution["jobDocument"]["operation"] == OPERATION:
                self._begin("by_job", execution)
        except (AttributeError, KeyError, TypeError, ValueError):
            pass  # nothing is next, or what is next is somebody else's

    def _renew(self):
        """By itself, where the owner wants that; and AWS is told of it until it has heard."""
        now = uptime.ms()
        due = self._renewed is None or now - self._renewed >= _RENEW_MS
        due = due and self._setting("aws.renew") > 0
        if self._store.active and (due or self._store.untold) and self._begin("by_itself", due) and due:
            self._renewed = now

    def _begin(self, how, what):
        """Whether it is begun; what is not is looked for again when this has an end, or the device connects next."""
        with self._lock:
            self._missed = self._busy
            if self._busy:
                return False
            self._busy = True
        try:
            threads.start(threads.REQUEST, self._work, how, what)
            return True
        except MemoryError:
            self._busy = False
            return False

    # In a thread of its own.

    def _work(self, how, what):
        again = False
        try:
            again = getattr(lazily.load("renewal.rotation"), how)(self, self._device, what)
        finally:
            self._busy = False
        if again or self._missed:
            self._look()

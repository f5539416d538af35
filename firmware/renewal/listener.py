"""Listens for jobs of AWS IoT that renew certificates, as long as the owner wants it (`aws.jobs`); all else is loaded
when there is something to do.

Nothing of it is kept on flash but in the identities themselves: an execution that is in progress at AWS when the device
connects is one that the device was cut off in, and is taken up again.

Other jobs are somebody else's, and may stand in front. So the device asks for the list of what is pending, which has no
documents, and for those of the first one and of what is named as the tool names its jobs; a notice of what is next has
its document, and one of the list tells of what stands behind.
"""

import json

import _thread
from micropython import const

import lazily
import threads
import uptime

OPERATION = "rotate-certificate"
_NAMED = "rotate-"
_LISTED_MAX = const(10)  # AWS's: in a notice of the list
_ASKED_MAX = const(4)
_NEWS = ("/notify", "/notify-next", "/get/accepted")
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

    given_up: (job, reason) of what has failed and AWS may not know yet; refused: (job, version) of what it did not let
    the device begin; reported: the job that AWS was told of, until it is no longer pending; asked: the topic of the
    last update, answer: that of what AWS has said to it; trouble: (the exception with which a renewal without a job has
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
        self.given_up = self.refused = (None, None)
        self.trouble = (None, None)
        self.reported = self.asked = self.answer = None
        self._first = None  # the last that came with its document, and was ours
        self._link.watchers.append(self._changed)
        self._link.daily = self._renew

    def refresh(self):
        """After the settings have changed."""
        listens = self._follow()
        if self._link.state == "connected":
            if listens:
                self._ask()
            self._renew(False)

    def _follow(self):
        """Listen for the jobs of who this device is now; whether it has not before."""
        thing = self._store.name if self._setting("aws.jobs") else None
        if thing == self._thing:
            return False
        if self._inbox:
            self._link.listen_no_more(self._inbox)
        self._thing = thing
        self._inbox = thing and _Inbox(thing, self._heard)
        if thing:
            self._link.listen(self._inbox, 1)
        return bool(thing)

    def _look(self):
        """For what there is to do."""
        if self._thing:
            self._ask()
        self._renew()

    def _ask(self):
        self._link.send("$aws/things/%s/jobs/get" % self._thing, "{}")

    # Called by the link's thread.

    def _changed(self, connected):
        if connected:
            self._follow()
            self._look()

    def _heard(self, topic, message):
        if topic.rpartition("/")[0] == self.asked:
            self.answer = topic
        if not topic.endswith(_NEWS):
            return  # answers to others, and what this device itself has asked
        try:
            said = json.loads(message)
            if "inProgressJobs" in said:
                self._listed(said["inProgressJobs"] + said["queuedJobs"], True)
            elif "jobs" in said:
                lists = said["jobs"]
                self._listed(lists.get("IN_PROGRESS", []) + lists.get("QUEUED", []), False)
            elif said["execution"]["jobDocument"]["operation"] == OPERATION:
                self._first = said["execution"]["jobId"]
                self._begin("by_job", said["execution"])
        except (AttributeError, KeyError, MemoryError, TypeError, ValueError):
            pass  # it is somebody else's, or nothing is pending

    def _listed(self, pending, asked):
        """Ask for what may be ours. asked: whether the list was; else the first one's notice comes by itself."""
        jobs = [one["jobId"] for one in pending]
        if asked or len(jobs) < _LISTED_MAX:
            if self._store.untold not in jobs + [False, True, self.reported]:
                self._begin("by_itself", False)
            if self.reported not in jobs:
                self.reported = None
        if asked or jobs[:1] != [self._first]:
            ours = [job for job in jobs[1:] if job.startswith(_NAMED)]
            for job in (jobs[:1] if asked else []) + ours[:_ASKED_MAX]:
                self._link.send("%s%s/get" % (self._inbox.base, job), "{}")

    def _renew(self, tells=True):
        """By itself, where the owner wants that; and AWS is told of it until it has heard. Of what a job has renewed it
        is told by the job, as long as that is pending."""
        now, untold = uptime.ms(), self._store.untold
        due = self._renewed is None or now - self._renewed >= _RENEW_MS
        due = due and self._setting("aws.renew") > 0
        tells = tells and (untold is True or (untold and not self._thing))
        if self._store.active and (due or tells) and self._begin("by_itself", due) and due:
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

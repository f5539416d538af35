"""The two identities of a device, and the switch between them.

An identity is a chip key slot, a certificate, the CAs to trust, an endpoint and names. One is active; everything here
works on the idle one, and `commit` is one atomic write. Its life: empty → pending (a key and a request) → staged
(a certificate for that key) → tried (a connection succeeded) → active; the one it replaces is then `previous`.

What is asked for all the time is here; the steps are in steps.py.
"""

import binascii
import os

import _thread

import lazily

from .record import Record
from .terms import check_chip, read_certificate

NAMES = ("a", "b")
EMPTY = {"state": "empty", "slot": None}
UNFINISHED = ("pending", "staged", "tried")


class Store:
    """Identities under `directory`, for `chip` (ATECC608); `slots` is the pair of key slots they normally use."""

    def __init__(self, chip, directory, slots):
        self._chip = chip
        self._directory = directory
        self._slots = slots
        try:
            os.mkdir(directory)
        except OSError:
            pass  # it is there already; if it can't be made, the first save says so
        self._records = {name: Record("%s/%s" % (directory, name)) for name in NAMES}
        self._switch = Record("%s/switch" % directory)
        self._adopted = Record("%s/adopted" % directory)
        # Nobody else writes it, and it is asked for all the time.
        self._switched = self._switch.load() or {"active": None, "count": 0}
        self.not_adopted = None  # the exception with which that ended at the start (adopt.py)
        self._begun_at = None
        self._trial = _thread.allocate_lock()
        self._trying = False
        self._remember(self.current())

    # What there is.

    @property
    def active(self):
        """`a`, `b`, or None before the first commit."""
        return self._switched["active"]

    def _remember(self, record):
        """What of the active identity's record, which is large, is asked for again and again. Its chip is preferred.

        name: its name; place: the serial number of its chip and the slot of its key; or None. untold: whether it is
        the device alone that knows of it: True, or the ID of the job of AWS's that it was made in.
        """
        self.name = record and record.get("name")
        self.place = record and (record["chip"], record["slot"])
        self.untold = bool(record and record.get("untold")) and record.get("job", True)
        self._chip.prefer(record and record["chip"])

    @property
    def switch(self):
        """How often the identity was switched: as long as this is the same, so is the active one."""
        return self._switched["count"]

    def key(self):
        """(slot, public key) of the active identity."""
        record = self.current()
        return record["slot"], read_certificate(binascii.a2b_base64(record["certificate"])).public_key

    @property
    def idle(self):
        """The name of the identity that provisioning works on."""
        return "b" if self.active == "a" else "a"

    def get(self, name):
        """The record of identity `name` (dict), with its `state`."""
        record = self._records[name].load() or dict(EMPTY)
        if name == self.active:
            record["state"] = "active"
        elif record["state"] in ("staged", "tried") and record["era"] < self._switched["count"]:
            record["state"] = "previous"
        return record

    def current(self):
        """The active identity's record, or None."""
        return self.get(self.active) if self.active else None

    # Whose is what.

    @property
    def keys(self):
        """Keys (see there), for whoever holds the chip."""
        return lazily.load("identity.keys").Keys(self._chip, self._directory + "/keys", self)

    def check_chip(self):
        """StoreError if the active identity belongs to another chip than the one on the board."""
        if self.place:
            check_chip(self._chip, self.place[0])

    # The steps.

    @property
    def trying(self):
        """Whether somebody tries the staged identity, for which the link is off."""
        return self._trying

    def begin_trial(self):
        """Whether nobody tries the staged identity; until `end_trial` somebody does."""
        with self._trial:
            others, self._trying = self._trying, True
        return not others

    def end_trial(self):
        self._trying = False

    def __getattr__(self, name):
        """A step (steps.py), as a method."""
        step = getattr(lazily.load("identity.steps"), name)
        return lambda *args, **options: step(self, *args, **options)

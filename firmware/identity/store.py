"""The two identities of a device, and the switch between them.

An identity is a chip key slot, a certificate, the CAs to trust, an endpoint and names. One is active; everything here
works on the idle one, and `commit` is one atomic write. Its life: empty → pending (a key and a request) → staged
(a certificate for that key) → tried (a connection succeeded) → active; the one it replaces is then `previous`.

What `begin` begins belongs to whoever has the token that it gives, until it is committed or discarded. Each step holds
the chip from its first look to its last write, so that there is one at a time; a try only before and after it connects.
"""

import binascii
import os
from hashlib import sha256

import _thread
from micropython import const

import lazily
import uptime
from atecc608 import ATECCError

from .certificate import Certificate
from .record import Record
from .terms import NOBODY, OWNER, StoreError, check_chip

NAMES = ("a", "b")
_EMPTY = {"state": "empty", "slot": None}
UNFINISHED = ("pending", "staged", "tried")
# For so long nobody else begins in the place of what was begun.
_FRESH_MS = const(600_000)
_TOKEN_SIZE = const(16)


def _keys():
    return lazily.load("identity.keys")


def _b64(data):
    return binascii.b2a_base64(data, newline=False).decode()


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

        name: its name; place: the serial number of its chip and the slot of its key; or None.
        """
        self.name = record and record.get("name")
        self.place = record and (record["chip"], record["slot"])
        self._chip.prefer(record and record["chip"])

    @property
    def switch(self):
        """How often the identity was switched: as long as this is the same, so is the active one."""
        return self._switched["count"]

    def key(self):
        """(slot, public key) of the active identity."""
        record = self.current()
        return record["slot"], Certificate(binascii.a2b_base64(record["certificate"])).public_key

    @property
    def idle(self):
        """The name of the identity that provisioning works on."""
        return "b" if self.active == "a" else "a"

    def get(self, name):
        """The record of identity `name` (dict), with its `state`."""
        record = self._records[name].load() or dict(_EMPTY)
        if name == self.active:
            record["state"] = "active"
        elif record["state"] in ("staged", "tried") and record["era"] < self._switched["count"]:
            record["state"] = "previous"
        return record

    def current(self):
        """The active identity's record, or None."""
        return self.get(self.active) if self.active else None

    def _unfinished(self, token=None, states=UNFINISHED):
        """The idle identity's name and record, which must be in one of `states`, and have `token` if that is given."""
        name = self.idle
        record = self.get(name)
        if record["state"] not in states:
            raise StoreError(
                "state",
                "identity %s is %s; this needs it to be %s" % (name, record["state"], " or ".join(states)),
            )
        if token is not None and token != record.get("token"):
            raise StoreError(
                "state",
                "identity %s was begun by somebody else since (%s): this token is not the one that Begin gave then"
                % (name, _whose(record)),
            )
        return name, record

    # Whose is what.

    @property
    def keys(self):
        """Keys (see there), for whoever holds the chip."""
        return _keys().Keys(self._chip, self._directory + "/keys", self)

    def begun(self):
        """{by, ago, token} of what is unfinished, or None; `ago` in seconds, None if that was before the last start."""
        record = self.get(self.idle)
        if record["state"] not in UNFINISHED:
            return None
        return {"by": _whose(record), "ago": self._ago(), "token": record.get("token")}

    def _ago(self):
        if self._begun_at is None:
            return None
        return (uptime.ms() - self._begun_at) // 1000

    def _give_way(self, asker):
        """StoreError(busy) if something is unfinished that is not for `asker` to end."""
        record = self.get(self.idle)
        ago = self._ago()
        if record["state"] not in UNFINISHED or asker.trusted or _is_by(record, asker):
            return
        if ago is not None and ago * 1000 < _FRESH_MS:
            raise StoreError(
                "busy",
                "identity %s was begun by somebody else (%s) %d s ago, and is not finished: for %d minutes it is left"
                " alone, unless the owner discards it"
                % (self.idle, _whose(record), ago, _FRESH_MS // 60_000),
            )

    def check_chip(self):
        """StoreError if the active identity belongs to another chip than the one on the board."""
        if self.place:
            check_chip(self._chip, self.place[0])

    def free_slot(self, zone=None):
        """The key slot that `begin` uses unless told otherwise: never the active identity's, and one where the chip's
        configuration allows a device key, if there is one. zone: the configuration, if it was just read."""
        taken = self.place and self.place[1]
        usual = self._slots[NAMES.index(self.idle)]
        if usual == taken:
            usual = next(s for s in self._slots if s != taken)
        with self._chip:
            try:
                zone = zone or self._chip.config()
                return next(
                    s for s in (usual,) + tuple(range(16)) if s != taken and self._takes(s, s == usual, zone)
                )
            except (ATECCError, StopIteration):
                return usual

    def _takes(self, slot, is_usual, zone):
        """Whether an identity can have its key in `slot`. One that nobody has named must be free for a new key."""
        rules = zone.slot(slot)
        if is_usual:
            return rules.can_sign
        return rules.can_sign and rules.can_generate and self.keys.use_of(slot, zone) != "unknown"

    # The steps.

    def begin(self, subject, san=(), key_usage=(), key="new", slot=None, serial=None, asker=NOBODY):
        """A key in the idle identity's slot and a request for it, signed by the chip: a dict with `csr` (DER) and
        `token`, which the next steps want."""
        csr = lazily.load("identity.csr")
        # What is wrong with the words is said before a key is made.
        csr.request_info(subject, bytes(64), san, key_usage)
        with self._chip:
            self._give_way(asker)
            zone = self._chip.require_locked()
            if slot is None:
                slot = self.free_slot(zone)
            new = {
                "state": "pending",
                "slot": slot,
                "chip": zone.serial.hex(),
                "era": self._switched["count"],
                "token": os.urandom(_TOKEN_SIZE).hex(),
                "by": asker.name,
                "ca": asker.ca,
            }
            make = self._makes(slot, key, zone)
            public_key = self._new_key(new, key, serial, zone, asker) if make else self._same_key(new)
            info = csr.request_info(subject, public_key, san, key_usage)
            return {
                "identity": self.idle,
                "slot": slot,
                "generated": make,
                "pubkey": public_key,
                "csr": csr.request(info, self._signature(info, slot, public_key)),
                "token": new["token"],
            }

    def _makes(self, slot, key, zone):
        """Whether a key is to be made in `slot`; StoreError if it can't be used at all."""
        rules = zone.slot(slot)
        rules.check_signs("hold a device key")
        make = key != "existing" and rules.can_generate
        if not make and not self._chip.KeyValid(slot):
            why = "" if rules.can_generate else ", and its configuration forbids GenKey"
            raise StoreError("slot", "slot %d holds no key%s" % (slot, why))
        if not make:
            rules.check_shows_key(self._chip.KeyValid)
        return make

    def _new_key(self, new, key, serial, zone, asker):
        def make():
            self._start(new)
            return self._chip.GenKey(new["slot"])

        return self.keys.replace(new["slot"], zone, asker, make, serial, True, key == "overwrite")

    def _same_key(self, new):
        self.keys.note(new["chip"], new["slot"])
        self._start(new)
        return self._chip.PublicKey(new["slot"])

    def _start(self, new):
        self._records[self.idle].save(new)
        self._begun_at = uptime.ms()

    def request(self, slot, subject, san=(), key_usage=(), asker=NOBODY):
        """A request for the key that `slot` holds: (public key, request in DER). Nothing is stored or changed."""
        csr = lazily.load("identity.csr")
        csr.request_info(subject, bytes(64), san, key_usage)
        with self._chip:
            zone = self._chip.require_locked()
            zone.slot(slot).check_signs()
            self.keys.check_signs_anything(slot, zone, asker)
            zone.slot(slot).check_shows_key(self._chip.KeyValid)
            public_key = self._chip.PublicKey(slot)
            info = csr.request_info(subject, public_key, san, key_usage)
            return public_key, csr.request(info, self._signature(info, slot, public_key))

    def _signature(self, info, slot, public_key):
        digest = sha256(info).digest()
        signature = self._chip.Sign(slot, digest)
        if not self._chip.Verify(public_key, signature, digest):
            raise StoreError(
                "slot", "the chip's signature does not verify with the public key it gave for slot %d" % slot
            )
        return signature

    def stage(self, token, certificate, cas, chain=(), **where):
        """Keep `certificate` (DER) for the pending key, with `cas` and `chain` (lists of DER), and `where` to connect.

        where: name, client_id, endpoint (a host), port. Returns the identity's name and the Certificate.
        """
        with self._chip:
            name, record = self._unfinished(token)
            parsed = self._fill(record, certificate, cas, chain, where)
            self._records[name].save(record)
        return name, parsed

    def _fill(self, record, certificate, cas, chain, where):
        """Put into `record` what makes it staged; the Certificate, whose key is the slot's."""
        record.pop("adopted", None)
        record.pop("tried", None)
        try:
            parsed = Certificate(certificate)
            for other in list(cas) + list(chain):
                Certificate(other)
        except ValueError as e:
            raise StoreError("certificate", "not a certificate: %s" % e)
        self._check_key(parsed, record)
        record["state"] = "staged"
        record["certificate"] = _b64(certificate)
        record["cas"] = [_b64(c) for c in cas]
        record["chain"] = [_b64(c) for c in chain]
        record.update(where)
        return parsed

    def _check_key(self, certificate, record):
        """StoreError unless the certificate's key is the one in the slot, on the chip, that `record` names."""
        if certificate.public_key is None:
            raise StoreError("certificate", "the certificate's key is no P-256 key")
        check_chip(self._chip, record["chip"])
        if not _keys().holds(self._chip, record["slot"], certificate.public_key):
            raise StoreError(
                "certificate",
                "the certificate (%s) is for another key than the one in slot %d"
                % (certificate.subject, record["slot"]),
            )

    def begin_trial(self):
        """Whether nobody tries the staged identity; until `end_trial` somebody does."""
        with self._trial:
            others, self._trying = self._trying, True
        return not others

    def end_trial(self):
        self._trying = False

    def candidate(self, token):
        """The staged identity's record, to try, and the digest by which `mark_tried` knows it again."""
        record = self._unfinished(token, UNFINISHED[1:])[1]
        return record, _keys().content(record)

    def mark_tried(self, token, digest):
        """A broker has accepted what has this digest; StoreError if that is not what is staged any more."""
        with self._chip:
            name, record = self._unfinished(token, UNFINISHED[1:])
            if _keys().content(record) != digest:
                raise StoreError(
                    "state",
                    "what was tried is not what is staged now: somebody staged something else meanwhile",
                )
            record["state"] = "tried"
            record["tried"] = digest
            self._records[name].save(record)

    def commit(self, token, untried=False, asker=NOBODY):
        """Make the idle identity the active one; (active, previous)."""
        if untried and not asker.trusted:
            raise StoreError("refused", "to commit what was not tried needs the owner's bench permission")
        with self._chip:
            name, record = self._unfinished(token, UNFINISHED[1:] if untried else UNFINISHED[2:])
            if not untried and not _keys().is_proven(record):
                raise StoreError("state", "what is staged is not what was tried: try it again")
            self._check_key(Certificate(binascii.a2b_base64(record["certificate"])), record)
            return self._switch_to(name, record, asker)

    def _switch_to(self, name, record, asker):
        previous = self.active
        self.keys.settle(record, asker)
        switched = {"active": name, "count": self._switched["count"] + 1}
        self._switch.save(switched)
        self._switched = switched
        self._remember(record)
        return name, previous

    def discard(self, token=None, asker=NOBODY):
        """Forget what is pending, staged or tried; without its token as if `asker` began anew. The key stays known."""
        with self._chip:
            name, _ = self._unfinished(token)
            if token is None:
                self._give_way(asker)
            self._records[name].save(_EMPTY)
            return name

    # What others have made.

    def adopted(self, certificate):
        """Whether an identity has `certificate` (DER), or it was adopted last: superseded, it must not come back."""
        encoded = _b64(certificate)
        records = [self.get(name) for name in NAMES]
        if any(r.get("certificate") == encoded and not _half_adopted(r) for r in records):
            self._note_adopted(certificate)
        return self._adopted.load() == sha256(certificate).digest().hex()

    def _note_adopted(self, certificate):
        digest = sha256(certificate).digest().hex()
        if self._adopted.load() != digest:
            self._adopted.save(digest)

    def adopt(self, slot, certificate, cas, chain=(), **where):
        """Make a key and a certificate that were made elsewhere the active identity, at once; as in `stage`.

        It is the owner's wish (see adopt.py). The key is not ours by that: Begin does not replace it. What is cut short
        by a power failure is done again by the next call.
        """
        with self._chip:
            name = self.idle
            record = self.get(name)
            if record["state"] in UNFINISHED and not _half_adopted(record):
                raise StoreError(
                    "state",
                    "identity %s is %s: commit or discard it, and start again" % (name, record["state"]),
                )
            zone = self._chip.require_locked()
            rules = zone.slot(slot)
            if not (rules.holds_private_key and self._chip.KeyValid(slot)):
                raise StoreError("slot", "slot %d holds no key" % slot)
            rules.check_signs()
            new = {"slot": slot, "chip": zone.serial.hex(), "era": self._switched["count"], "by": "adoption"}
            self._fill(new, certificate, cas, chain, where)
            new["adopted"] = True
            self.keys.note(new["chip"], slot)
            self._records[name].save(new)
            self._switch_to(name, new, OWNER)
            self._note_adopted(certificate)


def _half_adopted(record):
    """Whether the power failed between an adoption's record and the switch to it."""
    return record.get("adopted") and record["state"] == "staged"


def _is_by(record, asker):
    """Whether it was `asker` who has begun what is in `record`."""
    return (record.get("by"), record.get("ca")) == (asker.name, asker.ca)


def _whose(record):
    return record.get("by") or "an older firmware"

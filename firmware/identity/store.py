"""The two identities of a device, and the switch between them.

An identity is a chip key slot, a certificate, the CAs to trust, an endpoint and names. One is active; everything here
works on the idle one, and `commit` is one atomic write. Its life: empty → pending (a key and a request) → staged
(a certificate for that key) → tried (a connection succeeded) → active; the one it replaces is then `previous`.
"""

import binascii
import os
from hashlib import sha256

from atecc608 import ChipError

from . import csr
from .certificate import Certificate
from .record import Record

NAMES = ("a", "b")


class StoreError(Exception):
    """`kind` is one of `state`, `slot`, `key-in-use`, `refused`, `certificate`."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


def _b64(data):
    return binascii.b2a_base64(data, newline=False).decode()


class Store:
    """Identities under `directory`, for `chip` (ATECC608); `slots` is the pair of key slots they normally use."""

    def __init__(self, chip, directory, slots):
        self._chip = chip
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
        self._name = None

    # What there is.

    @property
    def active(self):
        """`a`, `b`, or None before the first commit."""
        return self._switched["active"]

    @property
    def name(self):
        """The active identity's name, or None."""
        if self.active and not self._name:
            self._name = self.current()["name"]
        return self._name

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
        record = self._records[name].load() or {"state": "empty", "slot": None}
        if name == self.active:
            record["state"] = "active"
        elif record["state"] in ("staged", "tried") and record["era"] < self._switched["count"]:
            record["state"] = "previous"
        return record

    def current(self):
        """The active identity's record, or None."""
        return self.get(self.active) if self.active else None

    def _idle_in(self, *states):
        """The idle record, which must be in one of `states`."""
        name = self.idle
        record = self.get(name)
        if record["state"] not in states:
            raise StoreError(
                "state",
                "identity %s is %s; this needs it to be %s" % (name, record["state"], " or ".join(states)),
            )
        return name, record

    # Which key is whose.

    def use_of(self, slot, zone):
        """Who the key in `slot` belongs to: `active`, `idle`, `unknown` (nobody here knows it) or None (no key)."""
        if self.active and self.current()["slot"] == slot:
            return "active"
        if not self._chip.KeyValid(slot):
            return None
        record = self.get(self.idle)
        ours = record.get("own") and record["slot"] == slot and record["chip"] == zone.serial.hex()
        return "idle" if ours else "unknown"

    def free_slot(self):
        """The key slot that `begin` uses unless told otherwise: never the active identity's."""
        taken = self.current()["slot"] if self.active else None
        preferred = self._slots[NAMES.index(self.idle)]
        return preferred if preferred != taken else next(s for s in self._slots if s != taken)

    def _check_slot(self, slot, key, serial, zone):
        """Whether a key is to be made in `slot`, and whose is there; StoreError if it can't be used, or touched."""
        rules = zone.slot(slot)
        if not rules.can_sign:
            raise StoreError(
                "slot",
                "slot %d can't hold a device key: its configuration has no P-256 key that may sign" % slot,
            )
        use = self.use_of(slot, zone)
        if key == "existing" or not rules.can_generate:
            if use is None:
                why = "" if rules.can_generate else ", and its configuration forbids GenKey"
                raise StoreError("slot", "slot %d holds no key%s" % (slot, why))
            return False, use
        if use == "active":
            raise StoreError(
                "key-in-use", "the key in slot %d is the active identity's: it is never replaced" % slot
            )
        if use == "unknown" and key != "overwrite":
            raise StoreError(
                "key-in-use",
                "slot %d holds a key that this device's store does not know. Something else may depend on it, and a"
                " new key would destroy it for good: use it as it is (key existing), or replace it (key overwrite,"
                " with the chip's serial number)" % slot,
            )
        if key == "overwrite" and use == "unknown" and serial != zone.serial.hex():
            raise StoreError(
                "refused", "to overwrite the key in slot %d, give this chip's serial number" % slot
            )
        return True, use

    # The steps.

    def begin(self, subject, san=(), key_usage=(), key="new", slot=None, serial=None):
        """A key in the idle identity's slot and a request for it, signed by the chip: a dict with `csr` (DER)."""
        # What is wrong with the words is said before a key is made.
        csr.request_info(subject, bytes(64), san, key_usage)
        with self._chip:
            zone = self._chip.require_locked()
            if slot is None:
                slot = self.free_slot()
            make, use = self._check_slot(slot, key, serial, zone)
            name = self.idle
            # Said before it is done: a key made just before a power cut is then known as ours.
            own = make or use == "idle"
            era = self._switched["count"]
            self._records[name].save(
                {"state": "pending", "slot": slot, "own": own, "chip": zone.serial.hex(), "era": era}
            )
            public_key = self._chip.GenKey(slot) if make else self._chip.PublicKey(slot)
            request = self._signed_request(
                csr.request_info(subject, public_key, san, key_usage), slot, public_key
            )
        return {"identity": name, "slot": slot, "generated": make, "pubkey": public_key, "csr": request}

    def request(self, slot, subject, san=(), key_usage=()):
        """A request for the key that `slot` holds: (public key, request in DER). Nothing is stored or changed."""
        csr.request_info(subject, bytes(64), san, key_usage)
        with self._chip:
            zone = self._chip.require_locked()
            if not zone.slot(slot).can_sign:
                raise StoreError("slot", "slot %d can't sign: its configuration says so" % slot)
            if not self._chip.KeyValid(slot):
                raise StoreError("slot", "slot %d holds no key" % slot)
            public_key = self._chip.PublicKey(slot)
            info = csr.request_info(subject, public_key, san, key_usage)
            return public_key, self._signed_request(info, slot, public_key)

    def _signed_request(self, info, slot, public_key):
        digest = sha256(info).digest()
        signature = self._chip.Sign(slot, digest)
        if not self._chip.Verify(public_key, signature, digest):
            raise StoreError(
                "slot", "the chip's signature does not verify with the public key it gave for slot %d" % slot
            )
        return csr.request(info, signature)

    def stage(self, certificate, cas, chain=(), **where):
        """Keep `certificate` (DER) for the pending key, with `cas` and `chain` (lists of DER), and `where` to connect.

        where: name, client_id, endpoint (a host), port. Returns the identity's name and the Certificate.
        """
        name, record = self._idle_in("pending", "staged", "tried")
        parsed = self._fill(record, certificate, cas, chain, where)
        self._records[name].save(record)
        return name, parsed

    def _fill(self, record, certificate, cas, chain, where):
        """Put into `record` what makes it staged; the Certificate, whose key is the slot's."""
        record.pop("adopted", None)
        try:
            parsed = Certificate(certificate)
            for other in list(cas) + list(chain):
                Certificate(other)
        except ValueError as e:
            raise StoreError("certificate", "not a certificate: %s" % e)
        self._check_key(parsed, record["slot"])
        record["state"] = "staged"
        record["certificate"] = _b64(certificate)
        record["cas"] = [_b64(c) for c in cas]
        record["chain"] = [_b64(c) for c in chain]
        record.update(where)
        return parsed

    def _check_key(self, certificate, slot):
        """The certificate's key is the slot's if it verifies what the slot signs; works where PubInfo hides the key."""
        if certificate.public_key is None:
            raise StoreError("certificate", "the certificate's key is no P-256 key")
        digest = sha256(certificate.der).digest()
        try:
            matches = self._chip.Verify(certificate.public_key, self._chip.Sign(slot, digest), digest)
        except ChipError as e:
            if e.command != "Verify":
                raise
            matches = False  # a point that is not on the curve
        if not matches:
            raise StoreError(
                "certificate",
                "the certificate (%s) is for another key than the one in slot %d"
                % (certificate.subject, slot),
            )

    def candidate(self):
        """The staged identity's record, to try."""
        return self._idle_in("staged", "tried")[1]

    def mark_tried(self):
        name, record = self._idle_in("staged", "tried")
        record["state"] = "tried"
        self._records[name].save(record)

    def commit(self, untried=False):
        """Make the idle identity the active one; (active, previous)."""
        name, _ = self._idle_in(*(("staged", "tried") if untried else ("tried",)))
        previous = self.active
        switched = {"active": name, "count": self._switched["count"] + 1}
        self._switch.save(switched)
        self._switched = switched
        self._name = None
        return name, previous

    def discard(self):
        """Forget what is pending, staged or tried. The key stays known as ours, so that it can be replaced."""
        name, record = self._idle_in("pending", "staged", "tried")
        self._records[name].save({k: record[k] for k in ("slot", "own", "chip", "era")} | {"state": "empty"})
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

        The key is ours from then on. What is cut short by a power failure is done again by the next call.
        """
        name = self.idle
        record = self.get(name)
        if record["state"] in ("pending", "staged", "tried") and not _half_adopted(record):
            raise StoreError(
                "state", "identity %s is %s: commit or discard it, and start again" % (name, record["state"])
            )
        with self._chip:
            zone = self._chip.require_locked()
            if not zone.slot(slot).can_sign or not self._chip.KeyValid(slot):
                raise StoreError("slot", "slot %d holds no key that can sign" % slot)
            era = self._switched["count"]
            new = {"slot": slot, "own": True, "chip": zone.serial.hex(), "era": era}
            self._fill(new, certificate, cas, chain, where)
            new["adopted"] = True
        self._records[name].save(new)
        self.commit(untried=True)
        self._note_adopted(certificate)


def _half_adopted(record):
    """Whether the power failed between an adoption's record and the switch to it."""
    return record.get("adopted") and record["state"] == "staged"

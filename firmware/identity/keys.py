"""The keys in the chip: whose each one is, who may replace it, and what an identity's key signs.

`Keys.replace` is the one place of the firmware that has the chip make a private key, or take one, and so the only one
that can destroy one. Its rule, which rpc/README.md has as a table:

- Where there is no key, anybody may make one.
- The active identity's key: never by Begin, and by nobody without the bench permission.
- One that Begin made and that was never active: Begin replaces it.
- One that was active, and that Begin made or the owner had used (key existing): Begin replaces it for the owner at the
  cable and with the bench permission. From afar only once the active identity was tried, as it is, on the broker that
  the other one was for, trusting no CA that the other one did not trust. Else whoever may stage something of his own
  could end an identity that works.
- Any other, an adopted one too: for the owner and with the bench permission, confirmed by the chip's serial number.

An identity's key signs what the firmware composes itself: TLS handshakes, requests for Begin, a proof of itself. All
else only for the owner and with the bench permission. Whoever calls holds the chip: it is the lock of all this.
"""

import os
from hashlib import sha256

from micropython import const

from atecc608 import ChipError

from .record import Record
from .terms import StoreError

# Of a record, what a connection to a broker depends on.
_CONTENT = ("slot", "chip", "name", "client_id", "endpoint", "port", "certificate", "cas", "chain")
_ENTRIES_MAX = const(16)
_DIGEST = const(32)  # hex digits
_NONCE_SIZE = const(32)


def content(record):
    """A digest (hex) of all that a staged identity's connections depend on."""
    digest = sha256()
    for key in _CONTENT:
        value = record[key]
        for part in value if isinstance(value, list) else (str(value),):
            digest.update("%s %d " % (key, len(part)))
            digest.update(part)  # MicroPython hashes a text as its UTF-8, without a copy of it
    return digest.digest().hex()


def is_proven(record):
    """Whether what is in `record` is what a broker has accepted."""
    return record.get("tried") == content(record)


def holds(chip, slot, public_key):
    """Whether the key in `slot` is that of `public_key`: it signs a nonce. Works where PubInfo hides the public key."""
    nonce = os.urandom(_NONCE_SIZE)
    try:
        return chip.Verify(public_key, chip.Sign(slot, nonce), nonce)
    except ChipError as e:
        if e.command != "Verify":
            raise
        return False  # a point that is not on the curve


def _home(record):
    """The broker that an identity is for: [host, port, digests of the CAs that it may have]."""
    return [record["endpoint"], record["port"], [_short(ca) for ca in record["cas"]]]


def _short(ca):
    return sha256(ca).digest().hex()[:_DIGEST]


def _is_at(record, home):
    """Whether the identity in `record` meets that broker, and can meet no other in its place."""
    host, port, cas = _home(record)
    return [host, port] == home[:2] and all(ca in home[2] for ca in cas)


class Keys:
    """What is known of the keys in `chip` (ATECC608), kept at `path`; `store` knows the active identity.

    Kept is, for each slot in which an identity has or had its key: chip (serial, hex), slot, own (whether Begin made
    the key that is there, or the owner gave it) and home (the broker of the identity that was active with it, or None).
    """

    def __init__(self, chip, path, store):
        self._chip = chip
        self._book = Record(path)
        self._store = store

    def _entry(self, serial, slot):
        for entry in self._book.load() or ():
            if (entry["chip"], entry["slot"]) == (serial, slot):
                return entry
        return None

    def note(self, serial, slot, **news):
        """Keep `own` or `home` of the key in `slot`, and that it is an identity's."""
        old = self._entry(serial, slot)
        new = (old or {"chip": serial, "slot": slot, "own": False, "home": None}) | news
        if new != old:
            others = [entry for entry in self._book.load() or () if entry != old]
            self._book.save(others[1 - _ENTRIES_MAX :] + [new])

    def settle(self, record, asker):
        """The identity in `record` becomes the active one, and its broker its key's home. From afar only if the key has
        none: or else one could choose what has to be shown for it to be replaced. What the owner, or somebody with the
        bench permission, has an identity use is the identity's own from then on, wherever it came from."""
        entry = self._entry(record["chip"], record["slot"])
        if asker.trusted and not record.get("adopted"):
            self.note(record["chip"], record["slot"], own=True, home=_home(record))
        elif asker.trusted or not (entry and entry["home"]):
            self.note(record["chip"], record["slot"], home=_home(record))

    def use_of(self, slot, zone):
        """Whose the key in `slot` is: `active`, `previous` (an identity's own, and it was active), `idle` (Begin made
        it), `unknown` (anybody's) or None (no key)."""
        serial = zone.serial.hex()
        if self._store.place == (serial, slot):
            return "active"
        if not self._chip.KeyValid(slot):
            return None
        entry = self._entry(serial, slot)
        if not entry or not entry["own"]:
            return "unknown"
        return "previous" if entry["home"] else "idle"

    # What may destroy a key.

    def replace(self, slot, zone, asker, make, serial=None, begin=False, overwrite=True):
        """`make()`, which puts a key into `slot`, whatever is there; what it returns. StoreError if `asker` may not.

        begin: for an identity that begins, whose own the key is then. overwrite: whether an unknown key is meant, too.
        """
        use = self.use_of(slot, zone)
        if begin:
            self._check_for_begin(use, slot, zone, asker, overwrite)
        else:
            _check_by_hand(use, slot, asker)
        if use == "unknown" or (use and not begin):
            _check_confirmed(slot, zone, serial, asker.bench and not begin)
        # Noted before it is done: a key made just before a power cut is then known as Begin's.
        if begin or self._entry(zone.serial.hex(), slot):
            self.note(zone.serial.hex(), slot, own=begin, home=None)
        return make()

    def why_kept(self, use, slot, zone, asker):
        """Why Begin makes no new key in `slot` for `asker` (a sentence), or None; `use` as use_of has it."""
        try:
            self._check_for_begin(use, slot, zone, asker, False)
        except StoreError as e:
            return str(e)
        return None

    def _check_for_begin(self, use, slot, zone, asker, overwrite):
        if use == "active":
            raise _in_use(slot)
        if use == "previous" and not (asker.trusted or self._is_retired(slot, zone)):
            raise StoreError(
                "refused",
                "slot %d holds the previous identity's key, and the active one was not tried on the broker that it was"
                " for, or trusts other CAs: from afar it is not replaced. Use it as it is (key existing), or have the"
                " owner grant the bench permission" % slot,
            )
        if use == "unknown" and not overwrite:
            raise StoreError(
                "key-in-use",
                "slot %d holds a key that this device's store does not know as its own. Something else may depend on"
                " it, and a new key would destroy it for good: use it as it is (key existing), or replace it (key"
                " overwrite, with the chip's serial number)" % slot,
            )
        if use == "unknown" and not asker.trusted:
            raise StoreError("refused", "to overwrite a key needs the owner's bench permission")

    def _is_retired(self, slot, zone):
        """Whether the active identity has taken the place of the one whose key is in `slot`."""
        serial = zone.serial.hex()
        active, entry = self._store.current(), self._entry(serial, slot)
        return (
            bool(active) and active["chip"] == serial and is_proven(active) and _is_at(active, entry["home"])
        )

    # What may be signed.

    def check_signs_anything(self, slot, zone, asker):
        """StoreError unless the key in `slot` signs what `asker` likes."""
        if asker.trusted:
            return
        serial = zone.serial.hex()
        if self._store.place == (serial, slot) or self._entry(serial, slot):
            raise StoreError(
                "refused",
                "the key in slot %d is an identity's: from afar it signs only what this device composes itself, unless"
                " the owner grants the bench permission" % slot,
            )


def _in_use(slot):
    return StoreError(
        "key-in-use", "the key in slot %d is the active identity's: it is never replaced" % slot
    )


def _check_by_hand(use, slot, asker):
    if use is not None and not asker.trusted:
        raise StoreError(
            "refused", "slot %d holds a key: to replace it needs the owner's bench permission" % slot
        )
    if use == "active" and not asker.bench:
        raise _in_use(slot)


def _check_confirmed(slot, zone, serial, may_be_missing):
    if serial is None and may_be_missing:
        return
    if serial is None or serial.lower() != zone.serial.hex():
        raise StoreError(
            "refused",
            "slot %d holds a key, which would be destroyed for good: give this chip's serial number" % slot,
        )

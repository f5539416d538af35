"""The steps by which an identity is provisioned: functions of a Store, which loads them while one is taken.

What `begin` begins belongs to whoever has the token that it gives, until it is committed or discarded. Each step holds
the chip from its first look to its last write, so that there is one at a time; a try only before and after it connects.
"""

import binascii
import os
from hashlib import sha256

from micropython import const

import lazily
import uptime
from atecc608 import ATECCError

from .store import EMPTY, NAMES, UNFINISHED
from .terms import NOBODY, OWNER, StoreError, check_chip, read_certificate

# For so long nobody else begins in the place of what was begun.
_FRESH_MS = const(600_000)
_TOKEN_SIZE = const(16)


def _keys():
    return lazily.load("identity.keys")


def _b64(data):
    return binascii.b2a_base64(data, newline=False).decode()


def _unfinished(store, token=None, states=UNFINISHED):
    """The idle identity's name and record, which must be in one of `states`, and have `token` if that is given."""
    name = store.idle
    record = store.get(name)
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


def begun(store):
    """{by, ago, token} of what is unfinished, or None; `ago` in seconds, None if that was before the last start."""
    record = store.get(store.idle)
    if record["state"] not in UNFINISHED:
        return None
    return {"by": _whose(record), "ago": _ago(store), "token": record.get("token")}


def _ago(store):
    if store._begun_at is None:
        return None
    return (uptime.ms() - store._begun_at) // 1000


def _give_way(store, asker):
    """StoreError(busy) if something is unfinished that is not for `asker` to end."""
    record = store.get(store.idle)
    ago = _ago(store)
    if record["state"] not in UNFINISHED or asker.trusted or _is_by(record, asker):
        return
    if ago is not None and ago * 1000 < _FRESH_MS:
        raise StoreError(
            "busy",
            "identity %s was begun by somebody else (%s) %d s ago, and is not finished: for %d minutes it is left"
            " alone, unless the owner discards it" % (store.idle, _whose(record), ago, _FRESH_MS // 60_000),
        )


def free_slot(store, zone=None):
    """The key slot that `begin` uses unless told otherwise: never the active identity's, and one where the chip's
    configuration allows a device key, if there is one. zone: the configuration, if it was just read."""
    taken = store.place and store.place[1]
    usual = store._slots[NAMES.index(store.idle)]
    if usual == taken:
        usual = next(s for s in store._slots if s != taken)
    with store._chip:
        try:
            zone = zone or store._chip.config()
            return next(
                s for s in (usual,) + tuple(range(16)) if s != taken and _takes(store, s, s == usual, zone)
            )
        except (ATECCError, StopIteration):
            return usual


def _takes(store, slot, is_usual, zone):
    """Whether an identity can have its key in `slot`. One that nobody has named must be free for a new key."""
    rules = zone.slot(slot)
    if is_usual:
        return rules.can_sign
    return rules.can_sign and rules.can_generate and store.keys.use_of(slot, zone) != "unknown"


def begin(store, subject, san=(), key_usage=(), key="new", slot=None, serial=None, asker=NOBODY):
    """A key in the idle identity's slot and a request for it, signed by the chip: a dict with `csr` (DER) and
    `token`, which the next steps want."""
    csr = lazily.load("identity.csr")
    # What is wrong with the words is said before a key is made.
    csr.request_info(subject, bytes(64), san, key_usage)
    with store._chip:
        _give_way(store, asker)
        zone = store._chip.require_locked()
        if slot is None:
            slot = free_slot(store, zone)
        new = {
            "state": "pending",
            "slot": slot,
            "chip": zone.serial.hex(),
            "era": store._switched["count"],
            "token": os.urandom(_TOKEN_SIZE).hex(),
            "by": asker.name,
            "ca": asker.ca,
        }
        make = _makes(store, slot, key, zone)
        public_key = _new_key(store, new, key, serial, zone, asker) if make else _same_key(store, new)
        info = csr.request_info(subject, public_key, san, key_usage)
        return {
            "identity": store.idle,
            "slot": slot,
            "generated": make,
            "pubkey": public_key,
            "csr": csr.request(info, _signature(store, info, slot, public_key)),
            "token": new["token"],
        }


def _makes(store, slot, key, zone):
    """Whether a key is to be made in `slot`; StoreError if it can't be used at all."""
    rules = zone.slot(slot)
    rules.check_signs("hold a device key")
    make = key != "existing" and rules.can_generate
    if not make and not store._chip.KeyValid(slot):
        why = "" if rules.can_generate else ", and its configuration forbids GenKey"
        raise StoreError("slot", "slot %d holds no key%s" % (slot, why))
    if not make:
        rules.check_shows_key(store._chip.KeyValid)
    return make


def _new_key(store, new, key, serial, zone, asker):
    def make():
        _start(store, new)
        return store._chip.GenKey(new["slot"])

    return store.keys.replace(new["slot"], zone, asker, make, serial, True, key == "overwrite")


def _same_key(store, new):
    store.keys.note(new["chip"], new["slot"])
    _start(store, new)
    return store._chip.PublicKey(new["slot"])


def _start(store, new):
    store._records[store.idle].save(new)
    store._begun_at = uptime.ms()


def request(store, slot, subject, san=(), key_usage=(), asker=NOBODY):
    """A request for the key that `slot` holds: (public key, request in DER). Nothing is stored or changed."""
    csr = lazily.load("identity.csr")
    csr.request_info(subject, bytes(64), san, key_usage)
    with store._chip:
        zone = store._chip.require_locked()
        zone.slot(slot).check_signs()
        store.keys.check_signs_anything(slot, zone, asker)
        zone.slot(slot).check_shows_key(store._chip.KeyValid)
        public_key = store._chip.PublicKey(slot)
        info = csr.request_info(subject, public_key, san, key_usage)
        return public_key, csr.request(info, _signature(store, info, slot, public_key))


def _signature(store, info, slot, public_key):
    digest = sha256(info).digest()
    signature = store._chip.Sign(slot, digest)
    if not store._chip.Verify(public_key, signature, digest):
        raise StoreError(
            "slot", "the chip's signature does not verify with the public key it gave for slot %d" % slot
        )
    return signature


def stage(store, token, certificate, cas, chain=(), **where):
    """Keep `certificate` (DER) for the pending key, with `cas` and `chain` (lists of DER), and `where` to connect.

    where: name, client_id, endpoint (a host), port. Returns the identity's name and the Certificate.
    """
    with store._chip:
        name, record = _unfinished(store, token)
        parsed = _fill(store, record, certificate, cas, chain, where)
        store._records[name].save(record)
    return name, parsed


def _fill(store, record, certificate, cas, chain, where):
    """Put into `record` what makes it staged; the Certificate, whose key is the slot's."""
    record.pop("adopted", None)
    record.pop("tried", None)
    try:
        parsed = read_certificate(certificate)
        for other in list(cas) + list(chain):
            read_certificate(other)
    except ValueError as e:
        raise StoreError("certificate", "not a certificate: %s" % e)
    _check_key(store, parsed, record)
    record["state"] = "staged"
    record["certificate"] = _b64(certificate)
    record["cas"] = [_b64(c) for c in cas]
    record["chain"] = [_b64(c) for c in chain]
    record.update(where)
    return parsed


def _check_key(store, certificate, record):
    """StoreError unless the certificate's key is the one in the slot, on the chip, that `record` names."""
    if certificate.public_key is None:
        raise StoreError("certificate", "the certificate's key is no P-256 key")
    check_chip(store._chip, record["chip"])
    if not _keys().holds(store._chip, record["slot"], certificate.public_key):
        raise StoreError(
            "certificate",
            "the certificate (%s) is for another key than the one in slot %d"
            % (certificate.subject, record["slot"]),
        )


def candidate(store, token):
    """The staged identity's record, to try, and the digest by which `mark_tried` knows it again."""
    record = _unfinished(store, token, UNFINISHED[1:])[1]
    return record, _keys().content(record)


def mark_tried(store, token, digest):
    """A broker has accepted what has this digest; StoreError if that is not what is staged any more."""
    with store._chip:
        name, record = _unfinished(store, token, UNFINISHED[1:])
        if _keys().content(record) != digest:
            raise StoreError(
                "state",
                "what was tried is not what is staged now: somebody staged something else meanwhile",
            )
        record["state"] = "tried"
        record["tried"] = digest
        store._records[name].save(record)


def commit(store, token, untried=False, asker=NOBODY):
    """Make the idle identity the active one; (active, previous)."""
    if untried and not asker.trusted:
        raise StoreError("refused", "to commit what was not tried needs the owner's bench permission")
    with store._chip:
        name, record = _unfinished(store, token, UNFINISHED[1:] if untried else UNFINISHED[2:])
        if not untried and not _keys().is_proven(record):
            raise StoreError("state", "what is staged is not what was tried: try it again")
        _check_key(store, read_certificate(binascii.a2b_base64(record["certificate"])), record)
        return _switch_to(store, name, record, asker)


def _switch_to(store, name, record, asker):
    previous = store.active
    store.keys.settle(record, asker)
    switched = {"active": name, "count": store._switched["count"] + 1}
    store._switch.save(switched)
    store._switched = switched
    store._remember(record)
    return name, previous


def told(store):
    """Of the active identity nobody need be told any more."""
    with store._chip:
        record = store._records[store.active].load()
        if record.pop("untold", None):
            store._records[store.active].save(record)
        store._remember(record)


def discard(store, token=None, asker=NOBODY):
    """Forget what is pending, staged or tried; without its token as if `asker` began anew. The key stays known."""
    with store._chip:
        name, _ = _unfinished(store, token)
        if token is None:
            _give_way(store, asker)
        store._records[name].save(EMPTY)
        return name


def adopted(store, certificate):
    """Whether an identity has `certificate` (DER), or it was adopted last: superseded, it must not come back."""
    encoded = _b64(certificate)
    records = [store.get(name) for name in NAMES]
    if any(r.get("certificate") == encoded and not _half_adopted(r) for r in records):
        _note_adopted(store, certificate)
    return store._adopted.load() == sha256(certificate).digest().hex()


def _note_adopted(store, certificate):
    digest = sha256(certificate).digest().hex()
    if store._adopted.load() != digest:
        store._adopted.save(digest)


def adopt(store, slot, certificate, cas, chain=(), **where):
    """Make a key and a certificate that were made elsewhere the active identity, at once; as in `stage`.

    It is the owner's wish (see adopt.py). The key is not ours by that: Begin does not replace it. What is cut short
    by a power failure is done again by the next call.
    """
    with store._chip:
        name = store.idle
        record = store.get(name)
        if record["state"] in UNFINISHED and not _half_adopted(record):
            raise StoreError(
                "state",
                "identity %s is %s: commit or discard it, and start again" % (name, record["state"]),
            )
        zone = store._chip.require_locked()
        rules = zone.slot(slot)
        if not (rules.holds_private_key and store._chip.KeyValid(slot)):
            raise StoreError("slot", "slot %d holds no key" % slot)
        rules.check_signs()
        new = {"slot": slot, "chip": zone.serial.hex(), "era": store._switched["count"], "by": "adoption"}
        _fill(store, new, certificate, cas, chain, where)
        new["adopted"] = True
        store.keys.note(new["chip"], slot)
        store._records[name].save(new)
        _switch_to(store, name, new, OWNER)
        _note_adopted(store, certificate)


def _half_adopted(record):
    """Whether the power failed between an adoption's record and the switch to it."""
    return record.get("adopted") and record["state"] == "staged"


def _is_by(record, asker):
    """Whether it was `asker` who has begun what is in `record`."""
    return (record.get("by"), record.get("ca")) == (asker.name, asker.ca)


def _whose(record):
    return record.get("by") or "an older firmware"

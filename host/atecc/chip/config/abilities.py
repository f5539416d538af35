"""What may be done with a slot in each state of the chip, by the rules of its configuration.

The states are those of the data sheet (sections 2.2 and 2.4): nothing locked, config zone locked, both.
"""

from __future__ import annotations

from enum import IntEnum

from atecc.chip.config.slot import (
    ECDH,
    ECDH_INTO_NEXT,
    EXTERNAL_SIGN,
    GENKEY,
    INTERNAL_SIGN,
    PRIVWRITE,
    KeyType,
    Slot,
)
from atecc.chip.config.zone import ConfigZone


class Stage(IntEnum):
    """How far a chip has been locked."""

    OPEN = 0
    CONFIG = 1
    BOTH = 2


def stage_of(zone: ConfigZone) -> Stage:
    if not zone.config_locked:
        return Stage.OPEN
    return Stage.BOTH if zone.data_locked else Stage.CONFIG


NOTHING_YET = "nothing yet"


def abilities(zone: ConfigZone, number: int, stage: Stage) -> str:
    """In a few words, for a table."""
    slot, locked = zone.slots[number], zone.slot_locked(number)
    if stage == Stage.OPEN:
        return NOTHING_YET
    if slot.private:
        return _private(slot, number, locked, stage)
    return _data(slot, locked, stage)


def _private(slot: Slot, number: int, locked: bool, stage: Stage) -> str:
    if not slot.is_private_key:
        return "nothing, ever"
    both = stage == Stage.BOTH
    can = [
        ("make a key", not locked and (not both or slot.write_config & GENKEY)),
        (_import_words(slot, both), not locked and (not both or slot.write_config & PRIVWRITE)),
        ("sign", slot.read_key & EXTERNAL_SIGN),
        ("attest", both and slot.read_key & INTERNAL_SIGN),
        (ecdh_words(slot, number), slot.read_key & ECDH),
        ("public key", not both or slot.pub_info),
    ]
    words = ", ".join(word for word, allowed in can if allowed) or "nothing"
    conditions = conditions_of(slot)
    return f"{words}; {conditions}" if conditions else words


def _import_words(slot: Slot, both: bool) -> str:
    return f"take a key sealed with {slot.write_key}" if both else "take a key"


def ecdh_words(slot: Slot, number: int) -> str:
    return f"ECDH into {number + 1}" if slot.read_key & ECDH_INTO_NEXT else "ECDH"


def _data(slot: Slot, locked: bool, stage: Stage) -> str:
    if stage == Stage.CONFIG:
        return "read: nobody; write: nobody" if locked else "read: nobody; write: anybody"
    words = f"read: {readers(slot)}; write: {'nobody' if locked else writers(slot)}"
    conditions = conditions_of(slot)
    return f"{words}; {conditions}" if conditions else words


def readers(slot: Slot) -> str:
    if slot.is_secret:
        return f"sealed with {slot.read_key}" if slot.encrypt_read else "nobody"
    return "nobody" if slot.encrypt_read else "anybody"


def writers(slot: Slot) -> str:
    if slot.write_config & 4:
        return f"sealed with {slot.write_key}"
    return {0: "anybody", 1: "until validated"}.get(slot.write_config, "nobody")


def conditions_of(slot: Slot) -> str:
    said = []
    if slot.req_auth:
        said.append(f"after authorising with slot {slot.auth_key}")
    if slot.persistent_disable:
        said.append("only while the persistent latch is set")
    if slot.limited_use:
        said.append("counts each use")
    return ", ".join(said)


def explain(zone: ConfigZone, number: int) -> list[str]:
    """Every consequence of a slot's rules, as sentences; `after lock` means both zones, and is not said of a chip that
    is locked already."""
    slot, final = zone.slots[number], stage_of(zone) == Stage.BOTH
    said = _explain_private(slot, number, final) if slot.private else _explain_data(slot, final)
    if slot.req_auth:
        said.append(f"each use needs an authorisation with the secret in slot {slot.auth_key} before it")
    if slot.persistent_disable:
        said.append("works only while the persistent latch is set")
    if slot.limited_use:
        said.append("each use moves counter 0 on; at its limit, 2 097 151 or less, the slot is dead for good")
    said.append(_explain_lock(slot, zone.slot_locked(number)))
    return said


def _explain_private(slot: Slot, number: int, final: bool) -> list[str]:
    if not slot.is_private_key:
        return ["the chip refuses every command with it: private, but no secret P-256 key"]
    said = ["private key never readable", _genkey_words(slot, final)]
    if slot.write_config & PRIVWRITE:
        said.append(f"whoever knows the key in slot {slot.write_key} can put a private key here (PrivWrite)")
    else:
        said.append(
            "writable by nobody"
            if final
            else "writable by nobody after lock; before the data lock, by anybody"
        )
    said += _explain_uses(slot, number)
    shown = "by anybody who can talk to the chip" if slot.pub_info else "only in the moment it is made"
    return [*said, f"public key readable {shown}"]


def _genkey_words(slot: Slot, final: bool) -> str:
    when = "" if final else " after lock"
    if slot.write_config & GENKEY:
        return f"GenKey allowed{when}: the chip can make a new key, which destroys the one before"
    why = "the key that is there stays" if final else "a key must be there before the data zone is locked"
    return f"GenKey refused{when}: {why}"


def _explain_uses(slot: Slot, number: int) -> list[str]:
    said = []
    if slot.read_key & EXTERNAL_SIGN:
        said.append("signs what it is given: certificate requests, TLS handshakes")
    if slot.read_key & INTERNAL_SIGN:
        said.append("signs statements of the chip about itself (attestation)")
    if slot.read_key & ECDH:
        into = f"; the secret goes into slot {number + 1}" if slot.read_key & ECDH_INTO_NEXT else ""
        said.append(f"computes ECDH secrets{into}")
    return said or ["signs nothing and agrees on nothing"]


def _explain_data(slot: Slot, final: bool) -> list[str]:
    read, write = _by(readers(slot)), _by(writers(slot))
    if final:
        said = [f"readable {read}", f"writable {write}"]
    else:
        said = [f"before the data lock written by anybody and read by nobody; after it, readable {read}"]
        said.append(f"after lock writable {write}")
    if slot.write_config & 2:
        said.append("DeriveKey may replace it")
    if slot.key_type == KeyType.P256 and slot.pub_info:
        said.append("good for Verify only once it was validated by a parent key")
    if slot.read_key == 0 and slot.is_secret and not slot.encrypt_read:
        said.append("CheckMac may copy it into TempKey (read-key 0)")
    return said


def _by(who: str) -> str:
    if who.startswith("sealed"):
        return f"only {who.replace('with', 'with the key in slot')}"
    return "until the key is validated" if who.startswith("until") else f"by {who}"


def _explain_lock(slot: Slot, locked: bool) -> str:
    if locked:
        return "locked by itself: what it holds stays for good"
    return "can be locked by itself (chip lock slot)" if slot.lockable else "can't be locked by itself"

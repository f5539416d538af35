"""Slots and configuration in words: what may be done with each once both zones are locked."""

from __future__ import annotations

from dataclasses import dataclass

from atecc.chipconfig.document import Label
from atecc.chipconfig.presets import labels_of
from atecc.chipconfig.slot import (
    ECDH,
    ECDH_INTO_NEXT,
    EXTERNAL_SIGN,
    GENKEY,
    INTERNAL_SIGN,
    PRIVWRITE,
    SIZES,
    KeyType,
    Slot,
)
from atecc.chipconfig.zone import ConfigZone

KEY_TYPES = {KeyType.P256: "P-256", KeyType.AES: "AES", KeyType.DATA: "data"}


@dataclass(frozen=True)
class SlotWords:
    """A slot for people; `uses`, `reads` and `writes` are what the locked chip will allow."""

    number: int
    role: str
    key_type: str
    size: int
    uses: str
    reads: str
    writes: str
    locked: bool


def describe(zone: ConfigZone, labels: tuple[Label, ...] | None = None) -> list[SlotWords]:
    roles = [str(label) for label in labels or labels_of(zone)]
    return [
        SlotWords(
            number=number,
            role=roles[number],
            key_type=KEY_TYPES.get(KeyType(slot.key_type), "") if slot.key_type in (4, 6, 7) else "reserved",
            size=SIZES[number],
            uses=_uses(slot, number),
            reads=_reads(slot),
            writes=_writes(slot),
            locked=zone.slot_locked(number),
        )
        for number, slot in enumerate(zone.slots)
    ]


def _uses(slot: Slot, number: int) -> str:
    if not slot.private:
        return _conditions(slot)
    uses = []
    if slot.read_key & EXTERNAL_SIGN:
        uses.append("signs")
    if slot.read_key & INTERNAL_SIGN:
        uses.append("attests")
    if slot.read_key & ECDH:
        into = f" into {number + 1}" if slot.read_key & ECDH_INTO_NEXT else ""
        uses.append(f"ECDH{into}")
    text = ", ".join(uses) or "nothing"
    conditions = _conditions(slot)
    return f"{text}; {conditions}" if conditions else text


def _conditions(slot: Slot) -> str:
    said = []
    if slot.req_auth:
        said.append(f"after authorising with slot {slot.auth_key}")
    if slot.persistent_disable:
        said.append("only while the persistent latch is set")
    if slot.limited_use:
        said.append("counts each use")
    return ", ".join(said)


def _reads(slot: Slot) -> str:
    if slot.private:
        return "public key only" if slot.pub_info else "never"
    if slot.is_secret:
        return f"key {slot.read_key}, encrypted" if slot.encrypt_read else "never"
    return "never (forbidden combination)" if slot.encrypt_read else "anybody"


def _writes(slot: Slot) -> str:
    if slot.private:
        ways = []
        if slot.write_config & GENKEY:
            ways.append("the chip (GenKey)")
        if slot.write_config & PRIVWRITE:
            ways.append(f"key {slot.write_key}, encrypted")
        return ", ".join(ways) or "never: the key stays"
    if slot.write_config & 4:
        return f"key {slot.write_key}, encrypted"
    return {0: "anybody", 1: "unless the key is validated"}.get(slot.write_config, "never")


def slot_json(words: SlotWords, slot: Slot) -> dict[str, object]:
    """A slot for programs."""
    return {
        "slot": words.number,
        "role": words.role,
        "key_type": words.key_type,
        "size": words.size,
        "uses": words.uses,
        "reads": words.reads,
        "writes": words.writes,
        "locked": words.locked,
        "can_generate": slot.can_generate,
        "can_sign": slot.can_sign,
        "slot_config": slot.slot_config.to_bytes(2, "little").hex(),
        "key_config": slot.key_config.to_bytes(2, "little").hex(),
    }


@dataclass(frozen=True)
class Change:
    """One difference between two configurations, in words."""

    what: str
    before: str
    after: str


def _rules(slot: Slot) -> str:
    words = (slot.slot_config, slot.key_config)
    return " / ".join(word.to_bytes(2, "little").hex(" ") for word in words)


_FIELDS = (
    ("I2C address", 16, 17),
    ("reserved byte 17", 17, 18),
    ("CountMatch", 18, 19),
    ("ChipMode", 19, 20),
    ("counters", 52, 68),
    ("UseLock", 68, 69),
    ("VolatileKeyPermission", 69, 70),
    ("SecureBoot", 70, 72),
    ("KDF IV", 72, 75),
    ("reserved bytes 75 to 83", 75, 84),
    ("UserExtra", 84, 86),
    ("SlotLocked", 88, 90),
    ("ChipOptions", 90, 92),
    ("X509format", 92, 96),
)


def changes(before: ConfigZone, after: ConfigZone) -> list[Change]:
    """What would be different, slot by slot and field by field."""
    found = [
        Change(
            f"slot {n}",
            f"{old.slot_config.to_bytes(2, 'little').hex(' ')} / "
            f"{old.key_config.to_bytes(2, 'little').hex(' ')}",
            f"{new.slot_config.to_bytes(2, 'little').hex(' ')} / "
            f"{new.key_config.to_bytes(2, 'little').hex(' ')}",
        )
        for n, (old, new) in enumerate(zip(before.slots, after.slots, strict=True))
        if old != new
    ]
    return found + [
        Change(name, before.data[a:b].hex(" "), after.data[a:b].hex(" "))
        for name, a, b in _FIELDS
        if before.data[a:b] != after.data[a:b]
    ]

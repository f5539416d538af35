"""Slots and configuration in words: what may be done with each once both zones are locked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from atecc.chip.config.abilities import conditions_of
from atecc.chip.config.chipwords import COUNTERS, FIELDS, STATE, counters_of
from atecc.chip.config.document import Label
from atecc.chip.config.presets import labels_of
from atecc.chip.config.slot import (
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
from atecc.chip.config.slotwords import raw_text, to_words
from atecc.chip.config.zone import ConfigZone

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
        return conditions_of(slot)
    uses = []
    if slot.read_key & EXTERNAL_SIGN:
        uses.append("signs")
    if slot.read_key & INTERNAL_SIGN:
        uses.append("attests")
    if slot.read_key & ECDH:
        into = f" into {number + 1}" if slot.read_key & ECDH_INTO_NEXT else ""
        uses.append(f"ECDH{into}")
    text = ", ".join(uses) or "nothing"
    conditions = conditions_of(slot)
    return f"{text}; {conditions}" if conditions else text


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
            ways.append("GenKey")
        if slot.write_config & PRIVWRITE:
            ways.append(f"key {slot.write_key}, encrypted")
        return ", ".join(ways) or "never: the key stays"
    if slot.write_config & 4:
        return f"key {slot.write_key}, encrypted"
    return {0: "anybody", 1: "unless the key is validated"}.get(slot.write_config, "never")


def _slot_json(words: SlotWords, slot: Slot) -> dict[str, object]:
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


def zone_json(zone: ConfigZone) -> dict[str, Any]:
    """The configuration for programs."""
    return {
        "serial": zone.serial,
        "revision": zone.revision,
        "i2c_address": zone.i2c_address,
        "config_locked": zone.config_locked,
        "data_locked": zone.data_locked,
        "crc": zone.crc,
        "config": zone.data.hex(),
        "slots": [_slot_json(words, slot) for words, slot in zip(describe(zone), zone.slots, strict=True)],
    }


@dataclass(frozen=True)
class Change:
    """One difference between two configurations, in bytes and in words."""

    what: str
    before: str
    after: str
    words: list[str] = field(default_factory=list)


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
    ("locks", 86, 88),
    ("SlotLocked", 88, 90),
    ("ChipOptions", 90, 92),
    ("X509format", 92, 96),
)


def changes(before: ConfigZone, after: ConfigZone) -> list[Change]:
    """What would be different, slot by slot and field by field."""
    found = [
        Change(f"slot {n}", raw_text(old), raw_text(new), _slot_words(old, new))
        for n, (old, new) in enumerate(zip(before.slots, after.slots, strict=True))
        if old != new
    ]
    return found + [
        Change(name, before.data[a:b].hex(" "), after.data[a:b].hex(" "), _field_words(before, after, a, b))
        for name, a, b in _FIELDS
        if before.data[a:b] != after.data[a:b]
    ]


# What a file means where it doesn't say.
_USUAL = {"read-key": "15", "write-key": "0"}


def _slot_words(old: Slot, new: Slot) -> list[str]:
    """Between a private key and anything else, only the new rules make sense."""
    before, after = to_words(old), to_words(new)
    if old.private == new.private:
        return _moved(before, after)
    rules = [f"{name}: {word}" for name, word in after.items() if name != "type"]
    return [f"type: {before['type']} → {after['type']}", *rules]


def _moved(old: dict[str, str], new: dict[str, str]) -> list[str]:
    """Only what differs: `use: [sign] → [sign, ECDH]`; what is missing is as usual."""

    def word(words: dict[str, str], name: str) -> str:
        return words.get(name, _USUAL.get(name, "no"))

    names = [*old, *(name for name in new if name not in old)]
    moved = [
        f"{name}: {word(old, name)} → {word(new, name)}" for name in names if old.get(name) != new.get(name)
    ]
    return moved or ["bits without words"]


def _field_words(before: ConfigZone, after: ConfigZone, first: int, end: int) -> list[str]:
    if first == COUNTERS[0]:
        return _moved(*({"counters": ", ".join(counters_of(zone))} for zone in (before, after)))
    if first == 88:
        return _moved(*({"locked slots": _locked_slots(zone)} for zone in (before, after)))
    fields = [field for field in (*FIELDS, *STATE) if first <= field.offset < end]
    return _moved(*({field.name: field.text(zone) for field in fields} for zone in (before, after)))


def _locked_slots(zone: ConfigZone) -> str:
    return ", ".join(str(n) for n in range(16) if zone.slot_locked(n)) or "none"

"""A configuration as a file for people: slots by role, rules in words, and every bit of the 112 bytes."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby

from atecc.chip.config import chipwords, slotwords
from atecc.chip.config.slot import Slot
from atecc.chip.config.source import Value, compose, one_of, reject_unknown
from atecc.chip.config.zone import SIZE, ConfigZone

# Bytes 16 to 127 of a blank ATECC608A or B, the same in dumps of revisions 6001, 6002 and 6003.
FACTORY = bytes.fromhex(
    "C0 00 00 00 83 20 87 20 8F 20 C4 8F 8F 8F 8F 8F 9F 8F AF 8F 00 00 00 00 00 00 00 00 00 00 00 00"
    "00 00 AF 8F FF FF FF FF 00 00 00 00 FF FF FF FF 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
    "00 00 00 00 00 00 55 55 FF FF 00 00 00 00 00 00 33 00 33 00 33 00 1C 00 1C 00 1C 00 1C 00 1C 00"
    "3C 00 3C 00 3C 00 3C 00 3C 00 3C 00 3C 00 1C 00"
)
FIRST = 16

# A role is a promise: `chip config check` holds the slot's rules to it.
ROLES = (
    "device key",
    "spare key",
    "factory key",
    "ECDH key",
    "private key",
    "certificate",
    "public key",
    "IO key",
    "write key",
    "AES key",
    "secret",
    "data",
    "unused",
)
DEVICE_KEYS = ("device key", "spare key")


@dataclass(frozen=True)
class Label:
    """What a slot is for: one of ROLES, and a name of the owner's choice."""

    role: str = ""
    name: str = ""

    def __str__(self) -> str:
        return self.name or self.role


NO_LABELS = (Label(),) * 16


@dataclass(frozen=True)
class Configuration:
    """A configuration zone, and what its author means by each slot."""

    zone: ConfigZone
    labels: tuple[Label, ...] = NO_LABELS
    title: str = ""
    source: str = field(default="", compare=False)


BARE = ConfigZone(bytes(FIRST) + bytes.fromhex("C0") + bytes(SIZE - FIRST - 1))


def _bare() -> ConfigZone:
    """What isn't said: everything off, counters at zero, no slot locked, nothing locked."""
    zone = BARE.patched(86, b"\x55\x55").patched(88, b"\xff\xff")
    for offset in chipwords.COUNTERS:
        zone = zone.patched(offset, chipwords.ZERO)
    return zone


# Reading


def parse(text: str, file: str) -> Configuration:
    """The configuration that the file describes."""
    return of_document(compose(text, file))


def of_document(document: Value) -> Configuration:
    entries = document.entries()
    reject_unknown(entries, ("title", "base", "chip", "counters", "slots", "raw", "state"))
    based = "base" in entries and bool(entries["base"].choice(("factory",)))
    zone = ConfigZone(bytes(FIRST) + FACTORY) if based else _bare()
    if "chip" in entries:
        zone = chipwords.with_words(zone, entries["chip"].renamed(""))
    if "counters" in entries:
        zone = chipwords.with_counters(zone, entries["counters"])
    if "state" in entries:
        zone = chipwords.with_words(zone, entries["state"].renamed(""), chipwords.STATE)
    if "slots" not in entries:
        raise document.error("its `slots` are missing.")
    zone, labels = _slots(zone, entries["slots"], complete=not based)
    if "raw" in entries:
        zone = _with_raw(zone, entries["raw"])
    title = entries["title"].text if "title" in entries else ""
    return Configuration(zone, labels, title, document.file)


def _slots(zone: ConfigZone, value: Value, complete: bool) -> tuple[ConfigZone, tuple[Label, ...]]:
    slots, labels, seen = list(zone.slots), list(NO_LABELS), set()
    locked = int.from_bytes(zone.data[88:90], "little")
    for key, entry in value.entries().items():
        rules = entry.renamed(f"slot {key}")
        slot, is_locked = slotwords.of_words(rules)
        for number in _numbers(key, rules):
            if number in seen:
                raise rules.error(f"slot {number} is there twice.")
            seen.add(number)
            slots[number], labels[number] = slot, _label(rules.entries())
            locked = locked & ~(1 << number) | (not is_locked) << number
    missing = sorted(set(range(16)) - seen)
    if complete and missing:
        raise value.error(
            f"slot {', '.join(map(str, missing))} is missing.",
            "Describe all sixteen, or begin with `base: factory`, which leaves the rest as a blank chip has it.",
        )
    return zone.with_slots(tuple(slots)).patched(88, locked.to_bytes(2, "little")), tuple(labels)


def _numbers(key: str, value: Value) -> list[int]:
    """`5`, `4-6`, `1, 3`."""
    numbers: list[int] = []
    for part in key.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:\s*-\s*(\d+))?\s*", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last <= 15:
            raise value.error(f"{key!r} is no slot: 0 to 15 are, or several: `4-6`, `1, 3`.")
        numbers += range(first, last + 1)
    return numbers


def _label(entries: dict[str, Value]) -> Label:
    role = entries["role"].choice(ROLES) if "role" in entries else ""
    name = entries["name"].text if "name" in entries else ""
    if "name" in entries and (not name.isprintable() or len(name) > 60):
        raise entries["name"].error("a name has at most 60 printable characters.")
    return Label(role, name)


def _with_raw(zone: ConfigZone, value: Value) -> ConfigZone:
    """Bytes by their offset, which may add to the words and never say something else."""
    before = _all_words(zone)
    for key, one in value.entries().items():
        data = one.octets()
        if not key.isdigit() or int(key) < FIRST or int(key) + len(data) > SIZE:
            raise one.error(f"{key!r} is no offset of bytes {FIRST} to {SIZE - 1}.")
        zone = zone.patched(int(key), data)
    after = _all_words(zone)
    for name, word in after.items():
        if before.get(name) != word:
            raise value.error(
                f"contradicts the rest of the file: by these bytes {name} is {word}.",
                "Say it there in words; `raw` is for what has none.",
            )
    if after != before:
        gone = next(name for name in before if name not in after)
        raise value.error(f"contradicts the rest of the file: by these bytes {gone} is as usual.")
    return zone


def _all_words(zone: ConfigZone) -> dict[str, str]:
    words = chipwords.to_words(zone) | chipwords.to_words(zone, chipwords.STATE)
    words["counters"] = ", ".join(chipwords.counters_of(zone))
    for number, slot in enumerate(zone.slots):
        words[f"slot {number}"] = slotwords.raw_text(slot) + (", locked" if zone.slot_locked(number) else "")
    return words


# Writing


def dump(configuration: Configuration, heading: str = "") -> str:
    """The file that `parse` reads back to the same bytes."""
    zone = configuration.zone
    lines = [f"# {line}" for line in heading.splitlines()]
    if configuration.title:
        lines.append(f"title: {_quoted(configuration.title)}")
    lines += ["", "chip:", *_table(chipwords.to_words(zone))]
    counters = chipwords.counters_of(zone)
    if counters != ["0", "0"]:
        lines += ["", f"counters: [{', '.join(counters)}]"]
    state = chipwords.to_words(zone, chipwords.STATE)
    if state:
        lines += ["", "# What no Write reaches: shown here, never written.", "state:", *_table(state)]
    lines += ["", "slots:", *_slot_lines(configuration)]
    text = "\n".join(lines).strip("\n") + "\n"
    return text + _raw_lines(zone, parse(text, "").zone)


def _table(words: dict[str, str], indent: str = "  ") -> list[str]:
    return [f"{indent}{name}: {word}" for name, word in words.items()]


def _slot_lines(configuration: Configuration) -> list[str]:
    zone = configuration.zone
    texts = [
        _slot_text(slot, label, zone.slot_locked(number))
        for number, (slot, label) in enumerate(zip(zone.slots, configuration.labels, strict=True))
    ]
    lines: list[str] = []
    for text, group in groupby(range(16), key=lambda number: texts[number]):
        numbers = list(group)
        span = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}"
        lines += [f"  {span}:", *text]
    return lines


def _slot_text(slot: Slot, label: Label, locked: bool) -> tuple[str, ...]:
    words = {"role": label.role} if label.role else {}
    words |= {"name": _quoted(label.name)} if label.name else {}
    words |= slotwords.to_words(slot) | ({"locked": "yes"} if locked else {})
    lines = _table(words, "    ")
    if _described("\n".join(lines)) != slot:
        lines.append(f"    raw: {slotwords.raw_text(slot)}")
    return tuple(lines)


@lru_cache
def _described(lines: str) -> Slot:
    """What is read back of a slot's words. Slots are often alike, and reading takes a while."""
    return slotwords.of_words(compose(lines, ""))[0]


def _raw_lines(wanted: ConfigZone, described: ConfigZone) -> str:
    """The bytes that the words do not reach, in runs."""
    left = [n for n in range(FIRST, SIZE) if wanted.data[n] != described.data[n]]
    if not left:
        return ""
    lines = ["", "# Bytes that no word above reaches, by offset.", "raw:"]
    for _, run in groupby(enumerate(left), key=lambda pair: pair[1] - pair[0]):
        offsets = [offset for _, offset in run]
        lines.append(f"  {offsets[0]}: {wanted.data[offsets[0] : offsets[-1] + 1].hex(' ')}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A text as YAML takes it for one."""
    return text if re.fullmatch(r"[A-Za-z][\w ,.'-]*[\w.']|[A-Za-z]", text) else json.dumps(text)


__all__ = ["FACTORY", "ROLES", "Configuration", "Label", "dump", "of_document", "one_of", "parse"]

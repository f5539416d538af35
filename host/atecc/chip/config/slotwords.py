"""One slot's rules in words, and back. What the words leave open, `raw` says: no bit is lost."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from atecc.chip.config.slot import (
    ECDH,
    ECDH_INTO_NEXT,
    EXTERNAL_SIGN,
    GENKEY,
    INTERNAL_SIGN,
    NOBODY,
    PRIVWRITE,
    KeyType,
    Slot,
)
from atecc.chip.config.source import Value, one_of, reject_unknown

Words = dict[str, str]

TYPES = {
    "private key": (True, KeyType.P256),
    "public key": (False, KeyType.P256),
    "AES key": (False, KeyType.AES),
    "data": (False, KeyType.DATA),
}
USES = {
    "sign": EXTERNAL_SIGN,
    "attest": INTERNAL_SIGN,
    "ECDH": ECDH,
    "ECDH into next slot": ECDH_INTO_NEXT,
}
DERIVE = {2: "roll", 3: "create", 10: "roll with MAC", 11: "create with MAC"}
# Flags that stand for themselves, whatever the slot holds.
FLAGS = {
    "counts-uses": "limited_use",
    "no-mac": "no_mac",
    "random-nonce": "req_random",
    "needs-latch": "persistent_disable",
}
COMMON = ("role", "name", "type", "lockable", "locked", "write-key", "authorised-by", "x509-format", "raw")
PRIVATE = ("use", "public-key", "generate", "import", "secret")
OTHER = ("read", "read-key", "write", "derive", "validated-only", "public-info")
SEALED, SLOT = re.compile(r"sealed with slot (\d+)"), re.compile(r"slot (\d+)")


def to_words(slot: Slot) -> Words:
    """The rules for people; `of_words` makes the same slot of them, with `raw` where words don't reach."""
    words: Words = {"type": type_name(slot)}
    words |= _private_words(slot) if slot.private else _other_words(slot)
    if slot.write_key and "with slot" not in words.get("write", "") + words.get("import", ""):
        words["write-key"] = str(slot.write_key)
    words["lockable"] = yes(slot.lockable)
    words |= {name: "yes" for name, attribute in FLAGS.items() if getattr(slot, attribute)}
    if slot.req_auth:
        words["authorised-by"] = f"slot {slot.auth_key}"
    if slot.x509_id:
        words["x509-format"] = str(slot.x509_id)
    return words


def type_name(slot: Slot) -> str:
    for name, (private, key_type) in TYPES.items():
        if (slot.private, slot.key_type) == (private, key_type):
            return name
    return f"{'private ' if slot.private else ''}type {slot.key_type}"


def yes(flag: bool) -> str:
    return "yes" if flag else "no"


def _private_words(slot: Slot) -> Words:
    uses = [name for name, bit in USES.items() if slot.read_key & bit]
    words = {
        "use": f"[{', '.join(uses)}]",
        "public-key": "readable" if slot.pub_info else "hidden",
        "generate": yes(bool(slot.write_config & GENKEY)),
        "import": f"sealed with slot {slot.write_key}" if slot.write_config & PRIVWRITE else "no",
    }
    return words if slot.is_secret else words | {"secret": "no"}


def _other_words(slot: Slot) -> Words:
    words = {"read": _reading(slot), "write": _writing(slot)}
    if slot.read_key != NOBODY and not words["read"].startswith("sealed"):
        words["read-key"] = str(slot.read_key)
    if slot.write_config & 2:
        words["derive"] = DERIVE[slot.write_config & 0b1011]
    if slot.pub_info:
        words["validated-only" if slot.key_type == KeyType.P256 else "public-info"] = "yes"
    return words


def _reading(slot: Slot) -> str:
    if slot.is_secret:
        return f"sealed with slot {slot.read_key}" if slot.encrypt_read else "nobody"
    return "nobody (forbidden combination)" if slot.encrypt_read else "anybody"


def _writing(slot: Slot) -> str:
    if slot.write_config & 4:
        return f"sealed with slot {slot.write_key}"
    return {0: "anybody", 1: "until validated"}.get(slot.write_config, "nobody")


def of_words(value: Value) -> tuple[Slot, bool]:
    """The slot that the file describes, and whether it is locked by itself."""
    entries = value.entries()
    if "type" not in entries:
        raise value.error("its `type` is missing.", f"There is: {', '.join(TYPES)}.")
    private, key_type = _type(entries["type"])
    reject_unknown(entries, (*COMMON, *FLAGS, *(PRIVATE if private else OTHER)))
    slot = Slot(private=private, key_type=key_type, lockable=_flag(entries, "lockable"))
    slot = replace(slot, **{attribute: _flag(entries, name) for name, attribute in FLAGS.items()})
    slot = _private(slot, value, entries) if private else _other(slot, value, entries)
    slot = _common(slot, entries)
    if "raw" in entries:
        slot = _raw(slot, entries["raw"])
    return slot, _flag(entries, "locked")


def _type(value: Value) -> tuple[bool, int]:
    if value.text in TYPES:
        return TYPES[value.text]
    match = re.fullmatch(r"(private )?type ([0-7])", value.text)
    if not match:
        raise value.error(f"{value.text!r} is not known.", one_of(value.text, TYPES))
    return bool(match[1]), int(match[2])


def _flag(entries: dict[str, Value], name: str) -> bool:
    return entries[name].flag() if name in entries else False


def _need(value: Value, entries: dict[str, Value], name: str) -> Value:
    if name not in entries:
        raise value.error(f"its `{name}` is missing.")
    return entries[name]


def _private(slot: Slot, value: Value, entries: dict[str, Value]) -> Slot:
    uses = sum({USES[one.choice(USES)] for one in _need(value, entries, "use").items()})
    make = GENKEY if _need(value, entries, "generate").flag() else 0
    write_key = 0
    if "import" in entries and entries["import"].text != "no":
        make |= PRIVWRITE
        write_key = _sealed(entries["import"], ("no",))
    public = _need(value, entries, "public-key").choice(("readable", "hidden"))
    return replace(
        slot,
        read_key=uses,
        write_config=make,
        write_key=write_key,
        pub_info=public == "readable",
        is_secret=entries["secret"].flag() if "secret" in entries else True,
    )


def _other(slot: Slot, value: Value, entries: dict[str, Value]) -> Slot:
    slot = replace(slot, **_read_rules(_need(value, entries, "read")))
    slot = replace(slot, **_write_rules(_need(value, entries, "write"), entries.get("derive")))
    if "read-key" in entries:
        number = entries["read-key"].number(15)
        if slot.encrypt_read and slot.is_secret and number != slot.read_key:
            raise entries["read-key"].error("contradicts `read`, which names another slot.")
        slot = replace(slot, read_key=number)
    return replace(slot, pub_info=_flag(entries, "validated-only") or _flag(entries, "public-info"))


def _read_rules(value: Value) -> dict[str, Any]:
    plain = {
        "anybody": (False, False),
        "nobody": (True, False),
        "nobody (forbidden combination)": (False, True),
    }
    if value.text in plain:
        secret, sealed = plain[value.text]
        return {"is_secret": secret, "encrypt_read": sealed}
    return {"is_secret": True, "encrypt_read": True, "read_key": _sealed(value, plain)}


def _write_rules(value: Value, derive: Value | None) -> dict[str, Any]:
    config = 0
    if derive is not None:
        config = {word: bits for bits, word in DERIVE.items()}[derive.choice(DERIVE.values())]
    plain = {"anybody": 0, "until validated": 1, "nobody": 8}
    if value.text not in plain:
        return {"write_config": config | 4, "write_key": _sealed(value, plain)}
    if derive is not None and value.text != "nobody":
        raise derive.error("a slot that derives is written by nobody, or sealed.")
    return {"write_config": config or plain[value.text]}


def _sealed(value: Value, others: Iterable[str]) -> int:
    match = SEALED.fullmatch(value.text)
    if not match or int(match[1]) > 15:
        known = [*others, "sealed with slot 4"]
        raise value.error(f"{value.text!r} is not known here.", one_of(value.text, known))
    return int(match[1])


def _common(slot: Slot, entries: dict[str, Value]) -> Slot:
    if "write-key" in entries:
        number = entries["write-key"].number(15)
        if slot.write_config & 4 and number != slot.write_key:
            raise entries["write-key"].error("contradicts `write` or `import`, which names another slot.")
        slot = replace(slot, write_key=number)
    if "authorised-by" in entries:
        value = entries["authorised-by"]
        match = SLOT.fullmatch(value.text)
        if not match or int(match[1]) > 15:
            raise value.error(f"{value.text!r} is no slot.", "Like this: slot 4.")
        slot = replace(slot, req_auth=True, auth_key=int(match[1]))
    if "x509-format" in entries:
        slot = replace(slot, x509_id=entries["x509-format"].number(3))
    return slot


def raw_text(slot: Slot) -> str:
    """SlotConfig and KeyConfig as the chip stores them: 87 20 / 33 00."""
    return " / ".join(word.to_bytes(2, "little").hex(" ") for word in (slot.slot_config, slot.key_config))


def _raw(slot: Slot, value: Value) -> Slot:
    """The exact bits, which may add to the words and never say something else."""
    data = value.octets(4)
    exact = Slot.decode(int.from_bytes(data[:2], "little"), int.from_bytes(data[2:], "little"))
    if to_words(exact) != to_words(slot):
        for name, word in to_words(exact).items():
            if to_words(slot).get(name) != word:
                raise value.error(
                    f"contradicts the words: by these bytes `{name}` is {word}.",
                    "Drop `raw`, or change the words.",
                )
        raise value.error("contradicts the words.", "Drop `raw`, or change the words.")
    return exact

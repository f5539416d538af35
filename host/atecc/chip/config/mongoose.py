"""Configurations in the format of Mongoose OS (`mos atca-set-config`, atca-test-config-608a.yaml), YAML or JSON.

`mos atca-get-config --format=json` writes the names as Go has them: capitals don't count here.
Its names are those of an ATECC508A: `otpmode` is CountMatch on a 608, `lastkeyuse…` are UseLock and what follows.
"""

from __future__ import annotations

import base64

from atecc.chip.config.document import Configuration
from atecc.chip.config.slot import KeyType, Slot
from atecc.chip.config.source import Value, one_of, reject_unknown
from atecc.chip.config.zone import SIZE, ConfigZone

KEY_TYPES = {"ecc": KeyType.P256, "aes": KeyType.AES, "nonecc": KeyType.DATA, "other": KeyType.DATA}
PRIVATE_USES = ("extsignenable", "intsignenable", "ecdhenable", "ecdhtonextslot")
LOCKS = {"Unlocked": 0x55, "Locked": 0x00}
CHIP_MODE = ("selectorwriteonce", "ttlenable", "watchdogduration", "clockdivider")
SLOT_CONFIG = (
    "privatekeyslotconfig",
    "readkey",
    "nomac",
    "limiteduse",
    "encryptread",
    "issecret",
    "writekey",
    "writeconfig",
)
KEY_CONFIG = (
    "private",
    "pubinfo",
    "keytype",
    "lockable",
    "reqrandom",
    "reqauth",
    "authkey",
    "intrusiondisable",
    "x509id",
)
# Whole numbers: where they go, how many bytes they have, and their byte order.
NUMBERS = {
    "reserved13": (13, 1, "big"),
    "revision": (4, 4, "big"),
    "reserved15": (15, 1, "big"),
    "i2caddress": (16, 1, "big"),
    "reserved17": (17, 1, "big"),
    "otpmode": (18, 1, "big"),
    "counter0": (52, 8, "big"),
    "counter1": (60, 8, "big"),
    "lastkeyuse0": (68, 8, "big"),
    "lastkeyuse1": (76, 8, "big"),
    "userextra": (84, 1, "big"),
    "selector": (85, 1, "big"),
    "slotlocked": (88, 2, "little"),
    "reserved90": (90, 1, "big"),
    "reserved91": (91, 1, "big"),
}
OTHERS = ("serialnum", "i2cenable", "chipmode", "slotinfo", "lockvalue", "lockconfig", "x509format")
OPTIONAL = ("serialnum", "reserved13", "revision", "i2cenable", "reserved15", "userextra", "selector")
# By these a file is recognised; none of them is a word of our own format.
MARKS = {"slotinfo", "i2caddress", "chipmode", "otpmode"}


def is_mongoose(document: Value) -> bool:
    return bool(MARKS & {name.lower() for name in document.entries()})


def _entries(value: Value) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, one in value.entries().items():
        if name.lower() in found:
            raise one.error("is there twice.")
        found[name.lower()] = one
    return found


def of_document(document: Value) -> Configuration:
    entries = _entries(document)
    reject_unknown(entries, (*NUMBERS, *OTHERS))
    missing = [n for n in (*NUMBERS, *OTHERS) if n not in entries and n not in OPTIONAL]
    if missing:
        raise document.error(f"{', '.join(missing)} is missing.")
    zone = ConfigZone(bytes(86) + b"\x55\x55" + bytes(SIZE - 88))
    for name, (offset, size, order) in NUMBERS.items():
        if name in entries:
            number = entries[name].number((1 << 8 * size) - 1)
            zone = zone.patched(offset, number.to_bytes(size, "big" if order == "big" else "little"))
    zone = _with_chip(zone, entries)
    zone = zone.patched(19, bytes([_chip_mode(entries["chipmode"])]))
    for name, offset in (("lockvalue", 86), ("lockconfig", 87)):
        zone = zone.patched(offset, bytes([LOCKS[entries[name].choice(LOCKS)]]))
    zone = zone.patched(92, _x509_format(entries["x509format"]))
    return Configuration(zone.with_slots(_slots(entries["slotinfo"])), source=document.file)


def _with_chip(zone: ConfigZone, entries: dict[str, Value]) -> ConfigZone:
    """What nobody can write, and a dump has: the serial number, and whether the chip talks I2C."""
    if "serialnum" in entries:
        serial = _octets(entries["serialnum"], 9)
        zone = zone.patched(0, serial[:4]).patched(8, serial[4:])
    if "i2cenable" not in entries:
        return zone.patched(14, b"\x01") if zone.is_dump else zone
    return zone.patched(14, bytes([entries["i2cenable"].flag()]))


def _octets(value: Value, count: int) -> bytes:
    """A list of numbers, or as Go writes bytes in JSON (base64), or hex."""
    if value.is_list:
        data = bytes(one.number(255) for one in value.items())
    elif len(value.text) == 4 * -(-count // 3):
        try:
            data = base64.b64decode(value.text, validate=True)
        except ValueError:
            raise value.error(f"{value.text!r} is neither base64 nor a list of numbers.") from None
    else:
        data = value.octets()
    if len(data) != count:
        raise value.error(f"{count} bytes are expected, not {len(data)}.")
    return data


def _fields(value: Value, names: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, Value]:
    """A table that has just these fields."""
    entries = _entries(value)
    reject_unknown(entries, names)
    for name in names:
        if name not in entries and name not in optional:
            raise value.error(f"{name} is missing.")
    return entries


def _chip_mode(value: Value) -> int:
    entries = _fields(value, CHIP_MODE, optional=("clockdivider",))
    mode = entries["selectorwriteonce"].flag() | entries["ttlenable"].flag() << 1
    mode |= (entries["watchdogduration"].choice(("1s", "10s")) == "10s") << 2
    return mode | (entries["clockdivider"].number(31) << 3 if "clockdivider" in entries else 0)


def _x509_format(value: Value) -> bytes:
    formats = list(value.items())
    if len(formats) != 4:
        raise value.error(f"four formats are expected, not {len(formats)}.")
    data = []
    for one in formats:
        entries = _fields(one, ("publicposition", "templatelength"))
        data.append(entries["publicposition"].number(15) | entries["templatelength"].number(15) << 4)
    return bytes(data)


def _slots(value: Value) -> tuple[Slot, ...]:
    slots: dict[int, Slot] = {}
    for one in value.items():
        entries = _fields(one, ("num", "slotconfig", "keyconfig"))
        number = entries["num"].number(15)
        if number in slots:
            raise entries["num"].error(f"slot {number} is there twice.")
        place = f"slot {number}"
        slots[number] = _slot(
            entries["slotconfig"].renamed(f"{place}, slotconfig"),
            entries["keyconfig"].renamed(f"{place}, keyconfig"),
        )
    missing = [str(number) for number in range(16) if number not in slots]
    if missing:
        raise value.error(f"slot {', '.join(missing)} is missing.")
    return tuple(slots[number] for number in range(16))


def _slot(slot_config: Value, key_config: Value) -> Slot:
    keys = _fields(key_config, KEY_CONFIG)
    rules = _fields(slot_config, SLOT_CONFIG, optional=("privatekeyslotconfig", "readkey"))
    private = keys["private"].flag()
    return Slot(
        read_key=_read_key(slot_config, rules, private),
        no_mac=rules["nomac"].flag(),
        limited_use=rules["limiteduse"].flag(),
        encrypt_read=rules["encryptread"].flag(),
        is_secret=rules["issecret"].flag(),
        write_key=rules["writekey"].number(15),
        write_config=rules["writeconfig"].number(15),
        private=private,
        pub_info=keys["pubinfo"].flag(),
        key_type=_key_type(keys["keytype"]),
        lockable=keys["lockable"].flag(),
        req_random=keys["reqrandom"].flag(),
        req_auth=keys["reqauth"].flag(),
        auth_key=keys["authkey"].number(15),
        persistent_disable=keys["intrusiondisable"].flag(),
        x509_id=keys["x509id"].number(3),
    )


def _read_key(value: Value, rules: dict[str, Value], private: bool) -> int:
    by_uses = private and ("privatekeyslotconfig" in rules or "readkey" not in rules)
    name = "privatekeyslotconfig" if by_uses else "readkey"
    if name not in rules:
        raise value.error(f"{name} is missing: the slot is {'' if private else 'not '}private.")
    if name == "readkey":  # the same four bits
        return rules[name].number(15)
    uses = _fields(rules[name], PRIVATE_USES)
    return sum(uses[use].flag() << bit for bit, use in enumerate(PRIVATE_USES))


def _key_type(value: Value) -> int:
    if value.text.lower() not in KEY_TYPES:
        raise value.error(f"{value.text!r} is not known.", one_of(value.text, ("ECC", "AES", "NonECC")))
    return KEY_TYPES[value.text.lower()]

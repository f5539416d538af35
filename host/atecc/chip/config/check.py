"""What a configuration means for the device's purpose: what would ruin it, and what is worth knowing."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from atecc.chip.config.chipwords import uses_left
from atecc.chip.config.document import DEVICE_KEYS, Label
from atecc.chip.config.parts import is_608, part_of
from atecc.chip.config.presets import labels_of
from atecc.chip.config.slot import ECDH, ECDH_INTO_NEXT, PRIVWRITE, KeyType, Slot
from atecc.chip.config.zone import ConfigZone

CLOCK_DIVIDERS = (0x00, 0x05, 0x0D)
USE_LOCKED = 0xA
BLANK_ADDRESS = 0x60


@dataclass(frozen=True)
class Findings:
    """`problems` forbid a lock; `warnings` are said before it."""

    problems: list[str]
    warnings: list[str]


def check(zone: ConfigZone, labels: tuple[Label, ...] | None = None) -> Findings:
    """Judge a configuration as if it were locked now, by what its author says the slots are for; a dump also by what it
    tells of its chip."""
    labels = labels or labels_of(zone)
    problems = [*_dump_problems(zone), *_key_problems(zone), *_chip_problems(zone), *_slot_problems(zone)]
    problems += _broken_promises(zone, labels)
    return Findings(problems, [*_key_warnings(zone), *_chip_warnings(zone), *_slot_warnings(zone, labels)])


def device_key_slots(zone: ConfigZone) -> list[int]:
    """Slots where the chip can make an identity's key and sign with it."""
    return [n for n, slot in enumerate(zone.slots) if slot.is_device_key and not zone.slot_locked(n)]


def signing_slots(zone: ConfigZone) -> list[int]:
    """Slots that sign, if they hold a key."""
    return [n for n, slot in enumerate(zone.slots) if slot.signs_for_us]


# What would ruin a chip


def _dump_problems(zone: ConfigZone) -> Iterator[str]:
    """What a chip says of itself, in the bytes that nobody can write."""
    if any(zone.data[4:8]) and not is_608(zone):
        yield (
            f"It is from an {part_of(zone)} (revision {zone.revision}): the firmware works with an ATECC608 only, for "
            "which some of these bytes mean something else."
            if part_of(zone)
            else f"It is from no ATECC608 (revision {zone.revision}): the firmware works with nothing else."
        )
    if zone.is_dump and not zone.i2c_enabled:
        yield "It is from a chip that has no I2C (byte 14, bit 0, is 0: a single-wire part): a board can't reach it."
    if zone.data_locked and not zone.config_locked:
        yield "Its data zone is locked and its config zone is not: no chip gets there, so the bytes are damaged."


def _key_problems(zone: ConfigZone) -> Iterator[str]:
    if device_key_slots(zone):
        return
    if not zone.config_locked:
        yield "No slot could make a key and sign with it: the chip would be useless as an identity, for good."
    elif not signing_slots(zone):
        yield "No slot signs: the chip can't be an identity, and its configuration is locked for good."


def _chip_problems(zone: ConfigZone) -> Iterator[str]:
    if not 0x08 <= zone.i2c_address <= 0x77:
        yield f"I2C address 0x{zone.i2c_address:02x} is reserved: the chip could never be reached again."
    if zone.use_lock & 0xF == USE_LOCKED:
        yield (
            f"UseLock is on (0x{zone.use_lock:02x}): the chip does nothing before it is unlocked with the secret "
            f"in slot {zone.use_lock >> 4}, and the firmware doesn't do that."
        )
    if zone.clock_divider not in CLOCK_DIVIDERS:
        yield f"ChipMode 0x{zone.chip_mode:02x} has a clock divider that no data sheet knows."


def _slot_problems(zone: ConfigZone) -> Iterator[str]:
    for number, slot in enumerate(zone.slots):
        if slot.private and not slot.is_private_key:
            yield f"Slot {number} is private but not a secret P-256 key: every command would refuse it."
        if slot.private and zone.slot_locked(number) and not zone.config_locked:
            yield f"Slot {number} would be locked before it holds a key: it could never get one."
        into_next = slot.is_private_key and slot.read_key & ECDH and slot.read_key & ECDH_INTO_NEXT
        if into_next and (number % 2 or zone.slots[number + 1].private):
            why = "is no even slot" if number % 2 else f"puts it over the private key's slot {number + 1}"
            yield f"Slot {number} stores ECDH secrets in the next slot, but {why}: ECDH would always fail."


def _broken_promises(zone: ConfigZone, labels: tuple[Label, ...]) -> Iterator[str]:
    """A role in the file that the rules don't keep."""
    for number, (slot, label) in enumerate(zip(zone.slots, labels, strict=True)):
        broken = _broken(slot, label.role)
        if broken:
            yield f"Slot {number} is called {label}, but {broken}."


def _broken(slot: Slot, role: str) -> str:
    if role in DEVICE_KEYS:
        return why_no_device_key(slot)
    readable = (not (slot.private or slot.is_secret or slot.encrypt_read), "it can't be read in the clear")
    hidden = (slot.is_secret and not slot.private, "anybody could read it")
    promises = {
        "factory key": (slot.can_sign, "it can't sign what it is given"),
        "certificate": readable,
        "public key": readable,
        "IO key": hidden,
        "write key": hidden,
        "secret": hidden,
        "ECDH key": (slot.is_private_key and bool(slot.read_key & ECDH), "it can't compute ECDH"),
        "AES key": (slot.key_type == KeyType.AES, "its type is another"),
    }
    kept, broken = promises.get(role, (True, ""))
    return "" if kept else broken


def why_no_signature(slot: Slot) -> str:
    """What keeps the firmware from signing with a key in that slot; nothing if it can."""
    reasons = (
        (not slot.is_private_key, "it holds no secret P-256 private key"),
        (not slot.can_sign, "it can't sign what it is given"),
        (slot.req_auth, f"each use must be authorised with slot {slot.auth_key} first"),
        (slot.persistent_disable, "it works only while the persistent latch is set"),
    )
    return next((reason for applies, reason in reasons if applies), "")


def why_no_device_key(slot: Slot) -> str:
    """What keeps a slot from being a device key's; nothing if it is good for that."""
    reasons = (
        (not slot.can_generate, "the chip can't make a key there once it is locked"),
        (not slot.pub_info, "its public key can't be asked for"),
    )
    return why_no_signature(slot) or next((reason for applies, reason in reasons if applies), "")


# What one should know


def _key_warnings(zone: ConfigZone) -> Iterator[str]:
    keys = device_key_slots(zone)
    if not keys and signing_slots(zone):
        yield "No slot can be given a key anew: certificates are renewed for the key that is there."
    if len(keys) == 1:
        yield (
            f"Only slot {keys[0]} can be a device key: certificates can't be renewed with a new key "
            "beside it."
        )
    for number in keys:
        slot = zone.slots[number]
        if not slot.pub_info:
            yield f"Slot {number}'s public key can't be asked for later: no new request for the key it has."
        if slot.write_config & PRIVWRITE:
            yield _import_warning(zone, number, slot.write_key)


def _import_warning(zone: ConfigZone, number: int, key: int) -> str:
    seal = zone.slots[key]
    if not seal.private and seal.write_config == 0:
        return (
            f"Anybody can replace the key in slot {number}: it takes keys sealed with slot {key}, "
            "and that one anybody may write."
        )
    return f"Slot {number} takes keys from outside, sealed with slot {key}: such a key is known elsewhere."


def _chip_warnings(zone: ConfigZone) -> Iterator[str]:
    yield from _habits(zone)
    yield from _mode_warnings(zone)
    if zone.use_lock and zone.use_lock & 0xF != USE_LOCKED:
        yield f"UseLock is 0x{zone.use_lock:02x}: that is off, as all is but 0xA in its lower half{_belongs(zone)}."
    if zone.volatile_key_permission & 0x80:
        yield "VolatileKeyPermission is on: keys can be switched off until the latch is set."
    if zone.secure_boot & 3:
        yield f"SecureBoot is on (0x{zone.secure_boot:04x})."
    if zone.count_match & 1:
        yield f"CountMatch is on, with slot {zone.count_match >> 4}: counters stop at the value stored there."
    if zone.chip_options & 1:
        yield "The chip tests itself at each power-up; if that fails, it refuses to work."
    if zone.chip_options & 2:
        yield from _io_key_warnings(zone)
    if any(zone.data[at] for at in (17, *range(75, 84))):
        yield "Reserved bytes (17, 75 to 83) are not zero: what they do is not public."


def _mode_warnings(zone: ConfigZone) -> Iterator[str]:
    """The I2C address and ChipMode."""
    if zone.i2c_address != BLANK_ADDRESS and 0x08 <= zone.i2c_address <= 0x77:
        since = "" if zone.config_locked else " from its next sleep on"
        yield f"The chip answers at I2C address 0x{zone.i2c_address:02x} instead of 0x60{since}."
    if zone.chip_mode & 1 and not zone.data[85]:
        yield "UserExtraAdd is the I2C address once it is written: UpdateExtra can move the chip, once."
    if zone.chip_mode & 2:
        yield "The TTL bit of ChipMode is set: input levels follow another reference than on a blank chip."
    if zone.clock_divider in CLOCK_DIVIDERS[1:]:
        yield "The chip's clock is divided: GenKey and Sign take two to six times as long."


def _belongs(zone: ConfigZone, verb: str = "belongs") -> str:
    """Advice is for whoever can follow it."""
    return "" if zone.config_locked else f", and {verb} to 0"


def _habits(zone: ConfigZone) -> Iterator[str]:
    """Bytes that meant something else on an ATECC508A."""
    if zone.count_match in (0x55, 0xAA):
        yield (
            f"Byte 18 is 0x{zone.count_match:02x}, OTPmode on an ATECC508A: on a 608 it is CountMatch"
            f"{_belongs(zone)}."
        )
    if zone.data[68:72] == b"\xff" * 4:
        yield (
            "Bytes 68 to 71 are FF, LastKeyUse on an ATECC508A: on a 608 they switch "
            f"VolatileKeyPermission and SecureBoot on{_belongs(zone, 'belong')}."
        )


def _io_key_warnings(zone: ConfigZone) -> Iterator[str]:
    number = zone.chip_options >> 12
    slot = zone.slots[number]
    if slot.private or not slot.is_secret:
        yield f"The IO protection key is in slot {number}, which is no secret: it protects nothing."


def _slot_warnings(zone: ConfigZone, labels: tuple[Label, ...]) -> Iterator[str]:
    for number, (slot, label) in enumerate(zip(zone.slots, labels, strict=True)):
        if slot.can_sign and (slot.req_auth or slot.persistent_disable):
            yield f"Slot {number} signs only under conditions; the firmware doesn't meet them."
        elif slot.can_sign and slot.limited_use:
            left = uses_left(zone, number)
            counted = "counter 0 shows no number" if left is None else f"at most {left} are left"
            yield (
                f"Slot {number} signs only under conditions: counter 0 counts its uses, each TLS connection takes one, "
                f"{counted}, and then its key is dead for good."
            )
        if not slot.private and slot.encrypt_read and not slot.is_secret:
            yield f"Slot {number} is read encrypted but not secret: the data sheet forbids that."
        if label.role == "certificate" and number < 8:
            yield f"Slot {number} has 36 bytes: no certificate fits, not even a compressed one (72)."
        if slot.key_type == KeyType.AES and any(zone.data[:16]) and not zone.data[13] & 1:
            yield f"Slot {number} is for an AES key, and this chip has AES switched off (byte 13)."
        if slot.key_type not in (4, 6, 7):
            yield f"Slot {number} has the reserved key type {slot.key_type}."
        if zone.slot_locked(number) and not slot.private and not zone.config_locked:
            yield f"Slot {number} would be locked from the beginning: what it holds now stays."
        yield from _seal_warnings(zone, number, slot)


def _seal_warnings(zone: ConfigZone, number: int, slot: Slot) -> Iterator[str]:
    """A seal is worth what its key's slot is worth."""
    if slot.private:
        return
    sealed = {slot.read_key} if slot.encrypt_read and slot.is_secret else set()
    for key in sorted(sealed | ({slot.write_key} if slot.write_config & 4 else set())):
        seal = zone.slots[key]
        if seal.private:
            yield f"Slot {number} is sealed with slot {key}, which is for a private key: that never works."
        elif not seal.is_secret:
            yield f"Slot {number} is sealed with slot {key}, which anybody can read: the seal is worth nothing."


def check_data_lock(zone: ConfigZone, holding: Collection[int]) -> Findings:
    """What locking the data zone means on this chip, of which the slots `holding` have a private key."""
    problems, warnings = [], []
    signers = signing_slots(zone)
    if not any(n in holding or n in device_key_slots(zone) for n in signers):
        problems.append("No slot could ever hold a key that signs: none is there, and none could be made.")
    for number, slot in enumerate(zone.slots):
        lost = slot.is_private_key and not slot.can_generate and not slot.write_config & PRIVWRITE
        if lost and number not in holding:
            warnings.append(f"Slot {number} holds no key, and after this lock it can never get one.")
    return Findings(problems, warnings)


def check_slot_lock(zone: ConfigZone, number: int, holds_key: bool) -> Findings:
    """What locking one slot means."""
    slot = zone.slots[number]
    if slot.private and not holds_key:
        return Findings([f"Slot {number} holds no key: locked, it could never get one."], [])
    others = [n for n in device_key_slots(zone) if n != number]
    if slot.is_device_key and len(others) < 2:
        left = f"only slot {others[0]} is" if others else "no slot is"
        return Findings([], [f"For renewing certificates with a new key, {left} left then."])
    return Findings([], [])

"""What a configuration means for the device's purpose: what would ruin it, and what is worth knowing."""

from __future__ import annotations

from dataclasses import dataclass

from atecc.chipconfig.zone import ConfigZone

CLOCK_DIVIDERS = (0x00, 0x05, 0x0D)


@dataclass(frozen=True)
class Findings:
    """`problems` forbid a lock; `warnings` are said before it."""

    problems: list[str]
    warnings: list[str]


def check(zone: ConfigZone) -> Findings:
    """Judge a configuration as if it were locked now."""
    return Findings(_problems(zone), _warnings(zone))


def device_key_slots(zone: ConfigZone) -> list[int]:
    """Slots where the chip can make an identity's key and sign with it."""
    return [n for n, slot in enumerate(zone.slots) if slot.is_device_key and not zone.slot_locked(n)]


def _problems(zone: ConfigZone) -> list[str]:
    problems = []
    if not device_key_slots(zone):
        problems.append(
            "No slot could make a key and sign with it: the chip would be useless as an identity, for good."
        )
    if not 0x08 <= zone.i2c_address <= 0x77:
        problems.append(
            f"I2C address 0x{zone.i2c_address:02x} is reserved: the chip could never be reached again."
        )
    if zone.clock_divider not in CLOCK_DIVIDERS:
        problems.append(f"ChipMode 0x{zone.chip_mode:02x} has a clock divider that no data sheet knows.")
    for number, slot in enumerate(zone.slots):
        if slot.private and not slot.is_private_key:
            problems.append(
                f"Slot {number} is private but not a secret P-256 key: every command would refuse it."
            )
    return problems


def _warnings(zone: ConfigZone) -> list[str]:
    warnings = []
    keys = device_key_slots(zone)
    if len(keys) == 1:
        warnings.append(
            f"Only slot {keys[0]} can be a device key: certificates can't be renewed with a new key "
            "beside it."
        )
    if zone.use_lock & 0xF:
        warnings.append(f"UseLock is 0x{zone.use_lock:02x}: the chip may need unlocking before each use.")
    if zone.volatile_key_permission & 0x80:
        warnings.append("VolatileKeyPermission is on: keys can be switched off until the latch is set.")
    if zone.secure_boot & 3:
        warnings.append(f"SecureBoot is on (0x{zone.secure_boot:04x}).")
    if zone.count_match & 1:
        warnings.append(
            f"CountMatch is on, with slot {zone.count_match >> 4}: counters stop at the value stored there."
        )
    if zone.chip_options & 1:
        warnings.append("The chip tests itself at each power-up; if that fails, it refuses to work.")
    for number, slot in enumerate(zone.slots):
        if slot.can_sign and (slot.limited_use or slot.req_auth or slot.persistent_disable):
            warnings.append(f"Slot {number} signs only under conditions; the firmware doesn't meet them.")
        if not slot.private and slot.encrypt_read and not slot.is_secret:
            warnings.append(f"Slot {number} is read encrypted but not secret: the data sheet forbids that.")
    return warnings

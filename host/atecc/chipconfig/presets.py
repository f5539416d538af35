"""The project's own configuration, compiled from slots with names; others stay as the factory has them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from atecc.chipconfig.slot import (
    ECDH,
    ECDH_INTO_NEXT,
    EXTERNAL_SIGN,
    GENKEY,
    INTERNAL_SIGN,
    KeyType,
    Slot,
)
from atecc.chipconfig.zone import ConfigZone
from atecc.errors import ArgumentError

# Bytes 16 to 127 of a blank ATECC608A or B, the same in dumps of revisions 6001, 6002 and 6003.
FACTORY = bytes.fromhex(
    "C0 00 00 00 83 20 87 20 8F 20 C4 8F 8F 8F 8F 8F 9F 8F AF 8F 00 00 00 00 00 00 00 00 00 00 00 00"
    "00 00 AF 8F FF FF FF FF 00 00 00 00 FF FF FF FF 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
    "00 00 00 00 00 00 55 55 FF FF 00 00 00 00 00 00 33 00 33 00 33 00 1C 00 1C 00 1C 00 1C 00 1C 00"
    "3C 00 3C 00 3C 00 3C 00 3C 00 3C 00 3C 00 1C 00"
)


@dataclass(frozen=True)
class Role:
    """What a slot is for, and the rules that make it so."""

    name: str
    slot: Slot


DEVICE_KEY = Slot(
    private=True,
    key_type=KeyType.P256,
    pub_info=True,
    lockable=True,
    is_secret=True,
    read_key=EXTERNAL_SIGN | INTERNAL_SIGN | ECDH,
    write_config=GENKEY,
)
ECDH_KEY = replace(DEVICE_KEY, read_key=DEVICE_KEY.read_key | ECDH_INTO_NEXT)
OPEN_DATA = Slot(key_type=KeyType.DATA, lockable=True)
# WriteKey F like Microchip's TLS parts; written by anybody, since certificates are public and signed.
CERTIFICATE = replace(OPEN_DATA, write_key=0xF)
PUBLIC_KEY = replace(CERTIFICATE, key_type=KeyType.P256)

TLS = {
    0: Role("device key", DEVICE_KEY),
    1: Role("spare device key", DEVICE_KEY),
    2: Role("ECDH key", ECDH_KEY),
    8: Role("certificate, 416 bytes", CERTIFICATE),
    9: Role("data", OPEN_DATA),
    10: Role("device certificate", CERTIFICATE),
    11: Role("signer's key", PUBLIC_KEY),
    12: Role("signer certificate", CERTIFICATE),
    13: Role("data", OPEN_DATA),
    14: Role("data", OPEN_DATA),
}

# Fields that are 0 in our configuration:
# CountMatch, ChipMode, UseLock, VolatileKeyPermission, SecureBoot, ChipOptions.
_ZEROED = ((18, 1), (19, 1), (68, 1), (69, 1), (70, 2), (90, 2))

PRESETS = {"tls": TLS}


def compile_preset(name: str, chip: ConfigZone) -> ConfigZone:
    """The preset as that chip would hold it."""
    if name not in PRESETS:
        raise ArgumentError(f"There is no preset {name!r}.", f"There is: {', '.join(PRESETS)}.")
    zone = ConfigZone(bytes(16) + FACTORY).with_fixed_bytes_of(chip)
    slots = list(zone.slots)
    for number, role in PRESETS[name].items():
        slots[number] = role.slot
    zone = zone.with_slots(tuple(slots))
    for offset, size in _ZEROED:
        zone = zone.patched(offset, bytes(size))
    return zone


def role_names(zone: ConfigZone) -> list[str]:
    """What each slot is for: by the names of our preset if it is ours, else by what its rules make of it."""
    ours = all(zone.slots[number] == role.slot for number, role in TLS.items())
    return [TLS[n].name if ours and n in TLS else _guess(slot) for n, slot in enumerate(zone.slots)]


def _guess(slot: Slot) -> str:
    if slot.private:
        return "device key" if slot.is_device_key else "private key"
    kinds = {KeyType.P256: "public key", KeyType.AES: "AES key"}
    return kinds.get(KeyType(slot.key_type), "") if slot.key_type in (4, 6) else _data(slot)


def _data(slot: Slot) -> str:
    return "secret" if slot.is_secret else "data"

"""Keys in slots: where their bytes lie, and how they get there (DS508 §4.1.1)."""

import hashlib

from simchip import ecc
from simchip.config import SLOTS
from simchip.core import Core
from simchip.rules import keys, locks
from simchip.status import ChipError

PAD = 4
FIELD = 32
NO_KEY = b"\xff" * PAD
TEMP_KEY = 0xFFFF  # the key id that means TempKey


def slot_number(core: Core, value: int) -> int:
    """A parameter that must name a slot."""
    if value >= SLOTS:
        raise ChipError(core.quirks.bad_address, f"slot {value}")
    return value


def has_private_key(core: Core, slot: int) -> bool:
    content = core.image.slots[slot]
    header, scalar = content[:PAD], content[PAD : PAD + FIELD]
    return core.config.key(slot).private_p256 and not any(header) and ecc.is_scalar(bytes(scalar))


def private_key(core: Core, slot: int) -> bytes:
    """The key of a private slot, or a refusal."""
    locks.config_must_be_locked(core)
    keys.slot_must_hold_private_key(core, slot)
    keys.key_must_be_valid(has_private_key(core, slot))
    return bytes(core.image.slots[slot][PAD : PAD + FIELD])


def store_private_key(core: Core, slot: int, scalar: bytes) -> None:
    """The header goes last: a power cut leaves no key rather than half of one."""
    area = core.image.slots[slot]
    core.eeprom.write(area, 0, NO_KEY)
    core.eeprom.write(area, PAD, scalar)
    core.eeprom.write(area, 0, bytes(PAD))


def public_key(core: Core, slot: int) -> bytes:
    """X||Y of a public key slot, which stores them with four bytes before each."""
    locks.config_must_be_locked(core)
    keys.slot_must_hold_public_key(core, slot)
    content = bytes(core.image.slots[slot])
    return content[PAD : PAD + FIELD] + content[2 * PAD + FIELD : 2 * (PAD + FIELD)]


def whole_symmetric_key(core: Core, slot: int) -> bytes:
    """All bytes of a slot that keeps a secret, no private key."""
    locks.config_must_be_locked(core)
    keys.slot_must_not_be_private(core, slot)
    return bytes(core.image.slots[slot])


def symmetric_key(core: Core, slot: int) -> bytes:
    """Most commands take the first 32 bytes."""
    return whole_symmetric_key(core, slot)[:FIELD]


def transport_mac(core: Core, header: bytes, plain: bytes) -> bytes:
    """The MAC that goes with an encrypted value: of Write and of PrivWrite."""
    key = core.sram.temp_key.digest
    padding = bytes(57 - len(plain))
    message = key + header + core.serial_frame + padding + plain
    return hashlib.sha256(message).digest()


def xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))

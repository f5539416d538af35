"""Sign (0x41): messages from outside, and the chip's own states (DS508 §9.18)."""

import hashlib

from simchip import ecc
from simchip.commands.table import command
from simchip.config import KEY_CONFIG, SLOT_CONFIG
from simchip.core import Core
from simchip.packet import Packet
from simchip.rules import keys, locks, parameters, use, volatile
from simchip.slots import private_key, slot_number

INVALIDATE, FROM_MSG_DIG, SERIAL, EXTERNAL = 0x01, 0x20, 0x40, 0x80
EXTERNAL_MODES = (0x80, 0xA0, 0xC0, 0xE0)
INTERNAL_MODES = (0x00, 0x01, 0x40, 0x41)
DIGEST = 32


@command("Sign", 0x41, (115, 220, 665), typical=42)
def sign(core: Core, packet: Packet) -> bytes:
    parameters.mode_must_be_known(packet, EXTERNAL_MODES + INTERNAL_MODES)
    parameters.data_length_must_fit(packet, 0)
    slot = slot_number(core, packet.param2)
    key = private_key(core, slot)
    if packet.mode & EXTERNAL:
        keys.external_sign_needs_its_bit(core, slot)
        digest = external_message(core, packet.mode)
    else:
        locks.data_must_be_locked(core)
        keys.internal_sign_needs_its_bit(core, slot)
        digest = _internal_message(core, packet)
    use.use(core, slot)
    return ecc.sign(key, digest, core.rng)


def external_message(core: Core, mode: int) -> bytes:
    """The digest that lies in the buffer which mode bit 5 names."""
    if mode & FROM_MSG_DIG:
        volatile.message_buffer_must_be_loaded(core.sram, DIGEST)
        return core.sram.msg_dig[:DIGEST]
    volatile.temp_key_must_be_valid(core.sram)
    return core.sram.temp_key.digest


def _internal_message(core: Core, packet: Packet) -> bytes:
    temp_key, config = core.sram.temp_key, core.config
    volatile.temp_key_must_be_valid(core.sram)
    keys.internal_sign_needs_gendig_or_genkey(core)
    slot, serial = temp_key.key_id, config.serial
    full = bool(packet.mode & SERIAL)
    validated = keys.is_validated(core, slot)
    message = (
        temp_key.digest
        + packet.header
        + config.raw[SLOT_CONFIG + 2 * slot :][:2]
        + config.raw[KEY_CONFIG + 2 * slot :][:2]
        + bytes([temp_key.flags, 0, 0])
        + serial[8:9]
        + (serial[4:8] if full else bytes(4))
        + serial[0:2]
        + (serial[2:4] if full else bytes(2))
        + bytes([not config.slot_locked(slot), validated, 0])
    )
    return hashlib.sha256(message).digest()

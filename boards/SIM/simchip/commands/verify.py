"""Verify (0x45): external and stored keys, validation, and an answer with a MAC (DS508 §9.20; 608 MAC).

Mode 1 (ValidateExternal) is refused as unknown: the public documents say neither which digest it accepts nor what
the configuration's X509format bytes demand of it.
"""

import hashlib

from simchip import ecc
from simchip.commands.sign import FROM_MSG_DIG, external_message
from simchip.commands.table import command
from simchip.config import KEY_P256
from simchip.core import Core
from simchip.outputs import io_protection_key
from simchip.packet import Packet
from simchip.rules import keys, locks, parameters, use, volatile
from simchip.slots import public_key, slot_number
from simchip.status import MISCOMPARE, SUCCESS, ExecutionError

STORED, VALIDATE_EXTERNAL, EXTERNAL, VALIDATE, INVALIDATE = 0, 1, 2, 3, 7
WITH_MAC = 0x80
MODES = [kind | flags for kind in (STORED, EXTERNAL) for flags in (0, 0x20, 0x80, 0xA0)]
VALIDATION_MODES = [VALIDATE, INVALIDATE]
SIGNATURE, POINT, OTHER_DATA = 64, 64, 19


@command("Verify", 0x45, (105, 295, 1085), typical=38)
def verify(core: Core, packet: Packet) -> bytes:
    parameters.mode_must_be_known(packet, MODES + VALIDATION_MODES)
    if packet.mode in VALIDATION_MODES:
        return _validate(core, packet)
    if packet.mode & 0x0F == EXTERNAL:
        return _external(core, packet)
    return _stored(core, packet)


def _check(point: bytes, digest: bytes, signature: bytes) -> bool:
    try:
        return ecc.verify(point, digest, signature)
    except ecc.NotOnCurve:
        raise ExecutionError("the public key is not on the curve") from None


def _external(core: Core, packet: Packet) -> bytes:
    parameters.data_length_must_fit(packet, SIGNATURE + POINT)
    parameters.param2_must_be_known(packet, (KEY_P256,))
    signature, point = packet.data[:SIGNATURE], packet.data[SIGNATURE:]
    digest = external_message(core, packet.mode)
    return _answer(core, packet, digest, _check(point, digest, signature))


def _stored(core: Core, packet: Packet) -> bytes:
    parameters.data_length_must_fit(packet, SIGNATURE)
    slot = slot_number(core, packet.param2)
    point = public_key(core, slot)
    keys.public_key_must_be_validated(core, slot)
    digest = external_message(core, packet.mode)
    keys.stored_verify_needs_temp_key_if_random(core, slot, bool(packet.mode & FROM_MSG_DIG))
    use.random_nonce_if_required(core, slot)
    use.use(core, slot)
    matched = _check(point, digest, packet.data)
    if matched:
        core.sram.auth_key = slot
    return _answer(core, packet, digest, matched)


def _answer(core: Core, packet: Packet, digest: bytes, matched: bool) -> bytes:
    if not matched:
        return MISCOMPARE
    if not packet.mode & WITH_MAC:
        return SUCCESS
    io_key = io_protection_key(core)
    start = 32 if packet.mode & FROM_MSG_DIG else 0
    volatile.message_buffer_must_be_loaded(core.sram, start + 32)
    nonce = core.sram.msg_dig[start : start + 32]
    message = io_key + digest + nonce + packet.data[:SIGNATURE] + packet.header
    return hashlib.sha256(message).digest()


def _validate(core: Core, packet: Packet) -> bytes:
    """The parent key signs that this public key is good, or no longer so."""
    parameters.data_length_must_fit(packet, SIGNATURE + OTHER_DATA)
    slot = slot_number(core, packet.param2)
    locks.config_must_be_locked(core)
    keys.slot_must_be_validatable(core, slot)
    parent = core.config.slot(slot).read_key
    point = public_key(core, parent)
    volatile.temp_key_must_be_valid(core.sram)
    keys.validation_needs_the_keys_digest(core, slot)
    signature, other = packet.data[:SIGNATURE], packet.data[SIGNATURE:]
    keys.validation_must_say_which(other[17] & 1, packet.mode == INVALIDATE)
    use.use(core, parent)
    if not _check(point, _validation_digest(core, other), signature):
        return MISCOMPARE
    mark = keys.INVALIDATED if packet.mode == INVALIDATE else keys.VALIDATED
    area = core.image.slots[slot]
    core.eeprom.write(area, 0, bytes([area[0] & 0x0F | mark << 4]))
    return SUCCESS


def _validation_digest(core: Core, other: bytes) -> bytes:
    serial = core.config.serial
    message = core.sram.temp_key.digest + b"\x41" + other[:10] + serial[8:9] + other[10:14] + serial[0:2]
    return hashlib.sha256(message + other[14:]).digest()

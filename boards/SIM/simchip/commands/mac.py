"""MAC (0x08), CheckMac (0x28) and DeriveKey (0x1C): keyed digests (DS508 §9.11, §9.1, §9.4)."""

import hashlib

from simchip.commands.table import command
from simchip.core import Core
from simchip.packet import Packet
from simchip.rules import keys, locks, parameters, use, volatile
from simchip.slots import slot_number, symmetric_key
from simchip.sram import INPUT
from simchip.status import MISCOMPARE, SUCCESS

BLOCK2_TEMP_KEY, BLOCK1_TEMP_KEY, SOURCE, OTP88, OTP64, SERIAL = 0x01, 0x02, 0x04, 0x10, 0x20, 0x40
MAC_MODES = [low | high << 4 for low in range(8) for high in range(8)]
CHECK_MODES = [low | otp for low in range(8) for otp in (0, OTP64)]
COPY_MODES = (BLOCK2_TEMP_KEY, BLOCK2_TEMP_KEY | SOURCE)
DIGEST = 32
CREATE, WRITABLE, NEEDS_MAC = 1, 2, 8  # WriteConfig bits of DeriveKey


def _otp(core: Core, mode: int) -> bytes:
    if mode & OTP88:
        return bytes(core.image.otp[:11])
    return (bytes(core.image.otp[:8]) if mode & OTP64 else b"").ljust(11, b"\0")


def _first_block(core: Core, mode: int, slot: int) -> bytes:
    """The key, from TempKey or from the slot."""
    if mode & BLOCK1_TEMP_KEY:
        locks.config_must_be_locked(core)
        return core.sram.temp_key.digest
    key = symmetric_key(core, slot)
    use.random_nonce_if_required(core, slot)
    return key


def _check_temp_key(core: Core, mode: int) -> None:
    if mode & (BLOCK1_TEMP_KEY | BLOCK2_TEMP_KEY):
        volatile.temp_key_must_be_valid(core.sram)
        volatile.source_flag_must_be_as_said(core.sram, bool(mode & SOURCE))


@command("MAC", 0x08, (55, 55, 55), typical=5)
def mac(core: Core, packet: Packet) -> bytes:
    mode = packet.mode
    parameters.mode_must_be_known(packet, MAC_MODES)
    parameters.data_length_must_fit(packet, 0 if mode & BLOCK2_TEMP_KEY else DIGEST)
    slot = slot_number(core, packet.param2)
    _check_temp_key(core, mode)
    first = _first_block(core, mode, slot)
    second = core.sram.temp_key.digest if mode & BLOCK2_TEMP_KEY else packet.data
    if not mode & BLOCK1_TEMP_KEY:
        keys.key_must_allow_mac(core, slot)
        use.use(core, slot)
    serial, full = core.config.serial, bool(mode & SERIAL)
    message = first + second + packet.header + _otp(core, mode) + serial[8:9]
    message += (serial[4:8] if full else bytes(4)) + serial[0:2] + (serial[2:4] if full else bytes(2))
    return hashlib.sha256(message).digest()


@command("CheckMac", 0x28, (40, 40, 40), typical=5)
def check_mac(core: Core, packet: Packet) -> bytes:
    mode = packet.mode
    parameters.mode_must_be_known(packet, CHECK_MODES)
    parameters.data_length_must_fit(packet, 2 * DIGEST + 13)
    slot = slot_number(core, packet.param2)
    challenge, response, other = (
        packet.data[:DIGEST],
        packet.data[DIGEST : 2 * DIGEST],
        packet.data[2 * DIGEST :],
    )
    _check_temp_key(core, mode)
    first = _first_block(core, mode, slot)
    second = core.sram.temp_key.digest if mode & BLOCK2_TEMP_KEY else challenge
    from_slot = not mode & BLOCK1_TEMP_KEY
    if from_slot:
        use.use(core, slot)
    serial = core.config.serial
    message = first + second + other[:4] + _otp(core, mode)[:8] + other[4:7] + serial[8:9]
    message += other[7:11] + serial[0:2] + other[11:13]
    if hashlib.sha256(message).digest() != response:
        return MISCOMPARE
    if from_slot:
        core.sram.auth_key = slot
        _copy(core, mode, slot)
    return SUCCESS


def _copy(core: Core, mode: int, slot: int) -> None:
    """A matching response hands out the neighbour slot's secret, into TempKey, if its ReadKey is 0."""
    target = slot | 1
    allowed = core.config.slot(target).read_key == 0 and not core.config.key(target).private
    if mode in COPY_MODES and allowed:
        core.sram.temp_key.load(bytes(core.image.slots[target][:DIGEST]), INPUT)


@command("DeriveKey", 0x1C, (50, 50, 50), typical=2)
def derive_key(core: Core, packet: Packet) -> bytes:
    parameters.mode_must_be_known(packet, (0, SOURCE))
    parameters.data_length_must_fit(packet, 0, DIGEST)
    slot = slot_number(core, packet.param2)
    locks.config_must_be_locked(core)
    keys.slot_must_not_be_private(core, slot)
    keys.derive_key_needs_write_config(core, slot)
    locks.slot_must_not_be_locked(core, slot)
    volatile.temp_key_must_be_valid(core.sram)
    volatile.source_flag_must_be_as_said(core.sram, bool(packet.mode))
    use.random_nonce_if_required(core, slot)
    config = core.config.slot(slot)
    parent = config.write_key if config.write_config & CREATE else slot
    source = symmetric_key(core, parent)
    if config.write_config & NEEDS_MAC:
        expected = source + packet.header + core.serial_frame
        keys.derive_mac_must_match(packet.data, hashlib.sha256(expected).digest())
    use.use(core, parent)
    message = source + packet.header + core.serial_frame + bytes(25) + core.sram.temp_key.digest
    core.eeprom.write(core.image.slots[slot], 0, hashlib.sha256(message).digest())
    return SUCCESS

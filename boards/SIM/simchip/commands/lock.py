"""Lock (0x17) and UpdateExtra (0x20): what cannot be undone (DS508 §9.10, §9.19)."""

from simchip.commands.table import command
from simchip.config import LOCK_CONFIG, LOCK_DATA, LOCKED, SLOT_LOCKED, SLOTS, USER_EXTRA
from simchip.core import Core
from simchip.packet import Packet, crc16
from simchip.rules import locks, parameters, use
from simchip.rules.switch import rule
from simchip.slots import slot_number
from simchip.status import SUCCESS, ExecutionError

CONFIG, DATA, SLOT = range(3)
NO_SUMMARY = 0x80
SLOT_MODES = [SLOT | slot << 2 for slot in range(SLOTS)]
MODES = [zone | flag for zone in (CONFIG, DATA, *SLOT_MODES) for flag in (0, NO_SUMMARY)]
DECREMENT_USE = 2


@command("Lock", 0x17, (35, 35, 35), typical=8)
def lock(core: Core, packet: Packet) -> bytes:
    parameters.mode_must_be_known(packet, MODES)
    parameters.data_length_must_fit(packet, 0)
    target = packet.mode & 3
    if target == SLOT:
        _lock_slot(core, packet.mode >> 2 & 0xF)
    elif target == CONFIG:
        locks.config_locks_once(core)
        _check_summary(packet, bytes(core.image.config))
        core.eeprom.write(core.image.config, LOCK_CONFIG, bytes([LOCKED]))
    else:
        locks.data_locks_after_config(core)
        locks.data_locks_once(core)
        _check_summary(packet, _data_zone(core))
        core.eeprom.write(core.image.config, LOCK_DATA, bytes([LOCKED]))
    return SUCCESS


def _check_summary(packet: Packet, content: bytes) -> None:
    if not packet.mode & NO_SUMMARY:
        locks.summary_must_match(packet.param2_bytes, crc16(content))


def _data_zone(core: Core) -> bytes:
    """Every slot that holds no private key, in order, then OTP."""
    public = (area for slot, area in enumerate(core.image.slots) if not core.config.key(slot).private)
    return b"".join(public) + core.image.otp


def _lock_slot(core: Core, slot: int) -> None:
    locks.slot_locks_after_config(core)
    locks.slot_must_be_lockable(core, slot)
    locks.slot_locks_once(core, slot)
    bits = core.config.word(SLOT_LOCKED) & ~(1 << slot)
    core.eeprom.write(core.image.config, SLOT_LOCKED, bits.to_bytes(2, "little"))


@rule
def extra_bytes_are_written_once(present: int) -> None:
    """UserExtra and UserExtraAdd can be written while they are zero."""
    if present:
        raise ExecutionError("the byte has been written")


@command("UpdateExtra", 0x20, (10, 10, 10), typical=8)
def update_extra(core: Core, packet: Packet) -> bytes:
    parameters.mode_must_be_known(packet, (0, 1, DECREMENT_USE))
    parameters.data_length_must_fit(packet, 0)
    if packet.mode == DECREMENT_USE:
        _decrement_use(core, slot_number(core, packet.param2))
        return SUCCESS
    parameters.param2_must_be_known(packet, range(0x100))
    offset = USER_EXTRA + packet.mode
    extra_bytes_are_written_once(core.image.config[offset])
    core.eeprom.write(core.image.config, offset, bytes([packet.param2]))
    return SUCCESS


@rule
def only_limited_keys_are_decremented(core: Core, slot: int) -> None:
    """There are no uses to take away from a key without a limit."""
    if not core.config.slot(slot).limited_use:
        raise ExecutionError("the slot's use is not limited")


def _decrement_use(core: Core, slot: int) -> None:
    only_limited_keys_are_decremented(core, slot)
    use.limited_use_is_counted(core, slot)

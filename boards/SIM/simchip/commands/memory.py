"""Read (0x02) and Write (0x12) of the three zones (DS508 §9.14, §9.21)."""

from simchip.addresses import BLOCK, Place, locate
from simchip.commands.table import command
from simchip.config import NEVER_WRITABLE
from simchip.core import Core
from simchip.packet import Packet
from simchip.rules import locks, memory, parameters, volatile
from simchip.slots import transport_mac, xor
from simchip.status import SUCCESS

CONFIG, OTP, DATA = range(3)
LONG, ENCRYPTED = 0x80, 0x40
MAC = 32


def _modes(*flags: int) -> list[int]:
    return [zone | flag for zone in (CONFIG, OTP, DATA) for flag in flags]


@command("Read", 0x02, (5, 5, 5), typical=0.1)
def read(core: Core, packet: Packet) -> bytes:
    parameters.mode_must_be_known(packet, _modes(0, LONG))
    parameters.data_length_must_fit(packet, 0)
    place = locate(core, packet)
    if packet.mode & 3 != CONFIG:
        locks.data_must_be_locked(core)
    if packet.mode & 3 == DATA:
        return _read_slot(core, place)
    return _in_clear(core, place)


def _in_clear(core: Core, place: Place) -> bytes:
    """Between Nonce and GenDig drivers read the configuration, and go on."""
    core.sram.temp_key.keep()
    return place.content()


def _read_slot(core: Core, place: Place) -> bytes:
    slot = place.slot
    memory.private_slot_is_never_read(core, slot)
    config = core.config.slot(slot)
    memory.secret_is_not_read_in_clear(config)
    memory.forbidden_read_code_reads_nothing(config)
    if not config.encrypt_read:
        return _in_clear(core, place)
    memory.encrypted_access_is_32_bytes(place.size)
    volatile.temp_key_must_be_valid(core.sram)
    memory.temp_key_must_come_from_gendig(core.sram.temp_key, config.read_key)
    memory.encrypted_read_needs_random_nonce(core.sram.temp_key)
    return xor(place.content(), core.sram.temp_key.digest)


@command("Write", 0x12, (45, 45, 45), typical=7)
def write(core: Core, packet: Packet) -> bytes:
    parameters.mode_must_be_known(packet, _modes(0, LONG, ENCRYPTED | LONG, ENCRYPTED))
    place = locate(core, packet)
    encrypted = bool(packet.mode & ENCRYPTED)
    parameters.data_length_must_fit(packet, place.size + (MAC if encrypted else 0))
    {CONFIG: _write_config, OTP: _write_otp, DATA: _write_slot}[packet.mode & 3](core, packet, place)
    return SUCCESS


def _write_config(core: Core, packet: Packet, place: Place) -> None:
    memory.only_slots_are_written_encrypted(bool(packet.mode & ENCRYPTED))
    if NEVER_WRITABLE & set(range(place.offset, place.offset + place.size)):
        memory.fixed_config_bytes_are_refused(core.quirks)
    locks.locked_config_is_final(core)
    core.eeprom.write(place.area, place.offset, packet.data)


def _write_otp(core: Core, packet: Packet, place: Place) -> None:
    memory.only_slots_are_written_encrypted(bool(packet.mode & ENCRYPTED))
    locks.config_must_be_locked(core)
    locks.locked_otp_is_final(core)
    memory.otp_is_written_by_32_bytes(place.size)
    core.eeprom.write(place.area, place.offset, packet.data)


def _write_slot(core: Core, packet: Packet, place: Place) -> None:
    slot, encrypted = place.slot, bool(packet.mode & ENCRYPTED)
    locks.config_must_be_locked(core)
    memory.private_slot_is_never_written(core, slot)
    locks.slot_must_not_be_locked(core, slot)
    if core.config.data_locked:
        _obey_write_config(core, place, encrypted)
    else:
        memory.open_data_zone_is_written_by_32_bytes(place.size)
    data = _decrypted(core, packet, place) if encrypted else packet.data
    core.eeprom.write(place.area, place.offset, data[: len(place.area) - place.offset])
    memory.writing_invalidates_a_public_key(core, slot)


def _obey_write_config(core: Core, place: Place, encrypted: bool) -> None:
    config = core.config.slot(place.slot)
    memory.never_means_never(config)
    memory.encrypt_means_encrypted(config, encrypted)
    memory.clear_means_clear(config, encrypted)
    memory.validated_key_is_not_overwritten(core, place.slot)
    memory.secret_is_written_by_32_bytes(config, place.size)
    if encrypted:
        volatile.temp_key_must_be_valid(core.sram)
        memory.temp_key_must_come_from_gendig(core.sram.temp_key, config.write_key)


def _decrypted(core: Core, packet: Packet, place: Place) -> bytes:
    volatile.temp_key_must_be_valid(core.sram)
    memory.encrypted_access_is_32_bytes(place.size)
    plain = xor(packet.data[:BLOCK], core.sram.temp_key.digest)
    memory.mac_must_match(packet.data[BLOCK:], transport_mac(core, packet.header, plain))
    return plain

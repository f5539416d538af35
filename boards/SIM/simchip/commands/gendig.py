"""GenDig (0x15): mix a stored value into TempKey (DS508 §9.6; zones 4, 5: Microchip's host library)."""

import hashlib
from collections.abc import Callable

from simchip import counters
from simchip.commands.table import TempKeyLife, command
from simchip.config import KEY_CONFIG, SLOT_CONFIG
from simchip.core import Core
from simchip.packet import Packet
from simchip.rules import keys, locks, parameters, use, volatile
from simchip.slots import slot_number, symmetric_key
from simchip.status import SUCCESS, ChipError

CONFIG, OTP, DATA, NONCE, COUNTER, KEY_CONFIGURATION = range(6)
BLOCK = 32
SWAPPED = 0x8000
OTHER_DATA = 4


@command("GenDig", 0x15, (25, 35, 35), TempKeyLife.LOST_ON_ERROR, typical=5)
def gen_dig(core: Core, packet: Packet) -> bytes:
    parameters.mode_must_be_known(packet, ZONES)
    message = ZONES[packet.mode](core, packet)
    temp_key = core.sram.temp_key
    temp_key.extend(hashlib.sha256(message).digest())
    temp_key.gen_key_data = False
    temp_key.gen_dig_data = packet.mode == DATA
    temp_key.key_id = packet.param2 & 0xF if temp_key.gen_dig_data else 0
    return SUCCESS


def _temp_key(core: Core) -> bytes:
    locks.config_must_be_locked(core)
    volatile.temp_key_must_be_valid(core.sram)
    return core.sram.temp_key.digest


def _block(core: Core, packet: Packet, area: bytearray) -> bytes:
    parameters.data_length_must_fit(packet, 0)
    start = packet.param2 * BLOCK
    if start >= len(area):
        raise ChipError(core.quirks.bad_address, f"block {packet.param2}")
    return bytes(area[start : start + BLOCK]) + packet.header + core.serial_frame + bytes(25)


def _config(core: Core, packet: Packet) -> bytes:
    return _block(core, packet, core.image.config) + _temp_key(core)


def _otp(core: Core, packet: Packet) -> bytes:
    message = _block(core, packet, core.image.otp) + _temp_key(core)
    locks.data_must_be_locked(core)
    return message


def _data(core: Core, packet: Packet) -> bytes:
    """Four bytes from outside stand in for the parameters of a NoMac key; other keys ignore them."""
    parameters.data_length_must_fit(packet, 0, OTHER_DATA)
    temp_key = _temp_key(core)
    keys.transport_keys_are_unknown(packet.param2)
    slot = slot_number(core, packet.param2)
    value, header = symmetric_key(core, slot), packet.header
    if core.config.slot(slot).no_mac:
        keys.no_mac_key_needs_other_data(len(packet.data))
        header, core.sram.temp_key.no_mac = packet.data.ljust(OTHER_DATA, b"\0"), True
    if core.config.data_locked:
        use.random_nonce_if_required(core, slot)
    use.use(core, slot)
    return value + header + core.serial_frame + bytes(25) + temp_key


def _nonce(core: Core, packet: Packet) -> bytes:
    """Two chips that share a nonce; bit 15 says who comes first."""
    parameters.data_length_must_fit(packet, BLOCK)
    first, last = packet.data, _temp_key(core)
    if packet.param2 & SWAPPED:
        first, last = last, first
    header = packet.header[:3] + b"\0"
    return first + header + core.serial_frame + bytes(25) + last


def _counter(core: Core, packet: Packet) -> bytes:
    parameters.data_length_must_fit(packet, 0)
    parameters.param2_must_be_known(packet, (0, 1))
    count = counters.value(core, packet.param2).to_bytes(4, "little")
    return bytes(BLOCK) + packet.header + core.serial_frame + b"\0" + count + bytes(20) + _temp_key(core)


def _key_configuration(core: Core, packet: Packet) -> bytes:
    parameters.data_length_must_fit(packet, 0)
    slot = slot_number(core, packet.param2)
    raw = bytes(core.image.config)
    description = raw[SLOT_CONFIG + 2 * slot :][:2] + raw[KEY_CONFIG + 2 * slot :][:2]
    description += bytes([not core.config.slot_locked(slot)])
    return (
        bytes(BLOCK) + packet.header + core.serial_frame + b"\0" + description + bytes(19) + _temp_key(core)
    )


ZONES: dict[int, Callable[[Core, Packet], bytes]] = {
    CONFIG: _config,
    OTP: _otp,
    DATA: _data,
    NONCE: _nonce,
    COUNTER: _counter,
    KEY_CONFIGURATION: _key_configuration,
}

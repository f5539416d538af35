"""PrivWrite (0x46): a private key from outside (DS508 §9.13)."""

import hashlib

from simchip import ecc
from simchip.commands.table import command
from simchip.core import Core
from simchip.packet import Packet
from simchip.rules import keys, locks, memory, parameters, volatile
from simchip.slots import PAD, slot_number, store_private_key, transport_mac, xor
from simchip.status import SUCCESS, ChipError

CLEAR, ENCRYPTED = 0x00, 0x40
VALUE, MAC = 36, 32


@command("PrivWrite", 0x46, (50, 50, 50), typical=0.8)
def priv_write(core: Core, packet: Packet) -> bytes:
    parameters.mode_must_be_known(packet, (CLEAR, ENCRYPTED))
    parameters.data_length_must_fit(packet, VALUE + MAC)
    slot = slot_number(core, packet.param2)
    locks.config_must_be_locked(core)
    keys.slot_must_hold_private_key(core, slot)
    locks.slot_must_not_be_locked(core, slot)
    if core.config.data_locked:
        keys.locked_private_key_is_written_encrypted(bool(packet.mode & ENCRYPTED))
        keys.priv_write_needs_write_config(core, slot)
        volatile.temp_key_must_be_valid(core.sram)
        memory.temp_key_must_come_from_gendig(core.sram.temp_key, core.config.slot(slot).write_key)
    value = _decrypted(core, packet) if packet.mode & ENCRYPTED else packet.data[:VALUE]
    if any(value[:PAD]) or not ecc.is_scalar(value[PAD:]):
        raise ChipError(core.quirks.bad_scalar, "no private key of P-256")
    store_private_key(core, slot, value[PAD:])
    return SUCCESS


def _decrypted(core: Core, packet: Packet) -> bytes:
    """The key stream is TempKey, and its digest for what TempKey is too short for."""
    volatile.temp_key_must_be_valid(core.sram)
    stream = core.sram.temp_key.digest
    stream += hashlib.sha256(stream).digest()[:PAD]
    value = xor(packet.data[:VALUE], stream)
    memory.mac_must_match(packet.data[VALUE:], transport_mac(core, packet.header, value))
    return value

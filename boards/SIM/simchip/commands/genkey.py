"""GenKey (0x40): private keys, their public keys, and digests of these (DS508 §9.7)."""

import hashlib

from simchip import ecc
from simchip.commands.table import TempKeyLife, command
from simchip.core import Core
from simchip.packet import Packet
from simchip.rules import keys, locks, parameters, use, volatile
from simchip.slots import TEMP_KEY, private_key, public_key, slot_number, store_private_key
from simchip.status import SUCCESS

CREATE, DIGEST, PUBLIC_DIGEST, MAC_FLAG = 0x04, 0x08, 0x10, 0x20
OTHER_DATA = 3
MODES = (0x00, CREATE, DIGEST, CREATE | DIGEST, PUBLIC_DIGEST)


@command("GenKey", 0x40, (115, 215, 653), TempKeyLife.LOST_ON_ERROR, typical=11)
def gen_key(core: Core, packet: Packet) -> bytes:
    flags = (0, MAC_FLAG) if core.quirks.genkey_mac_flag else (0,)
    parameters.mode_must_be_known(packet, [mode | flag for mode in MODES for flag in flags])
    mode = packet.mode & ~MAC_FLAG
    parameters.data_length_must_fit(packet, OTHER_DATA if mode == PUBLIC_DIGEST else 0)
    if mode == CREATE and packet.param2 == TEMP_KEY:
        return _ephemeral(core)
    slot = slot_number(core, packet.param2)
    locks.config_must_be_locked(core)
    if mode & (DIGEST | PUBLIC_DIGEST):
        volatile.temp_key_must_be_valid(core.sram)
        use.random_nonce_if_required(core, slot)
    if mode == PUBLIC_DIGEST:
        _digest(core, slot, bytes([packet.opcode]) + packet.data, public_key(core, slot))
        return SUCCESS
    point = _create(core, slot) if mode & CREATE else _recompute(core, slot)
    if mode & DIGEST:
        _digest(core, slot, packet.header, point)
    return point


def _ephemeral(core: Core) -> bytes:
    locks.config_must_be_locked(core)
    scalar = ecc.generate(core.rng)
    core.sram.temp_key.hold_private_key(scalar)
    return ecc.public_key(scalar)


def _create(core: Core, slot: int) -> bytes:
    keys.slot_must_hold_private_key(core, slot)
    locks.slot_must_not_be_locked(core, slot)
    keys.genkey_needs_write_config(core, slot)
    use.permit(core, slot)
    scalar = ecc.generate(core.rng)
    store_private_key(core, slot, scalar)
    return ecc.public_key(scalar)


def _recompute(core: Core, slot: int) -> bytes:
    scalar = private_key(core, slot)
    keys.public_key_needs_pub_info(core, slot)
    use.permit(core, slot)
    return ecc.public_key(scalar)


def _digest(core: Core, slot: int, header: bytes, point: bytes) -> None:
    temp_key = core.sram.temp_key
    message = temp_key.digest + header + core.serial_frame + bytes(25) + point
    temp_key.extend(hashlib.sha256(message).digest())
    temp_key.gen_key_data, temp_key.gen_dig_data, temp_key.key_id = True, False, slot

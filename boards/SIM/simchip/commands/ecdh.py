"""ECDH (0x43): a shared secret, and where it goes (DS508 §9.5; the 608's targets and encryption)."""

from simchip import ecc
from simchip.commands.table import command
from simchip.core import Core
from simchip.outputs import hand_out
from simchip.packet import Packet
from simchip.rules import keys, locks, parameters, use
from simchip.slots import private_key, slot_number
from simchip.sram import INPUT
from simchip.status import SUCCESS, ExecutionError

FROM_TEMP_KEY, ENCRYPT = 0x01, 0x02
COMPATIBLE, TO_SLOT, TO_TEMP_KEY, TO_OUTPUT = 0x00, 0x04, 0x08, 0x0C
MODES = (0x00, 0x04, 0x05, 0x08, 0x09, 0x0C, 0x0D, 0x0E, 0x0F)
POINT = 64


@command("ECDH", 0x43, (75, 172, 531), typical=38)
def ecdh(core: Core, packet: Packet) -> bytes:
    parameters.mode_must_be_known(packet, MODES)
    parameters.data_length_must_fit(packet, POINT)
    slot = slot_number(core, packet.param2)
    key = _temp_key(core) if packet.mode & FROM_TEMP_KEY else _slot_key(core, slot)
    try:
        secret = ecc.shared_secret(key, packet.data)
    except ecc.NotOnCurve:
        raise ExecutionError("the public key is not on the curve") from None
    return _deliver(core, packet, slot, secret)


def _temp_key(core: Core) -> bytes:
    locks.config_must_be_locked(core)
    keys.temp_key_must_hold_a_private_key(core.sram.temp_key.ephemeral is not None)
    return core.sram.temp_key.ephemeral or bytes(31) + b"\1"


def _slot_key(core: Core, slot: int) -> bytes:
    key = private_key(core, slot)
    keys.ecdh_needs_its_bit(core, slot)
    use.use(core, slot)
    return key


def _deliver(core: Core, packet: Packet, slot: int, secret: bytes) -> bytes:
    target, from_slot = packet.mode & 0x0C, not packet.mode & FROM_TEMP_KEY
    to_next = from_slot and core.config.slot(slot).ecdh_to_next_slot
    if target == TO_TEMP_KEY:
        core.sram.temp_key.load(secret, INPUT)
        return SUCCESS
    if target == TO_SLOT or (target == COMPATIBLE and to_next):
        _store(core, slot, secret, from_slot=from_slot)
        return SUCCESS
    keys.ecdh_result_for_a_slot_stays_inside(to_next)
    return hand_out(core, secret, core.config.ecdh_protection, encrypt=bool(packet.mode & ENCRYPT))


def _store(core: Core, slot: int, secret: bytes, *, from_slot: bool) -> None:
    # The odd neighbour of an odd slot is itself: a private key, which is refused.
    target = slot | 1 if from_slot else slot
    keys.slot_must_not_be_private(core, target)
    locks.slot_must_not_be_locked(core, target)
    core.eeprom.write(core.image.slots[target], 0, secret)

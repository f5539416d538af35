"""Info (0x30): revision, keys, state, the persistent latch (DS508 §9.9; 608 latch)."""

from simchip.commands.table import TempKeyLife, command
from simchip.config import VOLATILE_KEY
from simchip.core import Core
from simchip.packet import Packet
from simchip.rules import parameters, use
from simchip.slots import has_private_key, slot_number
from simchip.status import ParseError

REVISION, KEY_VALID, STATE, _GPIO, VOLATILE = range(5)
SET_LATCH = 2


@command("Info", 0x30, (5, 5, 5), TempKeyLife.KEPT, typical=0.1)
def info(core: Core, packet: Packet) -> bytes:
    parameters.mode_must_be_known(packet, (REVISION, KEY_VALID, STATE, VOLATILE))
    match packet.mode:
        case 0:  # REVISION
            return core.config.revision
        case 1:  # KEY_VALID
            return bytes([has_private_key(core, slot_number(core, packet.param2)), 0, 0, 0])
        case 2:  # STATE
            return _state(core)
        case _:
            return _volatile_key_permit(core, packet.param2)


def _state(core: Core) -> bytes:
    sram = core.sram
    authorised = sram.auth_key is not None
    second = sram.temp_key.valid << 7 | (sram.auth_key or 0) << 3 | authorised << 2 | sram.rng_seeded << 1
    return bytes([sram.temp_key.flags, second, 0, 0])


def _volatile_key_permit(core: Core, param2: int) -> bytes:
    if param2 not in (0, SET_LATCH, SET_LATCH | 1):
        raise ParseError(f"volatile key permission 0x{param2:04X}")
    if param2 & SET_LATCH:
        permission = core.image.config[VOLATILE_KEY]
        use.latch_must_be_permitted(permission)
        use.latch_needs_authorisation(core, permission & 0xF)
        core.sram.auth_key = None
        core.latches.persistent = bool(param2 & 1)
    return bytes([core.latches.persistent, 0, 0, 0])

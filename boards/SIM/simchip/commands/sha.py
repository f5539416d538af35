"""SHA (0x47): SHA-256 and HMAC in pieces, contexts in and out (DS508 §9.16; 608 targets and contexts)."""

from simchip.commands.table import command
from simchip.core import Core
from simchip.packet import Packet
from simchip.rules import keys, parameters, use, volatile
from simchip.rules.switch import rule
from simchip.sha256 import BLOCK, ShaContext
from simchip.slots import TEMP_KEY, public_key, slot_number, symmetric_key
from simchip.sram import INPUT
from simchip.status import SUCCESS, ExecutionError, ParseError

START, UPDATE, END, PUBLIC, HMAC_START, READ_CONTEXT, WRITE_CONTEXT = 0, 1, 2, 3, 4, 6, 7
TO_TEMP_KEY, TO_MSG_DIG, TO_OUTPUT = 0x00, 0x40, 0xC0
STATE = 32


@command("SHA", 0x47, (36, 42, 75), typical=7)
def sha(core: Core, packet: Packet) -> bytes:
    parameters.mode_must_be_known(packet, [*STEPS, END | TO_MSG_DIG, END | TO_OUTPUT])
    answer = STEPS[packet.mode & 7](core, packet)
    if not core.quirks.sha_clears_tempkey:
        core.sram.temp_key.keep()
    return answer


def _context(core: Core) -> ShaContext:
    volatile.sha_must_be_running(core.sram)
    return core.sram.sha or ShaContext()


def _start(core: Core, packet: Packet) -> bytes:
    parameters.data_length_must_fit(packet, 0)
    parameters.param2_must_be_known(packet, (0,))
    core.sram.sha = ShaContext()
    return SUCCESS


def _hmac_start(core: Core, packet: Packet) -> bytes:
    parameters.data_length_must_fit(packet, 0)
    core.sram.sha = ShaContext.hmac(_hmac_key(core, packet.param2))
    return SUCCESS


def _hmac_key(core: Core, key_id: int) -> bytes:
    if key_id == TEMP_KEY:
        volatile.temp_key_must_be_valid(core.sram)
        return core.sram.temp_key.digest
    slot = slot_number(core, key_id)
    key = symmetric_key(core, slot)
    keys.key_must_allow_mac(core, slot)
    use.use(core, slot)
    return key


def _update(core: Core, packet: Packet) -> bytes:
    parameters.data_length_must_fit(packet, packet.param2)
    parameters.data_length_must_fit(packet, *range(1, BLOCK + 1))
    _context(core).update(packet.data)
    return SUCCESS


def _public(core: Core, packet: Packet) -> bytes:
    parameters.data_length_must_fit(packet, 0)
    context = _context(core)
    context.update(public_key(core, slot_number(core, packet.param2)))
    return SUCCESS


def _end(core: Core, packet: Packet) -> bytes:
    parameters.data_length_must_fit(packet, packet.param2)
    parameters.data_length_must_fit(packet, *range(core.quirks.sha_end_max + 1))
    context = _context(core)
    context.update(packet.data)
    digest, core.sram.sha = context.digest(), None
    target = packet.mode & 0xC0
    if target == TO_TEMP_KEY:
        core.sram.temp_key.load(digest, INPUT)
    elif target == TO_MSG_DIG:
        core.sram.msg_dig = digest
    return digest


@rule
def hmac_context_stays_inside(context: ShaContext) -> None:
    """The state of a running HMAC tells of its key and is not read."""
    if context.outer_key is not None:
        raise ExecutionError("the context of an HMAC")


def _read_context(core: Core, packet: Packet) -> bytes:
    parameters.data_length_must_fit(packet, 0)
    parameters.param2_must_be_known(packet, (0,))
    context = _context(core)
    hmac_context_stays_inside(context)
    raw = context.export()
    padding = bytes(core.quirks.sha_context_overhead - 4 - STATE)
    return raw[:4] + raw[4 : 4 + STATE] + padding + raw[4 + STATE :]


def _write_context(core: Core, packet: Packet) -> bytes:
    parameters.data_length_must_fit(packet, packet.param2)
    overhead = core.quirks.sha_context_overhead
    if len(packet.data) < overhead:
        raise ParseError("a context is longer")
    count, pending = int.from_bytes(packet.data[:4], "little"), packet.data[overhead:]
    parameters.data_length_must_fit(packet, overhead + count % BLOCK)
    core.sram.sha = ShaContext.restore(count, packet.data[4 : 4 + STATE], pending)
    return SUCCESS


STEPS = {
    START: _start,
    UPDATE: _update,
    END: _end,
    PUBLIC: _public,
    HMAC_START: _hmac_start,
    READ_CONTEXT: _read_context,
    WRITE_CONTEXT: _write_context,
}

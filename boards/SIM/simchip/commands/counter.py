"""Counter (0x24): read and increment the monotonic counters (DS508 §9.2)."""

from simchip.commands.table import command
from simchip.core import Core
from simchip.counters import increment, value
from simchip.packet import Packet
from simchip.rules import parameters

READ, INCREMENT = 0, 1


@command("Counter", 0x24, (25, 25, 25), typical=5)
def counter(core: Core, packet: Packet) -> bytes:
    parameters.mode_must_be_known(packet, (READ, INCREMENT))
    parameters.param2_must_be_known(packet, (0, 1))
    parameters.data_length_must_fit(packet, 0)
    if packet.mode == INCREMENT:
        return increment(core, packet.param2).to_bytes(4, "little")
    core.sram.temp_key.keep()
    return value(core, packet.param2).to_bytes(4, "little")

"""Zone and address of Read and Write: blocks of 32 bytes, words of 4 (DS508 §9.1.4)."""

from dataclasses import dataclass

from simchip.core import Core
from simchip.packet import Packet
from simchip.status import ChipError

CONFIG, OTP, DATA = range(3)
BLOCK, WORD = 32, 4
LONG = 0x80


@dataclass(frozen=True)
class Place:
    area: bytearray
    offset: int
    size: int
    slot: int  # -1 outside the data zone

    def content(self) -> bytes:
        """A short last block reads as if zeros followed it."""
        return bytes(self.area[self.offset : self.offset + self.size]).ljust(self.size, b"\0")


def locate(core: Core, packet: Packet) -> Place:
    """The bytes that a Read or Write names, or a refusal when there are none."""
    size = BLOCK if packet.mode & LONG else WORD
    address, word = packet.param2, packet.param2 & 7
    if packet.mode & 3 == DATA:
        slot, block, beyond = address >> 3 & 0xF, address >> 8, address & 0x80
        area = core.image.slots[slot]
    else:
        slot, block, beyond = -1, address >> 3, 0
        area = core.image.config if packet.mode & 3 == CONFIG else core.image.otp
    offset = block * BLOCK + (0 if size == BLOCK else word * WORD)
    if beyond or offset >= len(area):
        raise ChipError(core.quirks.bad_address, f"address 0x{address:04X}")
    return Place(area, offset, size, slot)

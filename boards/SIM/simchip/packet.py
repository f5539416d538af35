"""Command and answer groups, and their CRC (DS508 §9.1)."""

from dataclasses import dataclass

from simchip.rules import transport

OVERHEAD = 7  # count, opcode, param1, param2 (2), CRC (2)
MIN_GROUP, MAX_GROUP = 4, 155


def crc16(data: bytes) -> bytes:
    """Polynomial 0x8005, bits enter least significant first, sent low byte first."""
    crc = 0
    for byte in data:
        for bit in range(8):
            carry = (byte >> bit & 1) != crc >> 15
            crc = crc << 1 & 0xFFFF
            if carry:
                crc ^= 0x8005
    return crc.to_bytes(2, "little")


def group(payload: bytes) -> bytes:
    """Count, payload, CRC: the shape of every answer."""
    body = bytes([len(payload) + 3]) + payload
    return body + crc16(body)


@dataclass(frozen=True)
class Packet:
    """One command as the chip took it from its input FIFO."""

    opcode: int
    mode: int
    param2: int
    data: bytes

    @property
    def param2_bytes(self) -> bytes:
        return self.param2.to_bytes(2, "little")

    @property
    def header(self) -> bytes:
        """Opcode, mode, param2: what nearly every digest of the chip includes."""
        return bytes([self.opcode, self.mode]) + self.param2_bytes


def parse(frame: bytes) -> Packet:
    """Check and take apart one command group; a bad one is a communication error and nothing more."""
    transport.count_must_be_legal(frame[0], MIN_GROUP, MAX_GROUP)
    transport.crc_must_match(frame[-2:], crc16(frame[:-2]))
    transport.group_must_hold_a_command(len(frame), OVERHEAD)
    return Packet(frame[1], frame[2], int.from_bytes(frame[3:5], "little"), frame[5:-2])

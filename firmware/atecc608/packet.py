"""Command and answer groups, and their CRC (ATECC508A data sheet DS20005927A, section 9.1); whose it is."""

from micropython import const

from .errors import BusError

WORD_ADDRESS_RESET = const(0x00)
WORD_ADDRESS_SLEEP = const(0x01)
WORD_ADDRESS_IDLE = const(0x02)
WORD_ADDRESS_COMMAND = const(0x03)

OVERHEAD = const(3)  # of an answer: its count and its CRC
ANSWER_MIN = const(4)
ANSWER_MAX = const(155)

AFTER_WAKE = b"\x04\x11\x33\x43"
# Microchip's library compares with the first, whose CRC is not that of 04 07; the second has the right one.
SELF_TEST_FAILED = (b"\x04\x07\xc4\x40", b"\x04\x07\x40\xc2")


def crc16(data, crc=0):
    """CRC-16 of `data` (bytes), continuing from `crc`: polynomial 0x8005, bits taken LSB first, no final XOR.

    The chip sends it low byte first. The same CRC is the summary of the Lock command.
    """
    for byte in data:
        for bit in range(8):
            differs = (byte >> bit & 1) ^ (crc >> 15)
            crc = (crc << 1) & 0xFFFF
            if differs:
                crc ^= 0x8005
    return crc


def command(opcode, param1, param2, data=b""):
    """The bytes to write for one command, the word address included."""
    size = 7 + len(data)
    out = bytearray(1 + size)
    out[0] = WORD_ADDRESS_COMMAND
    out[1] = size
    out[2] = opcode
    out[3] = param1
    out[4] = param2 & 0xFF
    out[5] = param2 >> 8
    out[6 : 6 + len(data)] = data
    crc = crc16(memoryview(out)[1:-2])
    out[-2] = crc & 0xFF
    out[-1] = crc >> 8
    return out


def payload(group):
    """What the answer at the start of `group` carries between its count and its CRC; BusError if either is wrong.

    Behind an answer that is shorter than `group` the chip drives nothing, and the bus reads as 0xFF.
    """
    count = group[0]
    if not ANSWER_MIN <= count <= ANSWER_MAX:
        raise BusError("the answer is not one of an ATECC608: is it the chip that is at this address?")
    if count > len(group):
        raise BusError("the answer's length is wrong")
    if crc16(memoryview(group)[: count - 2]) != group[count - 2] | group[count - 1] << 8:
        raise BusError("the answer's CRC is wrong")
    return bytes(group[1 : count - 2])


def serial_in(data):
    """The nine bytes of the serial number in what begins with the zone's first block."""
    return data[0:4] + data[8:13]


def part_in(data):
    """`ATECC608A`, `ATECC608B` …, by the revision in what begins with the zone's first block; None: no ATECC608."""
    if data[6] != 0x60:
        return None
    return "ATECC608" + {1: "A", 2: "A", 3: "B"}.get(data[7], "")

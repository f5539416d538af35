"""Stand-ins for what ESP-IDF builds: images of a bootloader, a partition table and an app that nothing can run."""

import hashlib
import operator
import re
import struct
from functools import reduce
from pathlib import Path

from boards.places import ROOT

CHIP_IDS = {"esp32": 0, "esp32s3": 9, "esp32c3": 5, "esp32c6": 13}
OFFSETS = {"esp32": 0x1000, "esp32s3": 0, "esp32c3": 0, "esp32c6": 0}
TABLE, APP = 0x8000, 0x10000
DESCRIPTION = b"\x32\x54\xcd\xab" + bytes(252)
KINDS = {"app": 0, "data": 1}
SUBTYPES = {"factory": 0, "ota_0": 0x10, "nvs": 2, "phy": 1, "fat": 0x81, "ota": 0}
OURS = ROOT / "boards/common/partitions.csv"
# MicroPython's own for 4 MB: another place for its files.
STOCK = """
nvs,      data, nvs,     0x9000,   0x6000,
phy_init, data, phy,     0xf000,   0x1000,
factory,  app,  factory, 0x10000,  0x1F0000,
vfs,      data, fat,     0x200000, 0x200000,
"""


def program(chip: str, *segments: bytes) -> bytes:
    """As esptool's elf2image makes it, with the SHA-256 behind it."""
    head = (0xE9, len(segments), 2, 0x20, 0x40000000, 0xEE, CHIP_IDS[chip], 0, 0, 0xFFFF, 1)
    image = struct.pack("<BBBBIB3xHBHH4xB", *head)
    for place, segment in enumerate(segments):
        image += struct.pack("<II", 0x3F400020 + place * 0x10000, len(segment)) + segment
    image += bytes(15 - len(image) % 16) + bytes([reduce(operator.xor, b"".join(segments), 0xEF)])
    return image + hashlib.sha256(image).digest()


def table(rows: str | None = None) -> bytes:
    """A partition table of the lines of a CSV, the project's own if none is given."""
    entries = b""
    for row in (rows or OURS.read_text()).splitlines():
        if not row.strip() or row.startswith("#"):
            continue
        name, kind, subtype, offset, size = [cell.strip() for cell in row.split(",")][:5]
        numbers = KINDS[kind], SUBTYPES[subtype], int(offset, 0), int(size, 0)
        entries += struct.pack("<2sBBII16sI", b"\xaa\x50", *numbers, name.encode(), 0)
    return entries + b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(entries).digest()


def app(chip: str, name: str = "", size: int = 40_000) -> bytes:
    """The firmware; `name` makes one different from another."""
    text = DESCRIPTION + b"atecc608/bus.py\0" + name.encode() + b"\0"
    return program(chip, text + re.sub(rb"x", b"code ", b"x" * (size // 5)), b"data" * 100)


def parts(chip: str, name: str = "", rows: str | None = None) -> dict[int, bytes]:
    """Offset in the flash → what belongs there."""
    return {OFFSETS[chip]: program(chip, b"boot" * 500), TABLE: table(rows), APP: app(chip, name)}


def merged(chip: str, name: str = "", rows: str | None = None) -> bytes:
    """All of it in one file, from the bootloader on, as MicroPython's makeimg.py does it."""
    image = b""
    for offset, part in sorted(parts(chip, name, rows).items()):
        image += b"\xff" * (offset - OFFSETS[chip] - len(image)) + part
    return image


def write(path: Path, chip: str, rows: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(merged(chip, path.stem if path.stem != "firmware" else path.parent.name, rows))
    return path

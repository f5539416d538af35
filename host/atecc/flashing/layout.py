"""A flash's partition table (ESP-IDF Programming Guide, "Partition Tables"), and whether a partition holds files."""

from __future__ import annotations

import struct
from dataclasses import dataclass

TABLE = 0x8000
TABLE_SIZE = 0xC00
SECTOR = 0x1000
# LittleFS keeps its superblock twice, in the first two blocks; MicroPython's blocks are sectors.
SUPERBLOCKS = 2 * SECTOR
_ENTRY = struct.Struct("<2sBBII16sI")
_MAGIC = b"\xaa\x50"
_APP, _DATA = 0, 1
# The names under which MicroPython looks for its file system.
_FILES = ("vfs", "ffat")


@dataclass(frozen=True)
class Partition:
    """Offset and size in bytes."""

    name: str
    kind: int
    offset: int
    size: int

    @property
    def end(self) -> int:
        return self.offset + self.size


@dataclass(frozen=True)
class Layout:
    """What a partition table says; without partitions where there is none."""

    partitions: tuple[Partition, ...]

    @classmethod
    def parse(cls, table: bytes) -> Layout:
        found = []
        for place in range(0, len(table) - _ENTRY.size + 1, _ENTRY.size):
            magic, kind, _, offset, size, name, _ = _ENTRY.unpack_from(table, place)
            if magic != _MAGIC:
                break
            found.append(Partition(name.rstrip(b"\0").decode(errors="replace"), kind, offset, size))
        return cls(tuple(found))

    @property
    def end(self) -> int:
        """How much flash it takes, in bytes."""
        return max((one.end for one in self.partitions), default=0)

    @property
    def app(self) -> Partition | None:
        """Where the bootloader finds the firmware."""
        return next((one for one in self.partitions if one.kind == _APP), None)

    @property
    def files(self) -> Partition | None:
        """Where MicroPython keeps its files."""
        return next((one for one in self.partitions if one.kind == _DATA and one.name in _FILES), None)


def is_blank(data: bytes) -> bool:
    return data == b"\xff" * len(data)


def is_file_system(start: bytes) -> bool:
    """Of a partition's first two sectors: has one of them LittleFS's superblock, or the first one FAT's boot sector?"""
    littlefs = any(start[place + 8 : place + 16] == b"littlefs" for place in range(0, len(start), SECTOR))
    return littlefs or (start[510:512] == b"\x55\xaa" and start[:1] in (b"\xeb", b"\xe9"))

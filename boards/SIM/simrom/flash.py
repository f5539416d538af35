"""A NOR flash: erasing sets bits, writing only clears them. And what a chip finds in it when it starts."""

import struct

SECTOR = 4096
BLANK = 0xFF
TABLE = 0x8000  # of the partitions, where ESP-IDF puts it
TABLE_MAGIC = b"\xaa\x50"
IMAGE_MAGIC = 0xE9
APP, DATA = 0, 1


class Flash:
    """`size` bytes, all of them erased."""

    def __init__(self, size: int) -> None:
        self.bytes = bytearray([BLANK]) * size

    def __len__(self) -> int:
        return len(self.bytes)

    def read(self, offset: int, size: int) -> bytes:
        return bytes(self.bytes[offset : offset + size])

    def erase(self, offset: int, size: int) -> None:
        """Whole sectors."""
        start, end = offset // SECTOR * SECTOR, -(-(offset + size) // SECTOR) * SECTOR
        self.bytes[start:end] = bytes([BLANK]) * (end - start)

    def program(self, offset: int, data: bytes) -> None:
        old = int.from_bytes(self.bytes[offset : offset + len(data)], "big")
        new = old & int.from_bytes(data, "big")
        self.bytes[offset : offset + len(data)] = new.to_bytes(len(data), "big")

    @property
    def size_id(self) -> int:
        """As its JEDEC ID has it: the power of two."""
        return len(self).bit_length() - 1

    def partition(self, kind: int, label: bytes) -> int | None:
        """Where a partition of the table begins."""
        for place in range(TABLE, TABLE + 0xC00, 32):
            magic, its_kind, _, offset, _, its_label = struct.unpack(
                "<2sBBII16s", self.read(place, 28 + 4)[:28]
            )
            if magic != TABLE_MAGIC:
                return None
            if its_kind == kind and its_label.rstrip(b"\0") == label:
                return int(offset)
        return None

    def why_not_started(self, bootloader: int) -> str | None:
        """What the ROM or the bootloader says instead of starting; None if there is something to start."""
        if self.bytes[bootloader] != IMAGE_MAGIC:
            return f"invalid header: 0x{int.from_bytes(self.read(bootloader, 4), 'little'):08x}"
        app = self.partition(APP, b"factory")
        if app is None or self.bytes[app] != IMAGE_MAGIC:
            return "E (40) boot: No bootable app partitions in the partition table"
        return None

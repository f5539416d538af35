"""Which part a configuration is from, by the revision that the chip says of itself (bytes 4 to 7)."""

from __future__ import annotations

from atecc.chip.config.zone import ConfigZone

# By byte 6; as read off parts of each kind.
_PARTS = {0x60: "ATECC608", 0x50: "ATECC508A", 0x10: "ATECC108A", 0x04: "ATSHA204A"}
_608 = 0x60


def is_608(zone: ConfigZone) -> bool:
    return zone.data[6] == _608


def part_of(zone: ConfigZone) -> str:
    """ATECC508A and the like; nothing for a revision that no known part has."""
    return _PARTS.get(zone.data[6], "")

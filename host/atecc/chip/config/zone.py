"""The configuration zone as bytes: where each field is, and the chip's own CRC over it."""

from __future__ import annotations

from dataclasses import dataclass

from atecc.chip.config.slot import Slot
from atecc.errors import ChipError

SIZE = 128
UNLOCKED = 0x55

# Bytes that no Write command reaches: serial number, revision and the like; UserExtra and the lock bytes.
FIXED = (range(0, 16), range(84, 88))
# What changes in the life of a chip whose config zone is locked: counters, and slots that were locked by themselves.
LIVING = (range(52, 68), range(88, 90))


def crc16(data: bytes) -> int:
    """The chip's CRC-16 (polynomial 0x8005, least significant bit first), which Lock compares too."""
    crc = 0
    for byte in data:
        for bit in range(8):
            differs = (byte >> bit & 1) ^ (crc >> 15)
            crc = crc << 1 & 0xFFFF
            if differs:
                crc ^= 0x8005
    return crc


@dataclass(frozen=True)
class ConfigZone:
    """128 bytes with names; immutable, `with_…` gives another one."""

    data: bytes

    def __post_init__(self) -> None:
        if len(self.data) != SIZE:
            raise ChipError(f"A configuration zone has {SIZE} bytes, not {len(self.data)}.")

    @property
    def serial(self) -> str:
        return (self.data[0:4] + self.data[8:13]).hex()

    @property
    def revision(self) -> str:
        return self.data[4:8].hex()

    @property
    def is_dump(self) -> bool:
        """Whether it comes from a chip: what can't be written is there too."""
        return any(self.data[:4])

    @property
    def i2c_enabled(self) -> bool:
        return bool(self.data[14] & 1)

    @property
    def i2c_address(self) -> int:
        """The 7-bit address that the chip will answer at."""
        alternative = self.chip_mode & 1 and self.data[14] & 1 and self.data[85]
        return (self.data[85] if alternative else self.data[16]) >> 1

    @property
    def count_match(self) -> int:
        return self.data[18]

    @property
    def chip_mode(self) -> int:
        return self.data[19]

    @property
    def clock_divider(self) -> int:
        return self.chip_mode >> 3

    @property
    def long_watchdog(self) -> bool:
        return bool(self.chip_mode & 4)

    @property
    def use_lock(self) -> int:
        return self.data[68]

    @property
    def volatile_key_permission(self) -> int:
        return self.data[69]

    @property
    def secure_boot(self) -> int:
        return int.from_bytes(self.data[70:72], "little")

    @property
    def chip_options(self) -> int:
        return int.from_bytes(self.data[90:92], "little")

    @property
    def config_locked(self) -> bool:
        return self.data[87] != UNLOCKED

    @property
    def data_locked(self) -> bool:
        return self.data[86] != UNLOCKED

    @property
    def crc(self) -> int:
        return crc16(self.data)

    @property
    def slots(self) -> tuple[Slot, ...]:
        return tuple(Slot.decode(self._word(20 + 2 * n), self._word(96 + 2 * n)) for n in range(16))

    def slot_locked(self, number: int) -> bool:
        return not self._word(88) >> number & 1

    def with_slots(self, slots: tuple[Slot, ...]) -> ConfigZone:
        slot_configs = b"".join(slot.slot_config.to_bytes(2, "little") for slot in slots)
        key_configs = b"".join(slot.key_config.to_bytes(2, "little") for slot in slots)
        return self.patched(20, slot_configs).patched(96, key_configs)

    def patched(self, offset: int, data: bytes) -> ConfigZone:
        return ConfigZone(self.data[:offset] + data + self.data[offset + len(data) :])

    def with_fixed_bytes_of(self, chip: ConfigZone) -> ConfigZone:
        """This configuration as that chip would hold it: what can't be written is the chip's own."""
        zone = self
        for span in FIXED + (LIVING if chip.config_locked else ()):
            zone = zone.patched(span.start, chip.data[span.start : span.stop])
        return zone

    def _word(self, offset: int) -> int:
        return int.from_bytes(self.data[offset : offset + 2], "little")

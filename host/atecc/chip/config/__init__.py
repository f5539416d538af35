"""The chip's configuration zone: 128 bytes, sixteen slots, and what they allow."""

from atecc.chip.config.slot import KeyType, Slot
from atecc.chip.config.zone import ConfigZone, crc16

__all__ = ["ConfigZone", "KeyType", "Slot", "crc16"]

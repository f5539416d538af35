"""Driver for the Microchip ATECC608 secure element: nothing but the chip."""

from .bus import seven_bit
from .device import ATECC608, ZONE_CONFIG, ZONE_DATA
from .errors import ATECCError, BusError, ChipError, ConfigError, NoChip, OtherPart, StateLost
from .packet import crc16

__all__ = (
    "ATECC608",
    "ZONE_CONFIG",
    "ZONE_DATA",
    "ATECCError",
    "BusError",
    "ChipError",
    "ConfigError",
    "NoChip",
    "OtherPart",
    "StateLost",
    "crc16",
    "seven_bit",
)

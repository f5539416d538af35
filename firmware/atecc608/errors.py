"""What can go wrong between the board and the chip.

ATECCError
    BusError        the wire: wrong CRC, nonsense, no answer in time
        NoChip      nothing acknowledges at any address the chip could have
        OtherPart   a relative of the chip answers, and no ATECC608
    StateLost       the chip was reset or fell asleep inside a sequence: what it held in SRAM is gone
    ChipError       the chip understood the command and refused it
    ConfigError     the configuration zone does not allow what was asked; nothing was sent
"""

# ATECC508A data sheet DS20005927A, table 9-3; 0x07 and 0x08 from the ATECC608 pages on status codes.
STATUS = {
    0x01: "miscompare",
    0x03: "parse error",
    0x05: "ECC fault",
    0x07: "self-test error",
    0x08: "health-test error",
    0x0F: "execution error",
    0x11: "after wake",
    0xEE: "watchdog about to expire",
    0xFF: "CRC or communication error",
}


class ATECCError(Exception):
    """Base of everything this package raises on its own account."""


class BusError(ATECCError):
    """The wire failed, not the chip."""


class NoChip(BusError):
    """Nothing acknowledges on the bus."""


class OtherPart(BusError):
    """What answers the wake pulse is made by Microchip too, but is no ATECC608."""


class StateLost(ATECCError):
    """The chip lost its SRAM (TempKey, digest buffer) in the middle of a sequence."""


class ConfigError(ATECCError):
    """The configuration zone forbids it; `kind` is one of `unlocked`, `locked`, `slot`."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


class ChipError(ATECCError):
    """The chip answered `status` (int) to `command` (the data sheet's name)."""

    def __init__(self, command, status):
        self.command = command
        self.status = status
        super().__init__(
            "%s: the chip answers 0x%02X (%s)" % (command, status, STATUS.get(status, "unknown"))
        )

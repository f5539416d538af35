"""Which chip it is, and its configuration as it stands. Quick to import: without the rules and words about it."""

from __future__ import annotations

from atecc.chip.config.zone import ConfigZone
from atecc.device import Device
from atecc.device.replies import ChipInfo
from atecc.errors import ChipError


def read_config(device: Device, chip: ChipInfo | None = None) -> ConfigZone:
    """The chip's configuration; the serial number in it must be the one that Info gave."""
    chip = chip or device.chip_info()
    zone = ConfigZone(device.get_config())
    if zone.serial != normal_serial(chip.serial):
        raise ChipError(
            f"The chip says its serial number is {chip.serial}, its configuration says {zone.serial}.",
            "Something on the I2C bus garbles what the chip says: nothing is written until that is found.",
        )
    return zone


def normal_serial(text: str) -> str:
    """A serial number as people type it, in the one form that is compared."""
    return "".join(text.lower().removeprefix("0x").replace(":", "").replace("-", "").split())

"""Which product a chip is: a blank ATECC608, or one that Microchip configured and provisioned."""

from __future__ import annotations

from atecc.chip.config.zone import ConfigZone

TNGTLS, TFLXTLS = "TNGTLS", "TFLXTLS"
_BRANDS = {TNGTLS: "Trust&GO", TFLXTLS: "TrustFLEX"}
# Slots 0 to 4 of both: a permanent key, one that attests, three that the chip may make anew.
_KEYS = bytes.fromhex("85008200852085208520"), bytes.fromhex("53005300730073007300")


def product(zone: ConfigZone) -> str | None:
    """TNGTLS, TFLXTLS or None, from what distinguishes their configurations and no customer can change.

    In a TrustFLEX chip the certificates' slots can still be locked by its owner, in a Trust&GO chip they are final.
    The I2C address says nothing for certain: TrustFLEX chips can be ordered with another one.
    """
    slot_configs, key_configs = zone.data[20:30], zone.data[96:106]
    if not zone.serial.endswith("01") or (slot_configs, key_configs) != _KEYS:
        return None
    return TFLXTLS if zone.slots[10].lockable else TNGTLS


def full_name(part: str, zone: ConfigZone) -> str:
    """ATECC608B-TNGTLS (Trust&GO), or just the part."""
    found = product(zone)
    return f"{part}-{found} ({_BRANDS[found]})" if found else part

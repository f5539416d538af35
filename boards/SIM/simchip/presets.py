"""Chips as they leave a factory or a bench; `presets/NAME.hex` holds bytes 16 to 127 of their config zone."""

from dataclasses import dataclass
from importlib.resources import files

from simchip import ecc
from simchip.config import (
    CHIP_OPTIONS,
    COUNTERS,
    LOCK_CONFIG,
    LOCK_DATA,
    LOCKED,
    SLOT_SIZES,
    USE_LOCK,
    USER_EXTRA,
)
from simchip.eeprom import CONFIG_SIZE, OTP_SIZE, Image
from simchip.rng import RandomSource

WRITABLE_FROM = 16
REV_608A, REV_608B = b"\x00\x00\x60\x02", b"\x00\x00\x60\x03"


@dataclass(frozen=True)
class Preset:
    """What the factory fixes: revision, last serial byte, bytes 13 and 14, and a product code in OTP."""

    revision: bytes = REV_608A
    serial_end: int = 0xEE
    aes_enable: int = 0x01
    i2c_enable: int = 0x55
    product: bytes = b""
    factory_keys: tuple[int, ...] = ()  # private keys that are there from the start
    certificates: bool = False  # for the key in slot 0, and for who signed that
    mac_address: bool = False  # in slot 5, and in the certificate


PRESETS: dict[str, Preset] = {
    "blank": Preset(),
    "tls": Preset(),
    "mos": Preset(i2c_enable=0x01),
    "trustflex": Preset(REV_608B, 0x01, product=b"MKMwyhP1", factory_keys=(0, 1), certificates=True),
    "tngtls": Preset(
        REV_608B, 0x01, 0x61, product=b"x6tjuZMy", factory_keys=(0, 1), certificates=True, mac_address=True
    ),
}


def _hex_file(name: str) -> bytes:
    text = files("simchip").joinpath("presets", f"{name}.hex").read_text()
    return bytes.fromhex("".join(line.partition("#")[0] for line in text.splitlines()))


def is_configured_as(image: Image, name: str) -> bool:
    """Whether the bytes that only a Write of the config zone changes are still the preset's."""
    fresh = bytes(WRITABLE_FROM) + _hex_file(name)
    settled = [
        *range(WRITABLE_FROM, COUNTERS),
        *range(USE_LOCK, USER_EXTRA),
        *range(CHIP_OPTIONS, CONFIG_SIZE),
    ]
    return all(image.config[offset] == fresh[offset] for offset in settled)


def fresh_image(name: str, rng: RandomSource, *, blank_data: int, locked: bool) -> Image:
    """A chip of this kind that nobody has used, with a serial number of its own."""
    preset = PRESETS[name]
    serial = rng.take(6)
    identity = b"\x01\x23" + serial[:2] + preset.revision + serial[2:] + bytes([preset.serial_end])
    identity += bytes([preset.aes_enable, preset.i2c_enable, 0])
    config = bytearray(identity + _hex_file(name))
    if len(config) != CONFIG_SIZE:
        raise ValueError(f"preset {name}: {len(config) - WRITABLE_FROM} bytes instead of 112")
    if locked:
        config[LOCK_CONFIG] = config[LOCK_DATA] = LOCKED
    image = Image(config, slots=[bytearray([blank_data]) * size for size in SLOT_SIZES])
    for slot in preset.factory_keys:
        image.slots[slot][:] = bytes(4) + ecc.generate(rng)
    if preset.product:
        image.otp[:] = preset.product.ljust(OTP_SIZE, b"\0")
    if preset.certificates:
        from simchip import factory  # brings all of X.509 along, which few chips need

        factory.issue(image, rng, mac_address=preset.mac_address)
    return image

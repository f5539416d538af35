"""board.py for a board whose pins somebody knows."""

from __future__ import annotations

import re

from atecc.errors import ArgumentError

_TEXT = '''"""Written by `atecc install --pins`: an ATECC608 on these pins."""

NAME = {name!r}
ARCH = {arch!r}

I2C = {i2c}
SCL = {scl}
SDA = {sda}
I2C_HZ = 100_000

ATECC_ADDRESS = None  # found by itself
KEY_SLOTS = (0, 1)  # one for each of the two identities; (0, 2) with a Trust&GO or TrustFLEX chip

LISTEN = "0.0.0.0"
CONNECTIONS = (4, 1)  # callers on the network at once, and how many of them over TLS
'''


def parse_pins(text: str) -> tuple[int, int, int]:
    """SCL, SDA and the number of the I2C from `SCL,SDA[,I2C]`."""
    found = re.fullmatch(r"(\d{1,2}),(\d{1,2})(?:,([01]))?", text.replace(" ", ""))
    if not found:
        raise ArgumentError(
            f"{text!r} names no pins.", "For example: --pins 22,21 (SCL, SDA), or --pins 22,21,1 for I2C 1."
        )
    scl, sda, i2c = int(found[1]), int(found[2]), int(found[3] or 0)
    if scl == sda:
        raise ArgumentError("SCL and SDA can't be the same pin.")
    return scl, sda, i2c


def board_file(pins: tuple[int, int, int], machine: str, platform: str) -> bytes:
    """`machine` as the board's os.uname() has it: "Generic ESP32 module with ESP32"."""
    found = re.search(r"with (ESP32\w*)", machine)
    arch = found[1].lower() if found else platform
    scl, sda, i2c = pins
    return _TEXT.format(name=machine.partition(" with ")[0], arch=arch, i2c=i2c, scl=scl, sda=sda).encode()

"""The EEPROM as a file that a person can read, and edit: sections, rows of hex, comments.

config:
  00: 01 23 A5 1C 00 00 60 03 5B 7E 90 42 EE 01 55 00   # serial number, revision
slot 0:   # private key
  00: 00 00 00 00 ...
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from simchip.config import SLOTS, Config
from simchip.eeprom import Image

HEADING = """\
# EEPROM of a simulated ATECC608. It holds simulated private keys: keep it to yourself.
# Rows are offset: bytes, all in hex; what follows a # is for people and not read back.
"""
CONFIG_NOTES = {
    0x00: "serial number, revision",
    0x10: "I2C address, CountMatch, ChipMode, SlotConfig 0-5",
    0x20: "SlotConfig 6-13",
    0x30: "SlotConfig 14-15, counters",
    0x40: "counter 1, UseLock, VolatileKeyPermission, SecureBoot, KdfIv",
    0x50: "UserExtra, UserExtraAdd, locks (data, config), SlotLocked, ChipOptions",
    0x60: "KeyConfig 0-7",
    0x70: "KeyConfig 8-15",
}
ROW = 16


class BadStateFile(ValueError):
    """The file is not a chip's state; the text is for people."""


def _rows(data: bytes | bytearray, notes: dict[int, str]) -> Iterator[str]:
    for offset in range(0, len(data), ROW):
        note = f"   # {notes[offset]}" if offset in notes else ""
        yield f"  {offset:02x}: {data[offset : offset + ROW].hex(' ').upper()}{note}"


def _lock_note(config: Config) -> str:
    zones = (("config", config.config_locked), ("data and OTP", config.data_locked))
    return ", ".join(f"{name} zone {'locked' if locked else 'open'}" for name, locked in zones)


def _slot_note(config: Config, slot: int) -> str:
    key = config.key(slot)
    kind = {4: "public key", 6: "AES key", 7: "data"}.get(key.key_type, "data")
    if key.private:
        kind = "private key" if key.private_p256 else "private, no known curve"
    return kind + (", locked" if config.slot_locked(slot) else "")


def dump(image: Image) -> str:
    config = Config(image.config)
    lines = [HEADING, f"config:   # serial {config.serial.hex().upper()}; {_lock_note(config)}"]
    lines += [*_rows(image.config, CONFIG_NOTES), "", "otp:", *_rows(image.otp, {})]
    for slot, content in enumerate(image.slots):
        lines += ["", f"slot {slot}:   # {_slot_note(config, slot)}", *_rows(content, {})]
    return "\n".join(lines) + "\n"


def parse(text: str) -> Image:
    image = Image(bytearray(128))
    areas = {"config": image.config, "otp": image.otp} | {f"slot {n}": image.slots[n] for n in range(SLOTS)}
    seen: dict[str, bytearray] = {}
    name = ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.partition("#")[0].strip()
        if line.endswith(":"):
            name = line[:-1]
            seen[name] = bytearray()
        elif line:
            try:
                _row(seen[name], line)
            except (KeyError, ValueError):
                raise BadStateFile(f"line {number} is not a row of bytes: {line}") from None
    for name, area in areas.items():
        if len(seen.get(name, b"")) != len(area):
            raise BadStateFile(f"section '{name}' must hold {len(area)} bytes")
        area[:] = seen[name]
    return image


def _row(section: bytearray, line: str) -> None:
    offset, _, data = line.partition(":")
    if int(offset, 16) != len(section):
        raise ValueError(offset)
    section += bytes.fromhex(data)


def load(path: Path) -> Image:
    try:
        return parse(path.read_text())
    except (BadStateFile, UnicodeDecodeError) as error:
        raise BadStateFile(f"{path}: {error}") from None


def save(path: Path, image: Image) -> None:
    """Replace the file in one step; only its owner may read it."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(dump(image))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise

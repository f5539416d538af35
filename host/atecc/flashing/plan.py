"""What would be done to a chip's flash, and what becomes of the files that are in there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from atecc.errors import RefusedError
from atecc.flashing.image import Image
from atecc.flashing.layout import SUPERBLOCKS, TABLE, TABLE_SIZE, Layout, is_blank, is_file_system
from atecc.flashing.loader import Loader

KEPT, NONE, OTHERS, RUBBISH, UNWANTED = "kept", "none", "others", "rubbish", "unwanted"
_UNITS = {"KB": 1 << 10, "MB": 1 << 20}
_NOTHING = "Nothing was written."


@dataclass(frozen=True)
class Target:
    """A chip, and how its flash is laid out now. `flash_size` in bytes, None where the flash does not tell."""

    chip: str
    description: str
    mac: str
    flash_size: int | None
    layout: Layout


@dataclass(frozen=True)
class Plan:
    """`files` says what becomes of them; `erase` is (offset, size) of what is erased before anything is written."""

    target: Target
    image: Image
    files: str
    erase: tuple[int, int] | None

    def sentences(self) -> Iterator[str]:
        target, image, files = self.target, self.image, self.image.files
        size = target.flash_size or 0
        yield f"{target.description}, MAC {target.mac}, {size >> 20} MB of flash"
        yield f"{image.board}: {image.path} ({len(image.data)} bytes)"
        yield f"writes the flash from 0x{image.offset:X} to 0x{image.end:X}: bootloader, partition table, firmware"
        yield "NVS, where ESP-IDF keeps Wi-Fi's calibration, is emptied"
        yield _FILES[self.files].format(offset=f"0x{files.offset:X}")
        if not image.ours:
            yield "this image holds none of this project's firmware"
        yield "no eFuse is burnt, and the ATECC608 is not touched"


_FILES = {
    KEPT: "the files at {offset} stay, identities and settings among them: the flash is laid out like this already",
    NONE: "there are no files at {offset} yet; the board makes a file system when it starts",
    OTHERS: "what is at {offset} is erased at its beginning, for the flash is laid out differently now: THE FILES THAT "
    "THE BOARD HAS ARE LOST",
    RUBBISH: "what is at {offset} is no file system: its beginning is erased, so that the board makes one",
    UNWANTED: "THE FILES at {offset} ARE ERASED, identities and settings with them",
}


def examine(loader: Loader) -> Target:
    """What is on the port. What must not be flashed at all is refused here."""
    found = loader.connect()
    if found["locked_down"] or found["secure_boot"]:
        raise RefusedError(
            f"This {found['chip']} has secure boot on: it starts only what its owner has signed. {_NOTHING}",
            "That can't be switched off any more. Whoever has the key can sign an image of this project.",
        )
    if found["encrypted"]:
        raise RefusedError(
            f"This {found['chip']} has flash encryption on: what is written in the clear would not start. {_NOTHING}",
            "Whoever set it up knows how it takes a new firmware (ESP-IDF, Flash Encryption).",
        )
    table = loader.read(TABLE, TABLE_SIZE)
    return Target(
        found["chip"], found["description"], found["mac"], _bytes(found["flash_size"]), Layout.parse(table)
    )


def _bytes(size: Any) -> int | None:
    match = re.fullmatch(r"(\d+)([KM]B)", str(size))
    return int(match[1]) * _UNITS[match[2]] if match else None


def make_plan(loader: Loader, target: Target, image: Image, erase_files: bool = False) -> Plan:
    """Refused where the image does not fit the flash."""
    if target.flash_size is None:
        raise RefusedError(
            f"The flash of this board does not tell its size. {_NOTHING}",
            "Something may be wrong with it, or with its supply.",
        )
    if image.layout.end > target.flash_size:
        raise RefusedError(
            f"The flash of this board has {target.flash_size >> 20} MB, and {image.board} takes "
            f"{image.layout.end >> 20} MB. {_NOTHING}"
        )
    files = image.files
    if erase_files:
        return Plan(target, image, UNWANTED, (files.offset, files.size))
    fate = _fate(target, image, loader.read(files.offset, SUPERBLOCKS))
    return Plan(target, image, fate, (files.offset, SUPERBLOCKS) if fate in (OTHERS, RUBBISH) else None)


def _fate(target: Target, image: Image, start: bytes) -> str:
    """Of the files, whose partition begins with `start`.

    Where its first sector is neither blank nor of a file system, MicroPython says so for ever and does not start.
    """
    if target.layout.files != image.files:
        return NONE if is_blank(start) and not target.layout.partitions else OTHERS
    if is_file_system(start):
        return KEPT
    return NONE if is_blank(start) else RUBBISH


def carry_out(loader: Loader, plan: Plan, told: Callable[[int, int], None]) -> None:
    """Whenever it is interrupted, the same plan again does all of it; `told(done, of)` while it is written."""
    if plan.erase:
        # First: with the new partition table in place, it would look as if these were files to be kept.
        loader.erase(*plan.erase)
    loader.write(plan.image.offset, plan.image.data, told)
    loader.reset()

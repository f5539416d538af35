"""Images of a whole firmware: bootloader, partition table and app in one file, as `make firmware` builds it.

Formats: ESP-IDF Programming Guide, "App Image Format" and "Bootloader".
"""

from __future__ import annotations

import hashlib
import operator
import os
import struct
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path

from atecc.bounded import read_path
from atecc.errors import ArgumentError
from atecc.flashing.layout import TABLE, TABLE_SIZE, Layout, Partition, is_blank

# Of an image's header: the chip's ID, its name, and where in the flash its ROM looks for the bootloader.
CHIPS = {
    0: ("ESP32", 0x1000),
    2: ("ESP32-S2", 0x1000),
    5: ("ESP32-C3", 0),
    9: ("ESP32-S3", 0),
    12: ("ESP32-C2", 0),
    13: ("ESP32-C6", 0),
    16: ("ESP32-H2", 0),
    18: ("ESP32-P4", 0x2000),
    20: ("ESP32-C61", 0),
    23: ("ESP32-C5", 0x2000),
}
SUMS = "SHA256SUMS"
_MAGIC, _CHECKSUM_SEED = 0xE9, 0xEF
# Of the header: how many segments, the chip, whether a SHA-256 stands behind it all.
_HEADER, _SEGMENT = struct.Struct("<xB10xH9xB"), struct.Struct("<4xI")
_APP_DESCRIPTION = (0x20, b"\x32\x54\xcd\xab")
_OURS = b"atecc608/"  # the names of frozen modules stand in an image as they are
_BUILD = "`make firmware` and `make release` make such images."
_OTHERS = {
    b"\x7fELF": "is a program before an image is made of it",
    b"UF2\n": "is a UF2 file, for a USB drive",
    b"PK": "is a ZIP archive: unpack it first",
    b"\x1f\x8b": "is compressed: unpack it first",
    b"<": "is a page of the web, and not what it links to",
    b"{": "is a JSON file, and no image",
}


@dataclass(frozen=True)
class Image:
    """`offset` is where its first byte belongs in the flash, `board` the name of the board that it is for."""

    path: Path
    board: str
    chip: str
    offset: int
    layout: Layout
    files: Partition
    ours: bool
    data: bytes = field(repr=False)

    @property
    def end(self) -> int:
        return self.offset + len(self.data)


def find_images(path: Path) -> list[Image]:
    """The image in a file, or all those in a folder and in its folders (BOARD.bin, BOARD/firmware.bin)."""
    if not os.path.isdir(path):
        return [read_image(path)]
    files = sorted([*path.glob("*.bin"), *path.glob("*/firmware.bin")])
    if not files:
        raise ArgumentError(f"There is no image in {path}: no *.bin, and no BOARD/firmware.bin.", _BUILD)
    _compare_sums(path)
    return [read_image(file) for file in files]


def choose(images: list[Image], chip: str, board: str | None) -> Image:
    """The one for this chip, and for this board where several have that chip."""
    fit = [one for one in images if one.chip == chip and board in (None, one.board)]
    if len(fit) == 1:
        return fit[0]
    if fit:
        names = ", ".join(one.board for one in fit)
        raise ArgumentError(
            f"Several images are for an {chip}: {names}.", "Say which board it is: --board NAME."
        )
    there = ", ".join(f"{one.board} ({one.chip})" for one in images)
    if len(images) == 1:
        raise ArgumentError(
            f"The chip is an {chip}, and {images[0].path} is for an {images[0].chip}: nothing was written.",
            f"An image for an {chip} is needed. {_BUILD}",
        )
    raise ArgumentError(
        f"No image here is for an {chip}{f' on a board {board}' if board else ''}: nothing was written.",
        f"There are: {there}.",
    )


def read_image(path: Path) -> Image:
    """What is wrong with it is said: an image that is cut off would leave a board that does not start."""
    data = _read(path)
    start = _bootloader_in(data)
    if start is None:
        what = next(
            (what for magic, what in _OTHERS.items() if data.startswith(magic)), "is no firmware image"
        )
        raise ArgumentError(f"{path} {what if data else 'is empty'}.", _BUILD)
    _, chip_id, _ = _HEADER.unpack_from(data, start)
    if chip_id not in CHIPS:
        raise ArgumentError(f"{path} is for a chip that is not known here (its ID is {chip_id}).")
    chip, bootloader = CHIPS[chip_id]
    return _whole(path, data, chip, start, bootloader - start)


def _bootloader_in(data: bytes) -> int | None:
    """Where in the file it begins: at once, or behind what an ESP32 has in front of it."""
    for start in (0, 0x1000, 0x2000):
        if data[start : start + 1] == bytes([_MAGIC]) and len(data) >= start + _HEADER.size:
            return start if is_blank(data[:start]) else None
    return None


def _whole(path: Path, data: bytes, chip: str, start: int, offset: int) -> Image:
    """`start`: of the bootloader in the file; `offset`: of the file in the flash."""
    layout = Layout.parse(data[TABLE - offset : TABLE - offset + TABLE_SIZE])
    app, files = layout.app, layout.files
    place, magic = _APP_DESCRIPTION
    if not layout.partitions and data[start + place :].startswith(magic):
        raise ArgumentError(f"{path} is an app alone, without bootloader and partition table.", _BUILD)
    if app is None or files is None:
        raise ArgumentError(
            f"{path} is no image of a whole MicroPython: it has no partition table with an app and files.",
            _BUILD,
        )
    for what, begin in (("bootloader", start), ("app", app.offset - offset)):
        trouble = _trouble(data, begin, chip)
        if trouble:
            raise ArgumentError(f"The {what} in {path} {trouble}.", "Build or download it again.")
    if offset + len(data) > files.offset:
        raise ArgumentError(f"{path} is too large: it would reach into the files at 0x{files.offset:X}.")
    board = path.parent.name if path.name == "firmware.bin" else path.stem
    return Image(path, board, chip, offset, layout, files, _OURS in data, data)


def _trouble(data: bytes, start: int, chip: str) -> str:
    """What is wrong with the program image at `start`, or nothing."""
    if data[start : start + 1] != bytes([_MAGIC]) or len(data) < start + _HEADER.size:
        return "is missing"
    segments, chip_id, hashed = _HEADER.unpack_from(data, start)
    if CHIPS.get(chip_id, ("",))[0] != chip:
        return f"is for another chip than an {chip}"
    try:
        end, checksum = _walk(data, start, segments)
        if checksum != data[end - 1]:
            return "is damaged: its checksum is another one"
        if hashed and hashlib.sha256(data[start:end]).digest() != data[end : end + 32]:
            return "is damaged: its SHA-256 is another one" if end + 32 <= len(data) else "is cut off"
    except (struct.error, IndexError):
        return "is cut off"
    return ""


def _walk(data: bytes, start: int, segments: int) -> tuple[int, int]:
    """Where the image ends, and the checksum of its segments: the last byte of 16 should say the same."""
    place, checksum = start + _HEADER.size, _CHECKSUM_SEED
    for _ in range(segments):
        (size,) = _SEGMENT.unpack_from(data, place)
        place += _SEGMENT.size
        checksum = reduce(operator.xor, data[place : place + size], checksum)
        place += size
    return start + (place - start) // 16 * 16 + 16, checksum


def _read(path: Path) -> bytes:
    try:
        return read_path(path)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ArgumentError(f"{path} can't be read: {why}.") from error


def _compare_sums(folder: Path) -> None:
    """With SHA256SUMS, where there is one."""
    sums = folder / SUMS
    if not sums.is_file():
        return
    for line in _read(sums).decode(errors="replace").splitlines():
        digest, _, name = line.partition("  ")
        path = folder / name.strip()
        if name.endswith(".bin") and path.is_file() and hashlib.sha256(_read(path)).hexdigest() != digest:
            raise ArgumentError(f"{path} is not the file that {SUMS} has a sum of.", "Download it again.")

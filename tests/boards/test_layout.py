"""The layout of the flash: everything fits, nothing overlaps, MicroPython finds its file system."""

import re

from boards.places import PORT, ROOT
from budget import FROZEN_LIMIT

FLASH = 4 * 1024 * 1024
# ESP32-C6 with -O2 and Bluetooth, before MicroPython 1.27; others are smaller (micropython pull request 17994).
LARGEST_IMAGE = 2_024_432
# Frozen code takes more room than the .mpy it is made of: qstrs of its own, a struct for each function.
GROWS = 1.5


def partitions(text: str) -> list[tuple[str, int, int]]:
    """(name, offset, end)"""
    rows = re.findall(r"(?m)^(\w+),[^,#]*,[^,]*,\s*(0x[0-9a-fA-F]+),\s*(0x[0-9a-fA-F]+)", text)
    return [(name, int(offset, 16), int(offset, 16) + int(size, 16)) for name, offset, size in rows]


def test_partitions_follow_each_other_within_the_flash() -> None:
    table = partitions((ROOT / "boards/common/partitions.csv").read_text())
    assert [name for name, _, _ in table] == ["nvs", "phy_init", "factory", "vfs"]
    starts_and_ends = [position for _, start, end in table for position in (start, end)]
    assert starts_and_ends == sorted(starts_and_ends)
    assert starts_and_ends[-1] == FLASH
    for name, start, _ in table:
        aligned = 0x10000 if name == "factory" else 0x1000
        assert start % aligned == 0, name


def test_everything_before_the_firmware_is_as_in_micropython() -> None:
    own = partitions((ROOT / "boards/common/partitions.csv").read_text())
    (table,) = {"partitions-4MiB.csv", "partitions-4MiBplus.csv"} & {path.name for path in PORT.iterdir()}
    theirs = partitions((PORT / table).read_text())
    assert own[:2] == theirs[:2]
    assert own[2][1] == theirs[2][1]


def test_the_largest_image_that_is_known_fits_with_the_firmware_in_it() -> None:
    sizes = {
        name: end - start
        for name, start, end in partitions((ROOT / "boards/common/partitions.csv").read_text())
    }
    assert sizes["factory"] >= LARGEST_IMAGE + GROWS * FROZEN_LIMIT


def test_micropython_looks_for_the_file_system_by_that_name() -> None:
    assert 'label="vfs"' in (PORT / "modules/flashbdev.py").read_text()

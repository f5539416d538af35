"""Images and layouts: what is taken for one, what is said of the others, and what becomes of a board's files."""

import hashlib
import struct
from pathlib import Path

import pytest
from atecc.errors import ArgumentError, AteccError, RefusedError
from atecc.flashing import Loader, Target, choose, find_images, make_plan
from atecc.flashing.image import read_image
from atecc.flashing.layout import SECTOR, Layout, is_file_system
from boards.places import esp32_boards

from boards import standin

C3 = standin.merged("esp32c3")
LITTLEFS = bytes(8) + b"littlefs" + bytes(SECTOR - 16)
FAT = b"\xeb\xfe\x90MSDOS5.0" + bytes(499) + b"\x55\xaa" + bytes(SECTOR - 512)
BLANK, RUBBISH = b"\xff" * SECTOR, b"rubbish!" * (SECTOR // 8)


def image_of(tmp_path: Path, data: bytes, name: str = "image.bin") -> Path:
    (tmp_path / name).write_bytes(data)
    return tmp_path / name


@pytest.mark.parametrize("chip", standin.CHIP_IDS)
def test_an_image_says_what_it_is_for(tmp_path: Path, chip: str) -> None:
    image = read_image(image_of(tmp_path, standin.merged(chip), "MINE.bin"))
    assert image.chip.lower().replace("-", "") == chip
    assert (image.board, image.offset, image.ours) == ("MINE", standin.OFFSETS[chip], True)
    assert (image.files.name, image.files.offset) == ("vfs", 0x280000)


def test_an_image_may_begin_with_the_flash(tmp_path: Path) -> None:
    """As esptool merges one for an ESP32, unless it is told otherwise."""
    image = read_image(image_of(tmp_path, b"\xff" * 0x1000 + standin.merged("esp32")))
    assert (image.chip, image.offset) == ("ESP32", 0)


def altered(data: bytes, place: int, byte: int | None = None) -> bytes:
    return data[:place] + bytes([data[place] ^ 1 if byte is None else byte]) + data[place + 1 :]


NO_IMAGES = {
    "is empty": b"",
    "is no firmware image": b"hello, world",
    "is a program before an image is made of it": b"\x7fELF" + bytes(100),
    "is a UF2 file": b"UF2\n" + bytes(508),
    "is a ZIP archive": b"PK\x03\x04" + bytes(100),
    "is a page of the web": b"<!DOCTYPE html>",
    "is a JSON file": b'{"builds": []}',
    "is an app alone, without bootloader and partition table": standin.app("esp32c3"),
    "is no image of a whole MicroPython": C3[:0x8000] + b"\xff" * 0x1000 + C3[0x9000:],
    "is for a chip that is not known here (its ID is 99)": altered(C3, 12, 99),
    "The app in": C3[: 0x10000 + 20],
    "image.bin is cut off": C3[:-5000],
    "is damaged: its checksum is another one": altered(C3, 0x10000 + 200),
    "The bootloader in": altered(C3, 100),
    "is damaged: its SHA-256 is another one": altered(C3, len(C3) - 1),
    "is for another chip than an ESP32-C3": altered(C3, 0x10000 + 12, 9),
    "would reach into the files at 0x280000": C3 + b"\xff" * 0x280000,
}


@pytest.mark.parametrize(("said", "data"), NO_IMAGES.items(), ids=NO_IMAGES)
def test_what_is_no_image_is_said_so(tmp_path: Path, said: str, data: bytes) -> None:
    with pytest.raises(ArgumentError) as raised:
        read_image(image_of(tmp_path, data))
    assert said in raised.value.message


def test_an_image_without_this_firmware_says_so(tmp_path: Path) -> None:
    other = C3.replace(b"atecc608/", b"somethng/")
    segment = other[0x10000:]
    rebuilt = segment[:-32] + hashlib.sha256(segment[:-32]).digest()
    # the checksum has changed as well
    before = rebuilt[-33]
    wrong = 0
    for old, new in zip(b"atecc608/", b"somethng/", strict=True):
        wrong ^= old ^ new
    rebuilt = rebuilt[:-33] + bytes([before ^ wrong])
    image = read_image(image_of(tmp_path, other[:0x10000] + rebuilt + hashlib.sha256(rebuilt).digest()))
    assert not image.ours
    plan = make_plan(Flash(BLANK * 2), target(image.layout), image)
    assert "this image holds none of this project's firmware" in list(plan.sentences())


# A folder of them.


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    standin.write(tmp_path / "PLAIN.bin", "esp32")
    standin.write(tmp_path / "CORE2.bin", "esp32")
    standin.write(tmp_path / "C3" / "firmware.bin", "esp32c3")
    return tmp_path


def test_the_image_for_the_chip_is_found(folder: Path) -> None:
    images = find_images(folder)
    assert choose(images, "ESP32-C3", None).board == "C3"
    assert choose(images, "ESP32", "CORE2").board == "CORE2"


@pytest.mark.parametrize(
    ("chip", "board", "said"),
    [
        ("ESP32", None, "Several images are for an ESP32: CORE2, PLAIN."),
        ("ESP32-S3", None, "No image here is for an ESP32-S3: nothing was written."),
        ("ESP32-C3", "PLAIN", "No image here is for an ESP32-C3 on a board PLAIN: nothing was written."),
    ],
)
def test_without_one_image_nothing_is_chosen(folder: Path, chip: str, board: str | None, said: str) -> None:
    with pytest.raises(ArgumentError) as raised:
        choose(find_images(folder), chip, board)
    assert raised.value.message == said


def test_a_folder_without_images(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="There is no image in"):
        find_images(tmp_path)


def test_sums_are_compared(folder: Path) -> None:
    sums = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}"
        for name in ("PLAIN.bin", "CORE2.bin")
    ]
    (folder / "SHA256SUMS").write_text("\n".join(sums) + "\n")
    assert len(find_images(folder)) == 3
    standin.write(folder / "PLAIN.bin", "esp32c6")
    with pytest.raises(ArgumentError, match=r"PLAIN.bin is not the file that SHA256SUMS has a sum of"):
        find_images(folder)


# What becomes of the files.


class Flash:
    """A loader whose chip's files begin with `start`."""

    def __init__(self, start: bytes) -> None:
        self.start = start

    def read(self, offset: int, size: int) -> bytes:
        assert (offset, size) == (0x280000, len(self.start))
        return self.start


def target(layout: Layout, size: int | None = 4 << 20) -> Target:
    return Target("ESP32-C3", "ESP32-C3 (revision v0.4)", "AA:BB", size, layout)


OURS, STOCK, NOTHING = Layout.parse(standin.table()), Layout.parse(standin.table(standin.STOCK)), Layout(())


@pytest.mark.parametrize(
    ("layout", "start", "fate"),
    [
        (OURS, LITTLEFS + RUBBISH, "kept"),
        (OURS, RUBBISH + LITTLEFS, "kept"),
        (OURS, FAT + RUBBISH, "kept"),
        (OURS, BLANK + BLANK, "none"),
        (OURS, RUBBISH + BLANK, "rubbish"),
        (STOCK, RUBBISH + RUBBISH, "others"),
        (STOCK, LITTLEFS + LITTLEFS, "others"),
        (NOTHING, BLANK + BLANK, "none"),
        (NOTHING, RUBBISH + BLANK, "others"),
    ],
)
def test_files_are_kept_where_they_are_ours(tmp_path: Path, layout: Layout, start: bytes, fate: str) -> None:
    """MicroPython never starts where the first sector is neither blank nor of a file system: then it is erased."""
    image = read_image(image_of(tmp_path, C3))
    plan = make_plan(Flash(start), target(layout), image)
    assert plan.files == fate
    assert plan.erase == ((0x280000, 2 * SECTOR) if fate in ("others", "rubbish") else None)
    assert ("LOST" in " ".join(plan.sentences())) == (fate == "others")


def test_files_are_erased_whole_where_that_is_wanted(tmp_path: Path) -> None:
    plan = make_plan(Flash(LITTLEFS * 2), target(OURS), read_image(image_of(tmp_path, C3)), erase_files=True)
    assert plan.erase == (0x280000, 0x180000)
    assert "THE FILES at 0x280000 ARE ERASED" in " ".join(plan.sentences())


@pytest.mark.parametrize(
    ("size", "said"), [(2 << 20, "has 2 MB, and image takes 4 MB"), (None, "does not tell its size")]
)
def test_a_flash_that_will_not_do(tmp_path: Path, size: int | None, said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        make_plan(Flash(BLANK * 2), target(NOTHING, size), read_image(image_of(tmp_path, C3)))


def test_a_layout_is_the_projects_own() -> None:
    assert [one.name for one in OURS.partitions] == ["nvs", "phy_init", "factory", "vfs"]
    assert OURS.end == 4 << 20
    assert Layout.parse(b"\xff" * 0xC00).partitions == ()
    assert Layout.parse(struct.pack("<2s30x", b"\xaa\x50")).partitions[0].name == ""
    assert not is_file_system(RUBBISH * 2)


def test_there_is_a_stand_in_for_each_chip_that_a_board_has() -> None:
    assert {board.name for board in esp32_boards()} and {*standin.CHIP_IDS} == {
        "esp32",
        "esp32s3",
        "esp32c3",
        "esp32c6",
    }


def test_without_esptool_it_is_told_how_to_get_it(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 3\n")
    python.chmod(0o755)
    with Loader("/dev/null", str(python)) as loader, pytest.raises(AteccError, match="esptool") as raised:
        loader.connect()
    assert "`pip install esptool`" in raised.value.hint


def test_an_esptool_that_ends_in_the_middle(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'out of paper' >&2; exit 1\n")
    python.chmod(0o755)
    with Loader("/dev/null", str(python)) as loader, pytest.raises(AteccError, match="out of paper"):
        loader.connect()

"""boards/README.md says what is so."""

import re
import xml.etree.ElementTree as ET

from boards.places import ROOT, Board, esp32_boards
from boards.rules import ADDRESSES

README = (ROOT / "boards/README.md").read_text()


def row(board: Board) -> str:
    py = board.py
    address = "found by itself" if py.ATECC_ADDRESS is None else f"0x{py.ATECC_ADDRESS:02X}"
    slots = ", ".join(map(str, py.KEY_SLOTS))
    speed = f"{py.I2C_HZ // 1000} kHz"
    cells = (f"`{board.name}`", board.chip, f"GPIO {py.SCL}", f"GPIO {py.SDA}", speed, address, slots)
    return f"| {' | '.join(cells)} |"


def test_pins_are_those_of_board_py(board: Board) -> None:
    assert row(board) in README.splitlines()


def test_no_board_is_listed_that_is_none() -> None:
    listed = re.findall(r"(?m)^\| `(\w+)` \|", README)
    assert sorted(listed) == [path.name for path in esp32_boards()]


def test_addresses_are_those_that_are_tried() -> None:
    rows = re.findall(r"(?m)^\| 0x(\w\w) \| 0x(\w\w) \|", README)
    assert {int(seven, 16) for seven, _ in rows} == {*ADDRESSES} - {None}
    assert [eight for seven, eight in rows if int(eight, 16) != int(seven, 16) << 1] == []


def test_addresses_are_the_drivers() -> None:
    driver = (ROOT / "firmware/atecc608/bus.py").read_text()
    match = re.search(r"(?m)^KNOWN_ADDRESSES = \((.*)\)$", driver)
    assert match, "the driver names its addresses differently now"
    assert {int(address, 16) for address in match[1].split(", ")} == {*ADDRESSES} - {None}


def test_the_picture_is_a_picture() -> None:
    picture = ET.parse(ROOT / "boards/wiring.svg").getroot()
    assert "prefers-color-scheme: dark" in "".join(picture.itertext())
    assert "](wiring.svg)" in README

"""`atecc flash` with the real esptool: the chip's loader is simulated (simrom), and so is the board that starts."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from simrom import FlashBoard
from user import Said, User

from boards import standin

FILES = 0x280000
MB = 1 << 20


@pytest.fixture
def images(tmp_path: Path) -> Path:
    standin.write(tmp_path / "images" / "PLAIN.bin", "esp32")
    standin.write(tmp_path / "images" / "C3.bin", "esp32c3")
    return tmp_path / "images"


@pytest.fixture
def boards() -> Iterator[Callable[..., FlashBoard]]:
    """Makes boards whose chip is in its loader."""
    made: list[FlashBoard] = []

    def make(model: str = "esp32c3", **options: Any) -> FlashBoard:
        board = FlashBoard(model, **{"chip": False} | options)
        made.append(board.__enter__())
        board.press_reset(boot=True)
        return board

    yield make
    for board in made:
        board.__exit__()


def flash(board: FlashBoard, *arguments: str | Path) -> Said:
    return User(board.port).types("flash", *arguments)


def install(board: FlashBoard, rows: str | None = None) -> None:
    """As if it had been flashed before."""
    for offset, part in standin.parts("esp32c3", "before", rows).items():
        board.flash.program(offset, part)


def test_a_blank_board_becomes_a_device(boards, images: Path) -> None:
    board = boards(chip=True, chip_options=["--preset", "tls", "--locked"])
    said = flash(board, images, "--yes")
    assert said.status == 0, said.err
    assert "ESP32-C3" in said.err and "MAC 02:00:11:22:33:44, 8 MB of flash" in said.err
    assert "there are no files at 0x280000 yet" in said.err
    for layer in ("firmware", "self-check", "configuration"):
        assert f"{layer}  ok  " in said.out, said.out
    assert "Next: `atecc provision --help`" in said.err


def test_an_update_keeps_the_files(boards, images: Path) -> None:
    board = boards()
    install(board)
    board.press_reset()
    user = User(board.port)
    user.types("doctor")
    user.succeeds("config", "set", "device.id=kept", "--save")
    board.press_reset(boot=True)
    said = flash(board, images, "--yes", "--json")
    assert said.status == 0, said.err
    assert "the files at 0x280000 stay, identities and settings among them" in said.err
    assert said.json["files"] == "kept" and said.json["written"]
    assert user.succeeds("config", "get", "device.id").out.strip() == "kept"
    board.press_reset(boot=True)
    said = flash(board, images, "--yes", "--erase-files")
    assert "THE FILES at 0x280000 ARE ERASED" in said.err
    assert user.succeeds("config", "get", "device.id").out.strip() != "kept"


@pytest.mark.parametrize("rows", [None, standin.STOCK], ids=["our layout", "another layout"])
def test_what_another_firmware_left_does_not_stop_the_start(boards, images: Path, rows: str | None) -> None:
    board = boards()
    install(board, rows)
    board.flash.program(FILES, b"not a file system" * 1000)
    said = flash(board, images, "--yes")
    assert said.status == 0, said.err
    assert ("FILES THAT THE BOARD HAS ARE LOST" in said.err) == (rows is not None)
    assert "self-check  ok" in said.out


def test_without_that_it_would_not_start(boards, images: Path) -> None:
    board = boards(finger=False)
    install(board)
    board.flash.program(FILES, b"not a file system" * 1000)
    board.press_reset()
    assert "no file system" in User(board.port).types("info").err


def test_a_dry_run_says_what_would_be_done(boards, images: Path) -> None:
    board = boards(finger=False)
    before = bytes(board.flash.bytes)
    said = flash(board, images / "C3.bin", "--dry-run")
    assert said.status == 0, said.err
    assert "writes the flash from 0x0 to 0x" in said.err
    assert said.out.strip() == "Nothing was written."
    assert bytes(board.flash.bytes) == before


def test_nobody_is_asked_where_nobody_can_be_asked(boards, images: Path) -> None:
    board = boards(finger=False)
    said = flash(board, images)
    assert said.status == 5
    assert "--yes answers yes" in said.err
    assert board.flash.bytes.count(0xFF) == len(board.flash)


REFUSED = {
    "has secure boot on": {"secure_boot": True},
    "has flash encryption on": {"encrypted": True},
    "has 2 MB, and C3 takes 4 MB": {"size": 2 * MB},
}


@pytest.mark.parametrize("model", ["esp32c3", "esp32"])
@pytest.mark.parametrize(("said", "options"), REFUSED.items(), ids=REFUSED)
def test_what_would_ruin_it_is_refused(
    boards, images: Path, model: str, said: str, options: dict[str, Any]
) -> None:
    board = boards(model, finger=False, **options)
    refused = flash(board, images, "--yes")
    assert refused.status == 5
    assert said.replace("C3", "PLAIN" if model == "esp32" else "C3") in refused.err.replace("\n", " ")
    assert "Nothing was written." in refused.err
    assert board.flash.bytes.count(0xFF) == len(board.flash)


def test_the_wrong_chip(boards, images: Path) -> None:
    board = boards("esp32c6", finger=False)
    said = flash(board, images / "C3.bin", "--yes")
    assert said.status == 2
    assert (
        "The chip is an ESP32-C6, and" in said.err and "is for an ESP32-C3: nothing was written" in said.err
    )
    assert board.flash.bytes.count(0xFF) == len(board.flash)


def test_a_file_that_is_no_image_is_not_even_tried(boards) -> None:
    board = boards(finger=False)
    said = flash(board, Path(__file__), "--yes")
    assert said.status == 2
    assert "is no firmware image" in said.err
    assert board.loader is not None and board.loader.requests == []


def test_what_arrives_damaged_is_noticed(boards, images: Path) -> None:
    board = boards(finger=False)
    assert board.loader is not None
    board.loader.damage = True
    said = flash(board, images, "--yes")
    assert said.status == 3
    assert "What is in the flash now is not what was written" in said.err


@pytest.mark.waits
def test_a_cable_that_goes_in_the_middle(boards, images: Path) -> None:
    board = boards(finger=False)
    assert board.loader is not None
    board.loader.break_off = lambda: threading.Thread(target=board.unplug).start()
    said = flash(board, images, "--yes")
    assert said.status == 3, said.err
    assert "broke off" in said.err and "Run the command again" in said.err


def test_a_board_that_does_not_start_is_told_apart(boards, images: Path) -> None:
    """A boot loop: what the ROM says over and over is put into a sentence."""
    board = boards(finger=False)
    board.press_reset()
    said = User(board.port).types("info")
    assert said.status == 3
    assert "starts over and over: its flash is empty" in said.err
    assert "`atecc flash`" in said.err


@pytest.mark.waits
def test_no_loader_answers(boards, images: Path) -> None:
    """RTS and DTR lead nowhere, and nobody holds BOOT: a board in the middle of a boot loop, for one."""
    board = boards(finger=False)
    board.press_reset()
    said = flash(board, images, "--yes")
    assert said.status == 3
    assert "Hold its BOOT button" in said.err


def test_a_port_that_is_not_there(images: Path) -> None:
    said = User("/dev/nowhere").types("flash", images, "--yes")
    assert (said.status, "There is no serial port /dev/nowhere" in said.err) == (3, True)


def test_the_network_is_no_cable(images: Path) -> None:
    said = User("wss://127.0.0.1").types("flash", images, "--yes")
    assert (said.status, "takes the USB cable" in said.err) == (2, True)


@pytest.mark.waits
def test_rts_and_dtr_do_what_a_finger_would(boards, images: Path) -> None:
    """Over a port that has these lines: into the loader out of a boot loop, and out of it into what was written."""
    board = boards(lines=True)
    board.press_reset()
    said = flash(board, images, "--yes", "--json")
    assert said.status == 0, said.err
    assert "RESET button" not in said.err
    assert {one["name"]: one["state"] for one in json.loads(said.out)["layers"]}["firmware"] == "ok"

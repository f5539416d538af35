"""What `atecc install` makes of a board's MicroPython, and where the firmware's files come from."""

import json
import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from atecc.errors import ArgumentError, AteccError
from atecc.install import Found, board_file, firmware_files, judge, parse_pins
from atecc.install.sources import MICRODOT, firmware_folder, module_names

ROOT = Path(__file__).parents[2]
GOOD = Found(
    version=(1, 26, 1), machine="Generic ESP32S3 module with ESP32S3", platform="esp32", tls=True, signs=True,
    threads=True, i2c=True, asyncio=True, umqtt=True, board=False, frozen=False, free=1 << 20, heap=2 << 20,
    native=2 << 20, both=4 << 20,
)  # fmt: skip


def test_a_suitable_board():
    judge(GOOD, 300_000)


@pytest.mark.parametrize(
    ("lacking", "words"),
    [
        ({"version": (1, 23, 0)}, "1.23.0 is too old"),
        ({"tls": False}, "no tls"),
        ({"threads": False, "asyncio": False}, "no _thread, no asyncio"),
        ({"signs": False}, "MICROPY_PY_SSL_ECDSA_SIGN_ALT"),
        ({"umqtt": False}, "no umqtt.simple"),
        ({"free": 300_000}, "flash has 292 kB left"),
        ({"heap": 120 << 10}, "120 kB of memory for Python"),
        # Together it would be enough, and TLS would run out for ever.
        ({"native": 40 << 10}, "40 kB of memory for TLS and threads"),
        ({"native": 200 << 10, "heap": 180 << 10, "both": 200 << 10}, "34 kB of memory for TLS"),
        ({"frozen": True}, "frozen into its MicroPython"),
    ],
)
def test_a_board_that_is_not(lacking, words):
    with pytest.raises(AteccError) as caught:
        judge(replace(GOOD, **lacking), 300_000)
    assert words in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_status == 3


def test_pins():
    assert parse_pins("22,21") == (22, 21, 0)
    assert parse_pins("9, 8, 1") == (9, 8, 1)
    with pytest.raises(ArgumentError):
        parse_pins("22,22")


def test_a_written_board_file_sets_what_the_others_set():
    made, theirs = {}, {}
    exec(board_file((9, 8, 0), GOOD.machine, GOOD.platform), made)
    exec((ROOT / "boards/ESP32_GENERIC_S3_ATECC608/board.py").read_text(), theirs)
    assert {name for name in made if name.isupper()} == {name for name in theirs if name.isupper()}
    assert (made["SCL"], made["SDA"], made["I2C"], made["ARCH"]) == (9, 8, 0, "esp32s3")


def test_every_module_of_the_firmware_is_installed():
    folder = ROOT / "firmware"
    assert firmware_folder() == folder
    wanted = {
        f"/lib/{p.relative_to(folder).as_posix()}"
        for p in folder.rglob("*.py")
        if p.parent.name != "examples"
    }
    wanted -= {"/lib/main.py", "/lib/boot.py"}
    assert set(firmware_files()) == wanted | {f"/lib/microdot/{name}" for name in MICRODOT} | {"/main.py"}
    assert list(firmware_files())[-1] == "/main.py", "nothing starts before all of it is there"


def test_the_package_for_mip_lists_every_module():
    folder = ROOT / "firmware"
    made = runpy.run_path(str(ROOT / "host" / "mip.py"))
    assert (folder / "atecc608" / "package.json").read_text() == made["driver"](), "`make mip` writes it anew"
    text = (folder / "package.json").read_text()
    assert text == made["package"](), "`make mip` writes it anew"
    listed = {there for there, _ in json.loads(text)["urls"]}
    assert {
        p.relative_to(folder).as_posix() for p in folder.rglob("*.py") if p.parent.name != "examples"
    } - listed == {"main.py", "boot.py"}


def test_a_build_brings_the_firmware_along(tmp_path):
    """What the wheel is made from; the rest of the build is setuptools' own."""
    code = """
import runpy, sys
from setuptools import Distribution
about = {"name": "atecc", "packages": ["atecc"], "script_name": "setup.py"}
build = runpy.run_path("setup.py")["WithFirmware"](Distribution(about))
build.build_lib = sys.argv[1]
build.ensure_finalized()
build.run()
"""
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "lib"],
        cwd=ROOT / "host",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    built = tmp_path / "lib" / "atecc" / "firmware"
    assert module_names(built) == module_names(ROOT / "firmware")
    assert (built / "main.py").read_bytes() == (ROOT / "firmware" / "main.py").read_bytes()

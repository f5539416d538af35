"""`make firmware` and `make flash`: what they run, and what they say where something is missing.

MicroPython's own Makefile and makeimg.py do the building; ESP-IDF is played by shell scripts that write down
what they were called with, and the chip by simrom.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from boards.places import MICROPYTHON, PORT, ROOT
from simrom import FlashBoard

from boards import standin

C3 = "ESP32_GENERIC_C3_ATECC608"

EXPORT = 'echo "words of export.sh"; PATH="$IDF_PATH/bin:$PATH"\n'
IDF_PY = """#!/bin/sh
printf '%s\\n' "$@" >"$IDF_PATH/idf-arguments"
env >"$IDF_PATH/idf-environment"
while [ "$1" != -B ]; do shift; done
mkdir -p "$2/bootloader" "$2/partition_table"
cp "$IDF_PATH/sdkconfig" "$2/sdkconfig"
printf boot >"$2/bootloader/bootloader.bin"
printf table >"$2/partition_table/partition-table.bin"
printf app >"$2/micropython.bin"
"""
# What makeimg.py imports from ESP-IDF.
GEN_ESP32PART = """
from types import SimpleNamespace as Part
APP_TYPE = 0
class PartitionTable(list):
    @classmethod
    def from_binary(cls, data):
        app = Part(name="factory", type=APP_TYPE, offset=0x10000, size=0x270000)
        return cls([Part(name="nvs", type=1, offset=0x9000, size=0x6000), app])
"""
SDKCONFIG = """CONFIG_IDF_TARGET="esp32c3"
CONFIG_BOOTLOADER_OFFSET_IN_FLASH=0x0
CONFIG_PARTITION_TABLE_OFFSET=0x8000
# CONFIG_MBEDTLS_ECDSA_DETERMINISTIC is not set
"""


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def idf(tmp_path: Path) -> Path:
    idf = tmp_path / "esp-idf"
    program(idf / "bin/idf.py", IDF_PY)
    (idf / "export.sh").write_text(EXPORT)
    (idf / "sdkconfig").write_text(SDKCONFIG)
    (idf / "components/partition_table").mkdir(parents=True)
    (idf / "components/partition_table/gen_esp32part.py").write_text(GEN_ESP32PART)
    return idf


@pytest.fixture
def micropython(tmp_path: Path) -> Path:
    """A copy that may be built in."""
    copy = tmp_path / "micropython"
    shutil.copytree(PORT, copy / "ports/esp32")
    shutil.copytree(MICROPYTHON / "py", copy / "py")
    (copy / "lib/micropython-lib").mkdir(parents=True)
    (copy / "lib/micropython-lib/README.md").touch()
    return copy


def esp32(
    *arguments: str | Path, path: str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    inherited = {
        name: value for name, value in os.environ.items() if name not in ("IDF_PATH", "MICROPYTHON_DIR")
    }
    return subprocess.run(
        [sys.executable, ROOT / "boards/esp32.py", *map(str, arguments)],
        cwd=ROOT,
        env={**inherited, **({"PATH": path} if path else {}), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def said(done: subprocess.CompletedProcess[str]) -> str:
    """The one sentence it stops with."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


@pytest.fixture
def build(tmp_path: Path, micropython: Path, idf: Path):
    def build(**environment: str) -> subprocess.CompletedProcess[str]:
        places = ("--micropython", micropython, "--idf", idf, "--into", tmp_path / "firmware")
        return esp32("build", "--board", C3, *places, **environment)

    return build


def test_firmware(build, tmp_path: Path, micropython: Path, idf: Path) -> None:
    done = build()
    assert done.returncode == 0, done.stderr
    arguments = (idf / "idf-arguments").read_text().splitlines()
    assert f"MICROPY_BOARD={C3}" in arguments
    assert f"MICROPY_BOARD_DIR={ROOT}/boards/{C3}" in arguments
    image = (tmp_path / "firmware" / C3 / "firmware.bin").read_bytes()
    assert image.startswith(b"boot\xff")
    assert image[0x8000:0x8005] == b"table"
    assert image[0x10000:] == b"app"
    facts = json.loads((tmp_path / "firmware" / C3 / "firmware.json").read_text())
    assert facts == {"board": C3, "chip": "esp32c3", "offset": "0x0"}


def test_variables_of_our_make_stay_here(build, idf: Path) -> None:
    """BUILD would reach MicroPython's own compiler."""
    assert build(BUILD="elsewhere", BOARD="X", PORT="Y", MAKEFLAGS="BUILD=elsewhere").returncode == 0
    environment = (idf / "idf-environment").read_text().splitlines()
    assert [
        line for line in environment if "elsewhere" in line or line.startswith(("BUILD=", "BOARD=", "PORT="))
    ] == []
    assert f"-B\nbuild-{C3}\n" in (idf / "idf-arguments").read_text()


def test_option_that_would_keep_the_chip_from_signing(build, tmp_path: Path, idf: Path) -> None:
    (idf / "sdkconfig").write_text(SDKCONFIG + "CONFIG_MBEDTLS_ECDSA_DETERMINISTIC=y\n")
    assert "the chip would never be asked to sign" in said(build())
    assert not (tmp_path / "firmware" / C3).exists()


def test_build_that_fails(build, tmp_path: Path, idf: Path) -> None:
    build()
    program(idf / "bin/idf.py", "#!/bin/sh\necho 'why it fails' >&2; exit 2\n")
    done = build()
    assert "why it fails" in done.stderr
    assert said(done) == f"{C3} could not be built; why stands above."
    flashed = esp32("flash", "--board", C3, "--port", "/dev/null", "--into", tmp_path / "firmware")
    assert said(flashed).startswith(f"{C3} isn't built yet"), "an image that is older than its sources"


@pytest.mark.parametrize("status", [0, 1])
def test_esp_idf_that_is_not_installed(build, idf: Path, status: int) -> None:
    """From 5.4 to 5.5.4 export.sh ends with 0 when it fails."""
    (idf / "export.sh").write_text(f"echo 'run install.sh first'; return {status}\n")
    done = build()
    assert "run install.sh first" in done.stderr
    assert said(done).startswith(f"ESP-IDF in {idf} can't be activated: its export.sh brings no idf.py")


MISSING = [
    (["check"], "Which board? Say BOARD=NAME. There are: ESP32_GENERIC_ATECC608, "),
    (["check", "--board", "SIM"], "There is no board SIM for ESP-IDF here. There are: "),
    (["check", "--board", C3], "Where is MicroPython? Say MICROPYTHON_DIR=DIR"),
    (["check", "--board", C3, "--micropython", "/nowhere"], "There is no MicroPython in /nowhere"),
    (["check", "--board", C3, "--micropython", "MICROPYTHON"], "Where is ESP-IDF? Say IDF_PATH=DIR"),
    (
        ["check", "--board", C3, "--micropython", "MICROPYTHON", "--idf", "/nowhere"],
        "There is no ESP-IDF in /nowhere",
    ),
    (["flash"], "Which board? Say BOARD=NAME. There are: "),
    (["flash", "--board", C3], "Which serial port? Say PORT=/dev/…. "),
    (["flash", "--board", C3, "--port", "/dev/nowhere"], "There is no port /dev/nowhere. "),
]


@pytest.mark.parametrize(("arguments", "sentence"), MISSING, ids=[sentence for _, sentence in MISSING])
def test_what_is_missing(micropython: Path, arguments: list[str], sentence: str) -> None:
    filled = [str(micropython) if argument == "MICROPYTHON" else argument for argument in arguments]
    assert said(esp32(*filled)).startswith(sentence)


def test_make_says_so_before_it_downloads() -> None:
    """A rule of make fails with the sentence, and runs nothing else."""
    done = subprocess.run(
        [
            "make",
            "--no-print-directory",
            "firmware",
            "BOARD=X",
            "BUILD=/nowhere",
            "IDF_PATH=",
            "MICROPYTHON_DIR=",
        ],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "MAKEFLAGS"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "There is no board X for ESP-IDF here." in done.stderr
    assert done.stdout == ""


def test_make_downloads_what_is_frozen_and_nothing_else(tmp_path: Path) -> None:
    """Whoever builds for a board needs neither the host tool nor what the tests need."""
    done = subprocess.run(
        ["make", "-n", "--no-print-directory", "firmware", f"BOARD={C3}", f"BUILD={tmp_path}"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "MAKEFLAGS"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "SIM/umqtt.txt" in done.stdout and "SIM/microdot.txt" in done.stdout
    assert "locked.txt" not in done.stdout and "-e host" not in done.stdout


def test_home_directory_that_the_shell_has_left_as_it_is(micropython: Path) -> None:
    """Not every shell replaces ~ in NAME=~/…"""
    arguments = ("check", "--board", C3, "--micropython", "~/micropython", "--idf", "/nowhere")
    assert said(esp32(*arguments, HOME=str(micropython.parent))).startswith("There is no ESP-IDF in /nowhere")


def test_submodules_missing(micropython: Path) -> None:
    (micropython / "lib/micropython-lib/README.md").unlink()
    sentence = said(esp32("check", "--board", C3, "--micropython", micropython, "--idf", "/nowhere"))
    assert sentence.startswith(f"The submodules of {micropython} are missing. Fetch them: make -C ")


# --- flashing


@pytest.fixture
def flash(tmp_path: Path):
    """With the firmware already built."""
    standin.write(tmp_path / "firmware" / C3 / "firmware.bin", "esp32c3")
    (tmp_path / "firmware" / C3 / "firmware.json").write_text("{}")

    def flash(port: str) -> subprocess.CompletedProcess[str]:
        return esp32("flash", "--board", C3, "--port", port, "--into", tmp_path / "firmware")

    return flash


def test_flash_shows_what_it_does_and_does_it(flash, tmp_path: Path) -> None:
    with FlashBoard("esp32c3") as board:
        board.press_reset(boot=True)
        done = flash(board.port)
        image = (tmp_path / "firmware" / C3 / "firmware.bin").read_bytes()
        assert done.returncode == 0, done.stderr
        assert board.flash.read(0, len(image)) == image
    assert f"writes the flash from 0x0 to 0x{len(image):X}" in done.stdout
    assert "no eFuse is burnt" in done.stdout
    assert (
        done.stdout.splitlines()[-1]
        == f"{C3} is written, and compared by its MD5. Next: atecc doctor --port {board.port}"
    )


def test_flash_of_another_chip(flash) -> None:
    with FlashBoard("esp32c6") as board:
        board.press_reset(boot=True)
        done = flash(board.port)
        assert board.flash.bytes.count(0xFF) == len(board.flash)
    assert "The chip is an ESP32-C6, and" in done.stderr
    assert "nothing was written" in done.stderr and "Traceback" not in done.stderr


def test_nothing_built_yet() -> None:
    done = esp32("flash", "--board", C3, "--port", "/dev/null", "--into", "/nowhere")
    assert said(done) == f"{C3} isn't built yet: make firmware BOARD={C3} …"

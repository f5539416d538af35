#!/usr/bin/env python3
"""Builds firmware for a real board with MicroPython and ESP-IDF, and flashes it: `make firmware` and `make flash`.

    esp32.py check --board BOARD --micropython DIR --idf DIR
    esp32.py build --board BOARD --micropython DIR --idf DIR --parts DIR --into DIR
    esp32.py path --idf DIR
    esp32.py flash --board BOARD --port PORT --into DIR

What it builds with is the port's own Makefile and idf.py; what it flashes with is esptool, which the Python that runs
this has to have then. Beyond that only the standard library, and an empty string is the same as an option left out:
that is how make hands on a variable nobody set.
"""

import argparse
import glob
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

BOARDS = Path(__file__).resolve().parent
# Variables of our make that would mean something else to MicroPython's; BUILD would even reach mpy-cross.
OURS = ("BUILD", "BOARD", "PORT", "ARGS", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")
OPTION_THAT_MUST_BE_OFF = "CONFIG_MBEDTLS_ECDSA_DETERMINISTIC=y"
# The port's own default, and that of ESP-IDF.
BOOTLOADER_OFFSET = "0x1000"
# What export.sh says goes to standard error, the environment it makes to standard output. Its status means nothing:
# from 5.4 to 5.5.4 it ends well when it fails.
ACTIVATE = '. "$IDF_PATH/export.sh" >&2; exec env -0'
FACTS = "firmware.json"  # beside firmware.bin: what it is for, and where it goes


class Problem(Exception):
    """Something the user has to know, as a sentence."""


def boards() -> list[str]:
    return sorted(path.parent.name for path in BOARDS.glob("*/mpconfigboard.cmake"))


def the_board(name: str) -> str:
    choice = "There are: " + ", ".join(boards()) + "."
    if not name:
        raise Problem(f"Which board? Say BOARD=NAME. {choice}")
    if name not in boards():
        raise Problem(f"There is no board {name} for ESP-IDF here. {choice}")
    return name


def the_micropython(name: str) -> Path:
    if not name:
        raise Problem("Where is MicroPython? Say MICROPYTHON_DIR=DIR, a checkout with its submodules.")
    path = Path(name).expanduser().resolve()
    if not (path / "ports/esp32/CMakeLists.txt").is_file():
        raise Problem(f"There is no MicroPython in {path}: ports/esp32 is missing.")
    if not (path / "lib/micropython-lib/README.md").is_file():
        raise Problem(
            f"The submodules of {path} are missing. Fetch them: make -C {path}/ports/esp32 submodules (with ESP-IDF's "
            "export.sh sourced)."
        )
    return path


def the_idf(name: str) -> Path:
    if not name:
        raise Problem("Where is ESP-IDF? Say IDF_PATH=DIR, version 5.3 to 5.5, after its install.sh.")
    path = Path(name).expanduser().resolve()
    if not (path / "export.sh").is_file():
        raise Problem(f"There is no ESP-IDF in {path}: export.sh is missing.")
    return path


# --- building


def environment(**more: str) -> dict[str, str]:
    return {**{name: value for name, value in os.environ.items() if name not in OURS}, **more}


def activated(idf: Path) -> dict[str, str]:
    """The environment that ESP-IDF's export.sh makes; what that says is shown only if idf.py isn't in there."""
    done = subprocess.run(
        ["bash", "-c", ACTIVATE],
        env=environment(IDF_PATH=str(idf)),
        capture_output=True,
        text=True,
        check=False,
    )
    made = dict(pair.partition("=")[::2] for pair in done.stdout.split("\0") if pair)
    if shutil.which("idf.py", path=made.get("PATH", "")) is None:
        print(done.stderr, end="", file=sys.stderr)
        raise Problem(
            f"ESP-IDF in {idf} can't be activated: its export.sh brings no idf.py; what it said stands above. "
            "Its install.sh may not have been run for this chip and this Python."
        )
    return made


def build(board: str, micropython: Path, idf: Path, parts: Path, into: Path) -> None:
    port = micropython / "ports/esp32"
    made = port / f"build-{board}"
    (into / FACTS).unlink(missing_ok=True)  # if this fails, what was built before is not flashed by mistake
    print(f"building {board} in {made}", flush=True)
    done = subprocess.run(
        ["make", "--no-print-directory", "-C", port, f"BOARD_DIR={BOARDS / board}"],
        env=activated(idf) | {"ATECC_PARTS": str(parts.resolve())},
        check=False,
    )
    if done.returncode:
        raise Problem(f"{board} could not be built; why stands above.")
    keep(board, made, into)


def keep(board: str, made: Path, into: Path) -> None:
    """Copies what `flash` needs out of MicroPython's build directory, if it is what it must be."""
    configured = (made / "sdkconfig").read_text()
    if OPTION_THAT_MUST_BE_OFF in configured:
        raise Problem(
            f"ESP-IDF was configured with {OPTION_THAT_MUST_BE_OFF} ({made}/sdkconfig): the chip would never be asked "
            "to sign. Remove that directory and build again."
        )
    into.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(made / "firmware.bin", into / "firmware.bin")
    facts = {
        "board": board,
        "chip": option(configured, "IDF_TARGET", "esp32"),
        "offset": option(configured, "BOOTLOADER_OFFSET_IN_FLASH", BOOTLOADER_OFFSET),
    }
    (into / FACTS).write_text(json.dumps(facts, indent=2) + "\n")
    print(f"{into}/firmware.bin is ready: make flash BOARD={board} PORT=…")


def option(configured: str, name: str, default: str) -> str:
    match = re.search(rf'(?m)^CONFIG_{name}="?([^"\n]*)', configured)
    return match[1] if match else default


# --- flashing


def the_port(name: str) -> str:
    seen = sorted(glob.glob("/dev/ttyUSB*") + glob.glob("/dev/ttyACM*") + glob.glob("/dev/cu.usb*"))
    here = f"Seen here: {', '.join(seen)}." if seen else "None is seen here: is the board plugged in?"
    if not name:
        raise Problem(f"Which serial port? Say PORT=/dev/…. {here}")
    if "://" not in name and not Path(name).exists():
        raise Problem(f"There is no port {name}. {here}")
    return name


def flash(board: str, port: str, into: Path) -> None:
    """As `atecc flash` does it, with the same code, but without the rest of that package."""
    sys.path.insert(0, str(BOARDS.parent / "host"))
    from atecc.errors import AteccError
    from atecc.flashing import Loader, carry_out, choose, examine, find_images, make_plan

    if not (into / FACTS).is_file():
        raise Problem(f"{board} isn't built yet: make firmware BOARD={board} …")
    try:
        images = find_images(into / "firmware.bin")
        with Loader(port) as loader:
            target = examine(loader)
            plan = make_plan(loader, target, choose(images, target.chip, board))
            for sentence in plan.sentences():
                print(sentence, flush=True)
            carry_out(loader, plan, lambda done, of: None)
    except AteccError as error:
        raise Problem("\n".join(filter(None, (error.message, error.hint)))) from None
    print(f"{board} is written, and compared by its MD5. Next: atecc doctor --port {port}")


# --- the command line


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("check", "build", "path", "flash"))
    for name in ("board", "micropython", "idf", "port"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument(
        "--parts", type=Path, default=Path("build"), help="where umqtt and microdot are unpacked"
    )
    parser.add_argument("--into", type=Path, default=Path("build/firmware"), help="where the firmware goes")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> None:
    options = parse(arguments)
    if options.what == "path":  # on which ESP-IDF's tools are found
        print(activated(the_idf(options.idf))["PATH"])
        return
    board = the_board(options.board)
    into = options.into / board
    if options.what == "flash":
        flash(board, the_port(options.port), into)
        return
    micropython, idf = the_micropython(options.micropython), the_idf(options.idf)
    if options.what == "build":
        build(board, micropython, idf, options.parts, into)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Problem as problem:
        sys.exit(f"{problem}")
    except KeyboardInterrupt:
        sys.exit(130)

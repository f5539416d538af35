"""Where things are, and a board directory as the rules see it."""

import os
import re
import subprocess
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build"
MICROPYTHON = Path(os.environ.get("MICROPYTHON_DIR") or BUILD / "src/micropython").resolve()
PORT = MICROPYTHON / "ports/esp32"
MPY_CROSS = BUILD / "sim/mpy-cross/mpy-cross"


def esp32_boards() -> list[Path]:
    return sorted(path.parent for path in (ROOT / "boards").glob("*/mpconfigboard.cmake"))


def version() -> str:
    """Of the MicroPython at hand, for messages: the rules hold for that one only."""
    text = (MICROPYTHON / "py/mpconfig.h").read_text()
    return ".".join(re.findall(r"#define MICROPY_VERSION_(?:MAJOR|MINOR|MICRO) (\d+)", text)[:3])


def macros(header: Path, *definitions: str) -> dict[str, str]:
    """Every macro that a header leaves defined, as the port's include path finds it."""
    done = subprocess.run(
        ["gcc", "-E", "-dM", f"-I{PORT}", *definitions, header], capture_output=True, text=True, check=True
    )
    return dict(re.findall(r"(?m)^#define (\w+) ?(.*)$", done.stdout))


def warnings_when_included_twice(header: Path) -> list[str]:
    """What the compiler has to say of a header that is included a second time, as MicroPython's ESP32 port does it."""
    done = subprocess.run(
        ["gcc", "-E", f"-I{PORT}", "-x", "c", "-o", "/dev/null", "-"],
        input=f'#include "{header}"\n' * 2,
        capture_output=True,
        text=True,
        check=False,
    )
    return re.findall(r"(?:warning|error): (.*)", done.stderr)


class Board:
    """A board directory, perhaps in a clone that a test has broken."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.name = directory.name
        self.common = directory.parent / "common"

    @cached_property
    def py(self) -> SimpleNamespace:
        """The names that board.py defines."""
        names: dict[str, object] = {}
        exec((self.directory / "board.py").read_text(), names)
        return SimpleNamespace(**{k: v for k, v in names.items() if not k.startswith("__")})

    @cached_property
    def base(self) -> str:
        """MicroPython's board that this one extends."""
        match = re.search(r"set\(ATECC_BASE (\w+)\)", (self.directory / "mpconfigboard.cmake").read_text())
        return match[1] if match else ""

    @property
    def chip(self) -> str:
        """The chip it is built for, as ESP-IDF calls it."""
        path = PORT / "boards" / self.base / "mpconfigboard.cmake"
        text = path.read_text() if path.is_file() else ""
        for included in re.findall(r"include\((boards/\S+)\)", text):
            text += (PORT / included).read_text()
        match = re.search(r"set\(IDF_TARGET (\w+)\)", text)
        return match[1] if match else "esp32"

"""What is frozen into each board: everything the firmware needs, once, and not too much of it."""

import functools
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from boards.places import BUILD, MICROPYTHON, MPY_CROSS, PORT, ROOT, Board
from budget import FROZEN_LIMIT

FIRMWARE = {
    str(path.relative_to(ROOT / "firmware"))
    for path in (ROOT / "firmware").rglob("*.py")
    if path.parent.name != "examples"
}
PARTS = {
    "umqtt/simple.py",
    *(f"microdot/{name}.py" for name in ("__init__", "microdot", "helpers", "websocket")),
}
MARCH = {"esp32": "xtensawin", "esp32s3": "xtensawin", "esp32c3": "rv32imc", "esp32c6": "rv32imc"}

RESOLVE = """
import json, sys
tools, manifest, *variables = sys.argv[1:]
sys.path.insert(0, tools)
import manifestfile
found = manifestfile.ManifestFile(manifestfile.MODE_FREEZE, dict(v.split("=", 1) for v in variables))
try:
    found.execute(manifest)
except manifestfile.ManifestFileError as error:
    sys.exit(str(error))
for file in found.files():
    print(file.target_path, file.full_path, sep="\\t")
"""


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """In place of micropython-lib: Debian's source of MicroPython comes without it. Its umqtt.simple is another one."""
    library = tmp_path / "micropython-lib"
    names = re.findall(r'require\("([\w.-]+)"\)', (PORT / "boards/manifest.py").read_text())
    assert "umqtt.simple" in names, "the port's manifest doesn't require umqtt.simple any more"
    for name in names:
        module = library / "micropython" / name / (name.replace(".", "/") + ".py")
        module.parent.mkdir(parents=True)
        module.touch()
        manifest = f'metadata(version="0")\nmodule("{module.relative_to(library / "micropython" / name)}")\n'
        (library / "micropython" / name / "manifest.py").write_text(manifest)
    return library


def resolve(board: Board, library: Path) -> list[tuple[str, Path]]:
    """(module's path on the board, file) for all that MicroPython's own tool finds in the board's manifest."""
    places = {
        "MPY_DIR": MICROPYTHON,
        "MPY_LIB_DIR": library,
        "PORT_DIR": PORT,
        "BOARD_DIR": board.directory,
        "PARTS_DIR": BUILD,
    }
    variables = [f"{name}={path}" for name, path in places.items()]
    command = [
        sys.executable,
        "-c",
        RESOLVE,
        MICROPYTHON / "tools",
        board.directory / "manifest.py",
        *variables,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [
        (target, Path(file))
        for target, _, file in (line.partition("\t") for line in done.stdout.splitlines())
    ]


def complaints(files: list[tuple[str, Path]], board: Board) -> list[str]:
    counted = Counter(target for target, _ in files)
    found = [f"{name} isn't frozen" for name in sorted({*FIRMWARE, *PARTS, "board.py"} - {*counted})]
    found += [f"{name} is frozen {count} times" for name, count in counted.items() if count > 1]
    for name, home in (("umqtt/simple.py", BUILD), ("board.py", board.directory)):
        found += [
            f"{name} is {file}" for target, file in files if target == name and not file.is_relative_to(home)
        ]
    return found


def test_everything_is_frozen_once(board: Board, library: Path) -> None:
    files = resolve(board, library)
    assert complaints(files, board) == []
    assert "_boot.py" in dict(files), "the port's own modules are missing: the flash would not be mounted"


@pytest.mark.parametrize(
    ("where", "file", "old", "new", "said"),
    [
        ("common", "manifest.py", ", prepend=True", "", "umqtt/simple.py is frozen 2 times"),
        (
            "common",
            "manifest.py",
            'add_library("atecc", ".", prepend=True)\n',
            'include("umqtt.simple")\n',
            "2 times",
        ),
        ("common", "firmware.py", '"helpers.py", ', "", "microdot/helpers.py isn't frozen"),
        ("common", "firmware.py", 'name != "manifest.py"', 'name != "device.py"', "device.py isn't frozen"),
        ("ESP32_GENERIC_ATECC608", "manifest.py", 'module("board.py")\n', "", "board.py isn't frozen"),
        (
            "ESP32_GENERIC_ATECC608",
            "manifest.py",
            'module("board',
            'module("board.py")\nmodule("board',
            "2 times",
        ),
    ],
)
def test_what_is_missing_is_noticed(
    clone: Path, library: Path, where: str, file: str, old: str, new: str, said: str
) -> None:
    path = clone / "boards" / where / file
    assert old in path.read_text(), "this test has nothing to break any more"
    path.write_text(path.read_text().replace(old, new))
    board = Board(clone / "boards/ESP32_GENERIC_ATECC608")
    noticed = complaints(resolve(board, library), board)
    assert [complaint for complaint in noticed if said in complaint], noticed


@functools.cache
def compiled_size(file: Path, march: str) -> int:
    """In bytes. What doesn't compile fails the test that asks, with the compiler's words."""
    done = subprocess.run([MPY_CROSS, f"-march={march}", "-o", "-", file], capture_output=True, check=False)
    assert done.returncode == 0, f"{file}: {done.stderr.decode()}"
    return len(done.stdout)


def test_everything_compiles_within_the_budget(board: Board, library: Path) -> None:
    sizes = {target: compiled_size(file, MARCH[board.chip]) for target, file in resolve(board, library)}
    largest = sorted(sizes, key=lambda target: -sizes[target])[:5]
    assert sum(sizes.values()) <= FROZEN_LIMIT, [(target, sizes[target]) for target in largest]


def test_what_does_not_compile_is_noticed(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text("def f(:\n")
    with pytest.raises(AssertionError, match="SyntaxError"):
        compiled_size(wrong, "rv32imc")

"""`make release`: what is handed out is complete, sums and manifests are right, and the page asks nobody else."""

import base64
import hashlib
import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from atecc.flashing import find_images
from boards.places import ROOT, Board
from boards.test_make import C3, idf, micropython, program, said  # noqa: F401 (fixtures)

from boards import standin

PLAIN, CORE2 = "ESP32_GENERIC_ATECC608", "M5STACK_CORE2_AWS_ATECC608"
CHIPS = {PLAIN: "esp32", C3: "esp32c3", CORE2: "esp32"}


def release(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "boards/release.py", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """In place of ESP Web Tools."""
    program(tmp_path / "tools/install-button.js", "export {};\n")
    program(tmp_path / "tools/LICENSE", "Apache\n")
    program(tmp_path / "tools/.ready", "")
    return tmp_path / "tools"


@pytest.fixture
def made(tmp_path: Path, tools: Path) -> Path:
    for board, chip in CHIPS.items():
        standin.write(tmp_path / "firmware" / board / "firmware.bin", chip)
    standin.write(tmp_path / "firmware/ESP32_QEMU_C3/firmware.bin", "esp32c3")
    done = release(
        "make", "--firmware", tmp_path / "firmware", "--tools", tools, "--into", tmp_path / "release"
    )
    assert done.returncode == 0, done.stderr
    return tmp_path / "release"


def test_every_board_that_is_built_is_in_it(made: Path) -> None:
    assert {path.stem for path in made.glob("*.bin")} == {*CHIPS}
    assert {path.name for path in (made / "esp-web-tools").iterdir()} == {"install-button.js", "LICENSE"}


def test_atecc_flash_takes_it(made: Path) -> None:
    assert {image.board for image in find_images(made)} == {*CHIPS}
    sums = dict(line.split("  ")[::-1] for line in (made / "SHA256SUMS").read_text().splitlines())
    assert sums == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in made.glob("*.bin")}


@pytest.mark.parametrize("board", CHIPS)
def test_manifests(made: Path, board: str) -> None:
    """As ESP Web Tools reads them: it erases first unless it is to ask, and looks for a build for the chip."""
    for name, asks in (("install", False), ("update", True)):
        manifest = json.loads((made / f"{board}.{name}.json").read_text())
        (build,) = manifest["builds"]
        (part,) = build["parts"]
        assert manifest["new_install_prompt_erase"] is asks
        assert build["chipFamily"].lower().replace("-", "") == CHIPS[board]
        assert part == {"path": f"{board}.bin", "offset": standin.OFFSETS[CHIPS[board]]}
        assert manifest["version"] and manifest["name"]


def test_the_page_has_the_boards_and_asks_nobody_else(made: Path) -> None:
    page = (made / "index.html").read_text()
    match = re.search(r'<script id="data" type="application/json">(.*)</script>', page)
    assert match
    listed = json.loads(match[1])["boards"]
    assert [one["name"] for one in listed] == sorted(CHIPS)
    for one in listed:
        own = Board(ROOT / "boards" / one["name"]).py
        assert (one["scl"], one["sda"]) == (own.SCL, own.SDA)
        assert one["sha256"] == hashlib.sha256((made / f"{one['name']}.bin").read_bytes()).hexdigest()
    assert not re.search(r"https?://|//\w+\.\w", page)
    for file in re.findall(r'src="([^"]+)"', page):
        assert (made / file).is_file()


def test_nothing_is_built_yet(tmp_path: Path, tools: Path) -> None:
    done = release("make", "--firmware", tmp_path / "none", "--tools", tools, "--into", tmp_path / "release")
    assert said(done).startswith("No board is built in")
    assert not (tmp_path / "release").exists()


def test_an_image_that_is_damaged_is_not_handed_out(tmp_path: Path, tools: Path) -> None:
    image = standin.write(tmp_path / "firmware" / C3 / "firmware.bin", "esp32c3")
    image.write_bytes(image.read_bytes()[:-1])
    done = release(
        "make", "--firmware", tmp_path / "firmware", "--tools", tools, "--into", tmp_path / "release"
    )
    assert "is cut off" in said(done)


def test_what_can_not_be_built_is_left_out(tmp_path: Path, tools: Path, micropython: Path, idf: Path) -> None:  # noqa: F811
    for name, offset in (("bootloader", 0), ("table", standin.TABLE), ("app", standin.APP)):
        (idf / name).write_bytes(standin.parts("esp32c3")[offset])
    program(
        idf / "bin/idf.py",
        f"""#!/bin/sh
case "$*" in *MICROPY_BOARD={C3}*) ;; *) echo "no compiler for this one" >&2; exit 2;; esac
while [ "$1" != -B ]; do shift; done
mkdir -p "$2/bootloader" "$2/partition_table"
cp "$IDF_PATH/sdkconfig" "$2/sdkconfig"
cp "$IDF_PATH/bootloader" "$2/bootloader/bootloader.bin"
cp "$IDF_PATH/table" "$2/partition_table/partition-table.bin"
cp "$IDF_PATH/app" "$2/micropython.bin"
""",
    )
    done = release(
        "make", "--firmware", tmp_path / "firmware", "--tools", tools, "--into", tmp_path / "release",
        "--micropython", micropython, "--idf", idf,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [path.stem for path in (tmp_path / "release").glob("*.bin")] == [C3]
    assert f"{PLAIN} is left out." in done.stderr


# ESP Web Tools.


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """npm, played: it packs what is in `package/`."""
    program(tmp_path / "package/dist/web/install-button.js", "button")
    program(tmp_path / "package/LICENSE", "Apache")
    program(tmp_path / "package/src/flash.ts", "source")
    with tarfile.open(tmp_path / "package.tgz", "w:gz") as tar:
        tar.add(tmp_path / "package", "package")
    program(tmp_path / "bin/npm", f'#!/bin/sh\ncp {tmp_path}/package.tgz "$5/"\n')
    monkeypatch.setenv("PATH", f"{tmp_path}/bin", prepend=":")
    return tmp_path / "package.tgz"


def test_another_package_than_the_pinned_one_is_not_taken(tmp_path: Path, npm: Path) -> None:
    done = release("tools", "--into", tmp_path / "tools")
    assert said(done).startswith(
        "What npm brought is not the ESP Web Tools that esp-web-tools.txt pins: sha512-"
    )
    assert not (tmp_path / "tools").exists()


def test_of_the_package_only_what_a_browser_needs(
    tmp_path: Path, npm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / "boards")
    import release as module

    pinned = "sha512-" + base64.b64encode(hashlib.sha512(npm.read_bytes()).digest()).decode()
    module.unpack_tools(npm, pinned, tmp_path / "tools")
    assert {path.name for path in (tmp_path / "tools").iterdir()} == {"install-button.js", "LICENSE"}


def test_without_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert said(release("tools", "--into", tmp_path / "tools")).startswith("npm isn't there")

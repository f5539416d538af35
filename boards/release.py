#!/usr/bin/env python3
"""Files to hand out to people who have no ESP-IDF: `make release`.

    release.py tools --into DIR                          ESP Web Tools, from npm
    release.py make --firmware DIR --tools DIR --into DIR [--micropython DIR --idf DIR --parts DIR]

Builds every board that can be built here, if it is told with what, and takes what `make firmware` has built. For each
one there is its image, whole; beside them their SHA-256 sums, manifests as ESP Web Tools wants them, and a page that
writes them from a browser. `atecc flash DIR` takes the same folder.
"""

import argparse
import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from esp32 import BOARDS, Problem, boards, build, the_idf, the_micropython

sys.path.insert(0, str(BOARDS.parent / "host"))
from atecc.errors import AteccError
from atecc.flashing.image import SUMS, Image, read_image

PINNED = BOARDS / "web/esp-web-tools.txt"
PAGE = BOARDS / "web/index.html"
TOOLS = "esp-web-tools"
# Not for anybody's hands: it runs in an emulator only.
EMULATED = "ESP32_QEMU_C3"


# --- ESP Web Tools


def fetch_tools(into: Path) -> None:
    """The package that is pinned, and no other: its browser build, and its licence."""
    package, pinned = PINNED.read_text().split()
    if shutil.which("npm") is None:
        raise Problem("npm isn't there, which brings the page's ESP Web Tools (on Debian: apt install npm).")
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", package, "--pack-destination", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        archives = list(Path(folder).glob("*.tgz"))
        if done.returncode or len(archives) != 1:
            raise Problem(f"{done.stderr.strip()}\nnpm could not bring {package}; is the network up?")
        unpack_tools(archives[0], pinned, into)


def unpack_tools(archive: Path, pinned: str, into: Path) -> None:
    found = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if found != pinned:
        raise Problem(f"What npm brought is not the ESP Web Tools that {PINNED.name} pins: {found}")
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            name = member.name.removeprefix("package/")
            wanted = name == "LICENSE" or name.startswith("dist/web/")
            content = tar.extractfile(member) if wanted and member.isfile() else None
            if content is not None:
                (into / Path(name).name).write_bytes(content.read())


# --- the images


def build_all(micropython: str, idf: str, parts: Path, firmware: Path) -> None:
    """What can't be built is said, and left out."""
    where, what = the_micropython(micropython), the_idf(idf)
    for board in boards():
        if board != EMULATED:
            try:
                build(board, where, what, parts, firmware / board)
            except Problem as problem:
                print(f"{problem}\n{board} is left out.", file=sys.stderr)


def built(firmware: Path) -> list[Image]:
    """What there is, by name."""
    files = [firmware / board / "firmware.bin" for board in boards() if board != EMULATED]
    try:
        return [read_image(file) for file in files if file.is_file()]
    except AteccError as error:
        raise Problem(error.message) from None


def described(image: Image) -> dict[str, Any]:
    """For the page."""
    names: dict[str, Any] = {}
    exec((BOARDS / image.board / "board.py").read_text(), names)  # noqa: S102 (our own)
    header = (BOARDS / image.board / "mpconfigboard.h").read_text()
    title = re.search(r'#define MICROPY_HW_BOARD_NAME "(.*)"', header)
    return {
        "name": image.board,
        "title": title[1] if title else image.board,
        "chip": image.chip,
        "scl": names["SCL"],
        "sda": names["SDA"],
        "sha256": hashlib.sha256(image.data).hexdigest(),
    }


def manifest(image: Image, title: str, version: str, keeps: bool) -> dict[str, Any]:
    """ESP Web Tools erases the whole flash first, unless it is to ask."""
    part = {"path": f"{image.board}.bin", "offset": image.offset}
    return {
        "name": title,
        "version": version,
        "new_install_prompt_erase": keeps,
        "new_install_improv_wait_time": 0,
        "builds": [{"chipFamily": image.chip, "parts": [part]}],
    }


def version() -> str:
    match = re.search(r'(?m)^VERSION = "(.*)"', (BOARDS.parent / "firmware/version.py").read_text())
    if not match:
        raise Problem("firmware/version.py has no VERSION.")
    return match[1]


def make(firmware: Path, tools: Path, into: Path) -> None:
    images = built(firmware)
    if not images:
        raise Problem(
            f"No board is built in {firmware}: make firmware BOARD=… builds one, make release with MICROPYTHON_DIR=…, "
            "IDF_PATH=… builds all."
        )
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    shutil.copytree(tools, into / TOOLS, ignore=shutil.ignore_patterns(".*"))
    listed = [described(image) for image in images]
    for image, about in zip(images, listed, strict=True):
        (into / f"{image.board}.bin").write_bytes(image.data)
        for name, keeps in (("install", False), ("update", True)):
            text = json.dumps(manifest(image, about["title"], version(), keeps), indent=2)
            (into / f"{image.board}.{name}.json").write_text(text + "\n")
    (into / SUMS).write_text("".join(f"{about['sha256']}  {about['name']}.bin\n" for about in listed))
    data = json.dumps({"version": version(), "boards": listed}).replace("<", "\\u003c")
    (into / "index.html").write_text(PAGE.read_text().replace("@DATA@", data))
    print(f"{into} has {', '.join(image.board for image in images)}.")
    print(f"Its page works at localhost (python3 -m http.server -d {into}), or at an https:// address.")


# --- the command line


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("tools", "make"))
    for name in ("micropython", "idf"):
        parser.add_argument(f"--{name}", default="")
    for name in ("firmware", "tools", "parts", "into"):
        parser.add_argument(f"--{name}", type=Path, default=Path("build") / name)
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> None:
    options = parse(arguments)
    if options.what == "tools":
        fetch_tools(options.into)
        return
    if options.micropython or options.idf:
        build_all(options.micropython, options.idf, options.parts, options.firmware)
    make(options.firmware, options.tools, options.into)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Problem as problem:
        sys.exit(f"{problem}")
    except KeyboardInterrupt:
        sys.exit(130)

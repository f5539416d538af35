"""Files to the board: what is there already stays, every other is written beside its name, compared, and renamed.

Whenever the power fails or the cable goes, each name has its old content or its new one, never half of it, and the same
command again does the rest. A main.py of the owner's makes room for the one that starts the device, at the last moment.
Modules that an older version has left in the firmware's own packages go, last of all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from atecc.channels.serial import SerialChannel
from atecc.errors import ChannelError, RefusedError

SAME, NEW, CHANGED, MOVED, GONE = "same", "new", "changed", "moved", "gone"
DOING = {NEW: "writing", CHANGED: "writing", MOVED: "moving main.py to", GONE: "removing"}
FILE_TIMEOUT = 120.0
_MAIN = "/main.py"
_MOVED = "/program.py"  # where firmware/application.py looks for it
_PART = ".part"
_RENAME = """
import os
try:
    os.rename({old!r}, {new!r})
except OSError:
    os.remove({new!r})  # FAT renames over nothing
    os.rename({old!r}, {new!r})
"""


@dataclass(frozen=True)
class Copied:
    """A file and what becomes of it: it is there already, it is new, it is changed, it was main.py, or it goes."""

    path: str
    state: str


@dataclass(frozen=True)
class Plan:
    """What is to be written, moved, and removed."""

    files: dict[str, bytes]
    states: list[Copied]

    @property
    def to_write(self) -> list[str]:
        return [one.path for one in self.states if one.state in (NEW, CHANGED)]

    @property
    def size(self) -> int:
        """Bytes to be written."""
        return sum(len(self.files[path]) for path in self.to_write)


def make_plan(channel: SerialChannel, files: dict[str, bytes]) -> Plan:
    """Compare with what is on the board. A main.py of the owner's that starts the device stays as it is, another one
    is moved."""
    files = dict(files)
    moves = _is_to_move(channel, files)
    states: list[Copied] = []
    for path, content in files.items():
        with channel.transport(FILE_TIMEOUT) as transport:
            digest = _digest(transport, path)
        if moves and path == _MAIN:
            states.append(Copied(_MOVED, MOVED))
            digest = None
        same = digest == hashlib.sha256(content).digest()
        states.append(Copied(path, SAME if same else NEW if digest is None else CHANGED))
    with channel.transport(FILE_TIMEOUT) as transport:
        states += [Copied(path, GONE) for path in _left_over(transport, files)]
    return Plan(files, states)


def _left_over(transport: Any, files: dict[str, bytes]) -> list[str]:
    """Modules in the packages of `files` that are none of them; what stands beside the packages is the owner's."""
    # /lib/module.py has two slashes, /lib/package/module.py has more.
    folders = {path.rpartition("/")[0] for path in files if path.count("/") > 2}
    return [
        f"{folder}/{entry.name}"
        for folder in sorted(folders)
        if transport.fs_exists(folder)
        for entry in transport.fs_listdir(folder)
        if entry.name.endswith(".py") and f"{folder}/{entry.name}" not in files
    ]


def _is_to_move(channel: SerialChannel, files: dict[str, bytes]) -> bool:
    """Whether there is a main.py of the owner's; one that starts the device is no part of `files` any more."""
    with channel.transport(FILE_TIMEOUT) as transport:
        if _MAIN not in files or _digest(transport, _MAIN) is None:
            return False
        present = bytes(transport.fs_readfile(_MAIN))
        if b"import device" in present:
            if present != files[_MAIN]:
                del files[_MAIN]
            return False
        taken = transport.fs_exists(_MOVED)
    if taken:
        raise RefusedError(
            "The board has a main.py of its own, and a program.py, which would be its new name: both stay as they are.",
            "Remove the one that is not to run (`mpremote rm :program.py`, or :main.py), and install again.",
        )
    return True


def carry_out(channel: SerialChannel, plan: Plan, told: Callable[[Copied], None]) -> None:
    """Write what differs, move and remove what has to go; `told(one)` before each."""
    for one in plan.states:
        if one.state == SAME:
            continue
        told(one)
        with channel.transport(FILE_TIMEOUT) as transport:
            if one.state == GONE:
                transport.fs_rmfile(one.path)
                continue
            trouble = _put(transport, one, plan)
        if trouble:
            raise ChannelError(
                f"{one.path} could not be written: {trouble}.",
                "The same command again does the rest; every file on the board is complete.",
            )


def _put(transport: Any, one: Copied, plan: Plan) -> str:
    """Write or move; what went wrong, or nothing."""
    try:
        if one.state == MOVED:
            transport.exec(f"import os\nos.rename({_MAIN!r}, {_MOVED!r})")
            return ""
        return _write(transport, one.path, plan.files[one.path])
    except OSError as error:
        if error.errno == 5:  # the port itself
            raise
        return error.strerror or str(error)


def _write(transport: Any, path: str, content: bytes) -> str:
    _make_folders(transport, path)
    transport.fs_writefile(path + _PART, content, chunk_size=512)
    if _digest(transport, path + _PART) != hashlib.sha256(content).digest():
        return "it arrived damaged"
    transport.exec(_RENAME.format(old=path + _PART, new=path))
    return ""


def _make_folders(transport: Any, path: str) -> None:
    folder = ""
    for part in path.split("/")[1:-1]:
        folder += f"/{part}"
        if not transport.fs_exists(folder):
            transport.fs_mkdir(folder)


def _digest(transport: Any, path: str) -> bytes | None:
    """The SHA-256 of a file on the board; None if there is none."""
    try:
        return bytes(transport.fs_hashfile(path, "sha256"))
    except FileNotFoundError:
        return None

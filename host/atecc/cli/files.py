"""Files that a command writes: never over another one unless told to, and looked at before any work is done."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from atecc import whole
from atecc.bounded import read
from atecc.cli.options import together
from atecc.errors import ArgumentError, RefusedError

if TYPE_CHECKING:
    from atecc.cli.app import App

_ANOTHER = "Name another file, or add --force where the command has it."

IN = OUT = click.Path(dir_okay=False, path_type=Path)


# --out and --force.
out_options = together(
    click.option("--out", type=OUT, metavar="FILE", help="Write it to this file. Default: standard output."),
    click.option("--force", is_flag=True, help="Replace the file if it is there."),
)


def check_free(path: Path | None, force: bool = False) -> None:
    """Whether it can be written later, said before anything is done for it."""
    if path is None or str(path) == "-":
        return
    with whole.explained(path):
        if path.exists() and not force:
            raise RefusedError(f"{path} is there already, and is not overwritten.", _ANOTHER)
        if not path.parent.is_dir():
            raise ArgumentError(f"There is no directory {path.parent} to write {path.name} to.")
        places = [path] if path.exists() else []
        if not path.exists() or path.is_file():
            places.append(Path(os.path.realpath(path)).parent)  # it is made there under another name first
        if not all(os.access(place, os.W_OK) for place in places):
            raise ArgumentError(f"{path} can't be written: no permission.")


def deliver(app: App, out: Path | None, data: bytes, force: bool) -> None:
    """Data to a file, or to standard output."""
    if out is not None and str(out) != "-":
        whole.write(out, data, over=force)
        return
    try:
        app.out.bytes(data)
    except ValueError as error:
        raise ArgumentError(
            "That is binary: not for a terminal.", "--out FILE writes it to a file."
        ) from error


def read_stdin() -> bytes:
    if sys.stdin is None:
        raise ArgumentError("Standard input is closed.")
    try:
        return read(sys.stdin.buffer)
    except ValueError as error:
        raise ArgumentError(f"What comes on standard input is too large: {error}.") from error
    except OSError as error:
        raise ArgumentError(f"Standard input can't be read: {error.strerror}.") from error


def read_stdin_text() -> str:
    try:
        return read_stdin().decode()
    except UnicodeDecodeError as error:
        raise ArgumentError("What comes on standard input is not text in UTF-8.") from error

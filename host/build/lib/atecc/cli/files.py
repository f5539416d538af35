"""Files that a command writes: never over another one unless told to, and looked at before any work is done."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from atecc.errors import ArgumentError, RefusedError

_ANOTHER = "Name another file, or add --force where the command has it."

IN = OUT = click.Path(dir_okay=False, path_type=Path)


def out_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """--out and --force."""
    options = [
        click.option(
            "--out", type=OUT, metavar="FILE", help="Write it to this file. Default: standard output."
        ),
        click.option("--force", is_flag=True, help="Replace the file if it is there."),
    ]
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), function)


def check_free(path: Path | None, force: bool = False) -> None:
    """Whether it can be written later, said before anything is done for it."""
    if path is None or str(path) == "-":
        return
    if path.exists() and not force:
        raise RefusedError(f"{path} is there already, and is not overwritten.", _ANOTHER)
    if not path.parent.is_dir():
        raise ArgumentError(f"There is no directory {path.parent} to write {path.name} to.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ArgumentError(f"{path} can't be written: no permission.")


def write(path: Path, data: bytes, force: bool = False) -> None:
    """All of `data` into a file that is new, or, with `force`, in the place of another."""
    try:
        with path.open("wb" if force else "xb") as file:
            file.write(data)
    except FileExistsError as error:
        raise RefusedError(f"{path} is there already, and is not overwritten.", _ANOTHER) from error
    except OSError as error:
        raise ArgumentError(f"{path} can't be written: {error.strerror}.") from error


def deliver(out: Path | None, data: bytes, force: bool) -> Path | None:
    """Data to a file or to standard output; the file, if there is one."""
    if out is None or str(out) == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return None
    write(out, data, force)
    return out


def read_stdin() -> bytes:
    return sys.stdin.buffer.read()

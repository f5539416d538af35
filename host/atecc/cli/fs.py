"""`atecc fs`: the board's files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from atecc.bounded import read_path
from atecc.cli.app import App, Command, Group, pass_app
from atecc.cli.files import check_free, deliver, out_options, read_stdin
from atecc.errors import ArgumentError


@click.group("fs", cls=Group)
def command() -> None:
    """The board's files: list, read, write, remove."""


@command.command("ls", cls=Command, examples="atecc fs ls\natecc fs ls /lib --json")
@click.argument("path", required=False)
@pass_app
def ls(app: App, path: str | None) -> None:
    """List files with their sizes."""
    with app.device() as device:
        found = device.files(path)
    width = max((len(str(one.size)) for one in found), default=0)
    app.emit([asdict(one) for one in found], *(f"{one.size:>{width}}  {one.name}" for one in found))


@command.command("get", cls=Command, examples="atecc fs get ca.pem\natecc fs get ca.pem --out ca.pem")
@click.argument("name")
@out_options
@pass_app
def get(app: App, name: str, out: Path | None, force: bool) -> None:
    """Read a file of the board."""
    check_free(out, force)
    with app.device() as device:
        content = device.read_file(name)
    if app.json and out is None:
        raise ArgumentError("--json needs --out FILE here: standard output takes one of them.")
    deliver(app, out, content, force)
    if app.json:
        app.emit({"name": name, "size": len(content)})


@command.command("put", cls=Command, examples="atecc fs put ca.pem\ncat ca.pem | atecc fs put - ca.pem")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.argument("name", required=False)
@pass_app
def put(app: App, file: Path, name: str | None) -> None:
    """Write FILE (- reads standard input) to the board as NAME; a file of that name is replaced."""
    if str(file) == "-" and not name:
        raise ArgumentError("Under which name? `atecc fs put - NAME`.")
    content = read_stdin() if str(file) == "-" else _read(file)
    called = name or file.name
    with app.device() as device:
        device.write_file(called, content)
    app.emit({"name": called, "size": len(content)}, f"{called} is on the board ({len(content)} bytes).")


def _read(path: Path) -> bytes:
    try:
        return read_path(path)
    except (OSError, ValueError) as error:
        raise ArgumentError(
            f"What to write can't be read from {path}: {getattr(error, 'strerror', None) or error}."
        ) from error


@command.command("rm", cls=Command, examples="atecc fs rm old.pem")
@click.argument("name")
@pass_app
def rm(app: App, name: str) -> None:
    """Remove a file from the board."""
    with app.device() as device:
        device.remove_file(name)
    app.emit({"name": name}, f"{name} is removed.")

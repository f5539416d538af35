"""`atecc app`: the owner's program, which runs on the board beside the device."""

from __future__ import annotations

from binascii import crc32
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from atecc.bounded import read_path
from atecc.cli.app import App, Command, Group, pass_app
from atecc.errors import ArgumentError, DeviceError, RefusedError

if TYPE_CHECKING:
    from atecc.device.replies import Program

ALONE = "it has failed three times within a minute of starting: it is left alone until it changes"
NOTHING = "It has told nothing since it was started (atecc.log)."
STOPPING = "a thread can't be killed: it ends at its next call of atecc, or with `atecc reboot`"


@click.group("app", cls=Group)
def command() -> None:
    """Your own program on the board: put, start, stop, watch."""


@command.command("put", cls=Command, examples="atecc app put app/\natecc app put sensor.py")
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@pass_app
def put(app: App, source: Path) -> None:
    """Bring a folder, or one file, to the board as its program, and start it. Only what differs is written."""
    wanted = _files(source)
    with app.device() as device:
        there = {part.name: (part.size, part.crc) for part in device.programs()[1]}
        news = [name for name, data in wanted.items() if there.get(name) != (len(data), crc32(data))]
        gone = [name for name in there if name not in wanted]
        for name in news:
            device.write_program(name, wanted[name])
        for name in gone:
            device.remove_program(name)
        programs, _ = device.programs("App.Start")
    named = {"__init__.py": source.name} if source.is_file() else {}
    lines = [
        f"{named.get(name, name)} is on the board as /app/{name} ({len(wanted[name])} bytes)."
        for name in news
    ]
    lines += [f"{name} is removed." for name in gone] or ([] if news else ["All of it was there."])
    again = bool(news or gone) and any(one.state in ("running", "stopping") for one in programs)
    told = (
        ["What runs is what was there before: `atecc reboot` starts the new one."] if again and there else []
    )
    told = told or [line for one in programs for line in words(one)]
    app.emit({"written": news, "removed": gone, "programs": [asdict(one) for one in programs]}, *lines, *told)


def _files(source: Path) -> dict[str, bytes]:
    """What goes to the board: a file alone is the program itself."""
    if source.is_file():
        return {"__init__.py": read_path(source)}
    found = {path.name: read_path(path) for path in sorted(source.iterdir()) if path.is_file()}
    if "__init__.py" not in found:
        raise ArgumentError(f"{source} has no __init__.py: that is what runs.")
    return found


@command.command("start", cls=Command, examples="atecc app start")
@pass_app
def start(app: App) -> None:
    """Start it; what has failed before is forgiven."""
    for program in _tell(app, "App.Start"):
        if program.state == "stopping":
            raise RefusedError(
                f"{program.path} has not ended yet, and was not started.",
                "The same again once `atecc app status` says stopped; or `atecc reboot`, and then the same.",
            )


@command.command("stop", cls=Command, examples="atecc app stop")
@pass_app
def stop(app: App) -> None:
    """Ask it to end, and don't start it again, after a reset neither."""
    _tell(app, "App.Stop")


@command.command("status", cls=Command, examples="atecc app status\natecc app status --json")
@pass_app
def status(app: App) -> None:
    """Show what runs, and what failed."""
    _tell(app, "App.Status")


def _tell(app: App, method: str) -> list[Program]:
    with app.device() as device:
        try:
            programs, parts = device.programs(method)
        except DeviceError as error:
            error.hint = error.hint or "`atecc app put FILE` brings a program to the board, and starts it."
            raise
    data = {"programs": [asdict(one) for one in programs], "files": [asdict(one) for one in parts]}
    lines = [line for one in programs for line in words(one)]
    app.emit(data, *(lines or ["There is no program on this board: `atecc app put` brings one."]))
    return programs


def words(program: Program) -> list[str]:
    """A program's state, and what went wrong."""
    since = f" for {program.since} s" if program.state == "running" and program.since is not None else ""
    more = {"left alone": f": {ALONE}", "stopping": f": {STOPPING}"}.get(program.state, since)
    last = [line.strip() for line in (program.trace or "").splitlines() if line.strip()][-1:]
    return [
        f"{program.path}  {program.state}{more}",
        *(f"{line} (`atecc app log` shows where)" for line in last),
    ]


@command.command("log", cls=Command, examples="atecc app log")
@pass_app
def log(app: App) -> None:
    """Show what it has told (atecc.log), and its last exception."""
    with app.device() as device:
        told = device.program_log()
    lines: list[str] = []
    for one in told:
        said = [*map(str, one.lines), *(one.trace or "").splitlines()]
        lines += [one.path, *(said or [NOTHING])]
    app.emit([asdict(one) for one in told], *lines)

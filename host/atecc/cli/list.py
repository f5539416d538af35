"""`atecc list`: the boards that are plugged in; and `atecc` alone, which says what is next."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from atecc.cli.app import App, Command, pass_app
from atecc.cli.screen import Grid

if TYPE_CHECKING:
    from atecc.device.standing import Standing

NONE = "No board is plugged in: no serial port of an ESP32 board is there."
WITHOUT = "Without a board: `make try` in a clone of the project opens a shell with a simulated one."


@click.command(
    "list", cls=Command, examples="atecc list\natecc list --json\natecc info --serial 0123a1b2c3d4e5f6ee"
)
@pass_app
def command(app: App) -> None:
    """Show the boards that are plugged in: port, chip, name and state.

    Every serial port of an ESP32 board is asked, and the one that --port or $ATECC_PORT names. --serial CHIP picks a
    board by its chip for any command.
    """
    found = boards(app)
    if not found:
        app.say(NONE)
    table = Grid("port", "chip", "name", "state", unbroken=("port",))
    for one in found:
        table.add(one.port, one.serial or "-", one.name or "-", one.state)
    app.emit({"boards": [asdict(one) for one in found]}, *([table] if found else []))


def boards(app: App) -> list[Standing]:
    from atecc.device.standing import standing

    with app.err.spinner("looking for boards"):
        return [standing(port, lambda port=port: app.open_port(port)) for port in app.ports()]  # type: ignore[misc]


def where_you_stand(app: App) -> None:
    """What `atecc` alone says."""
    from atecc import __version__

    found = boards(app)
    data = {"version": __version__, "boards": [asdict(one) for one in found]}
    lines = [f"atecc {__version__}. `atecc --help` lists the commands."]
    for one in found:
        lines += ["", f"{one.name or 'A board'} on {one.port}, chip {one.serial or 'unknown'}: {one.state}."]
        port = f" --port {one.port}" if len(found) > 1 else ""
        lines += [
            f"{'      ' if number else 'Next: '}{step}{'' if '--port' in step or '(' in step else port}"
            for number, step in enumerate(one.next)
        ]
    if not found:
        lines += ["", NONE, WITHOUT]
    app.emit(data, *lines)

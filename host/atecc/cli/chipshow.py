"""`atecc chip show`: the sixteen slots, as a table, as a picture, for programs."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from atecc import whole
from atecc.cli.app import App, Command, pass_app
from atecc.cli.files import check_free

if TYPE_CHECKING:
    from atecc.chip.overview import Overview, SlotView
    from atecc.cli.screen import Grid

STYLES = {
    "active": "green",
    "idle": "green",
    "unknown": "yellow",
    "empty": "dim",
    "open": "",
    "locked": "red",
}


@click.command(
    "show",
    cls=Command,
    examples="""atecc chip show
    atecc chip show --svg chip.svg""",
)
@click.option(
    "--svg",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Draw it into FILE as well; a file that exists is not overwritten.",
)
@pass_app
def show(app: App, svg: Path | None) -> None:
    """Show the sixteen slots: what each is for, what may be done with it, and whether it holds a key."""
    from atecc.chip.overview import read_overview

    check_free(svg)
    with app.device() as device:
        seen = read_overview(device)
    if svg is not None:
        from atecc.chip.picture import draw

        whole.write(svg, draw(seen).encode())
    zone = seen.zone
    app.emit(
        seen.as_dict(),
        overview_table(seen),
        "",
        f"Chip {zone.serial}, revision {zone.revision}, I2C address 0x{zone.i2c_address:02x}: {seen.locks}",
    )
    if svg is not None:
        app.say(f"Drawn into {svg}.")


def overview_table(seen: Overview) -> Grid:
    """Neighbours that are alike share a line; what is final already is not said twice."""
    from atecc.chip.config.abilities import Stage
    from atecc.cli.screen import Grid

    final = seen.stage == Stage.BOTH
    names = ["slot", "role", "type", "may now" if not final else "may, for good"]
    grid = Grid(*names, *([] if final else ["may once all is locked"]), "state", unbroken=("slot", "state"))
    for _, group in groupby(seen.slots, key=lambda view: view.alike):
        views = list(group)
        grid.add(*_cells(views, final), (views[0].holds, STYLES[views[0].state]))
    return grid


def _cells(views: list[SlotView], final: bool) -> list[str]:
    first, last = views[0], views[-1]
    number = str(first.number) if first is last else f"{first.number}-{last.number}"
    return [number, first.role, first.type, first.now, *([] if final else [first.final])]

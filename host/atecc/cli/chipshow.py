"""`atecc chip show`: the sixteen slots, as a table, as a picture, for programs."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from atecc.cli.app import App, Command, pass_app
from atecc.cli.files import check_free, write

if TYPE_CHECKING:
    from rich.table import Table

    from atecc.chip.overview import Overview, SlotView

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

        write(svg, draw(seen).encode())
    zone = seen.zone
    app.emit(
        seen.as_dict(),
        overview_table(seen),
        "",
        f"Chip {zone.serial}, revision {zone.revision}, I2C address 0x{zone.i2c_address:02x}: {seen.locks}",
    )
    if svg is not None:
        app.say(f"Drawn into {svg}.")


def overview_table(seen: Overview) -> Table:
    """Neighbours that are alike share a line; what is final already is not said twice."""
    from rich.table import Table
    from rich.text import Text

    from atecc.chip.config.abilities import Stage

    final = seen.stage == Stage.BOTH
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    names = ["slot", "role", "type", "may now" if not final else "may, for good"]
    for name in [*names, *([] if final else ["may once all is locked"]), "state"]:
        table.add_column(name, overflow="fold", no_wrap=name == "slot")
    for _, group in groupby(seen.slots, key=lambda view: view.alike):
        views = list(group)
        cells = _cells(views, final)
        table.add_row(*(Text(cell) for cell in cells), Text(views[0].holds, style=STYLES[views[0].state]))
    return table


def _cells(views: list[SlotView], final: bool) -> list[str]:
    first, last = views[0], views[-1]
    number = str(first.number) if first is last else f"{first.number}-{last.number}"
    return [number, first.role, first.type, first.now, *([] if final else [first.final])]

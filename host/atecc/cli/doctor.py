"""`atecc doctor`: what is wrong with this board, layer by layer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from atecc.cli.app import App, Command, pass_app

if TYPE_CHECKING:
    from rich.table import Table

    from atecc.doctor import Verdict

_STYLES = {"ok": "green", "failed": "bold red", "not checked": "dim"}


@click.command(
    "doctor",
    cls=Command,
    examples="""atecc doctor
    atecc doctor --port /dev/ttyUSB0 --json
    atecc doctor --port wss://192.168.1.20""",
)
@pass_app
def command(app: App) -> None:
    """Find out what is wrong with a board, from the cable to the broker.

    Looks at one layer after the other and explains the first that fails. Nothing is changed by it, and a living
    connection is left alone. What takes the cable is not checked from afar. Ends with 0 if all is well, else with
    the exit status of the first failure.
    """
    from atecc.doctor import Patient, examine, first_failure

    patient = Patient(app.channel, str(app.address) if app.address else None, app.timeout)
    try:
        with _looking(app):
            verdicts = list(examine(patient))
    finally:
        patient.close()
    first = first_failure(verdicts)
    app.emit(_document(verdicts, first), table(verdicts))
    if first and first.error:
        raise first.error


@contextlib.contextmanager
def _looking(app: App) -> Iterator[None]:
    if not app.err.is_terminal:
        yield
        return
    with app.err.status("looking …", spinner="dots"):
        yield


def _document(verdicts: list[Verdict], first: Verdict | None) -> dict[str, Any]:
    return {
        "ok": first is None,
        "first_failure": first.name if first else None,
        "layers": [verdict.as_dict() for verdict in verdicts],
    }


def table(verdicts: list[Verdict]) -> Table:
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for one in verdicts:
        grid.add_row(one.name, Text(one.state, style=_STYLES[one.state]), Text(one.say))
    return grid

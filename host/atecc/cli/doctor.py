"""`atecc doctor`: what is wrong with this board, layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from atecc.cli.app import App, Command, pass_app

if TYPE_CHECKING:
    from atecc.cli.screen import Grid
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
        with app.err.spinner("looking"):
            verdicts = list(examine(patient))
    finally:
        patient.close()
    first = first_failure(verdicts)
    app.emit(_document(verdicts, first), table(verdicts))
    if first and first.error:
        raise first.error


def _document(verdicts: list[Verdict], first: Verdict | None) -> dict[str, Any]:
    return {
        "ok": first is None,
        "first_failure": first.name if first else None,
        "layers": [verdict.as_dict() for verdict in verdicts],
    }


def table(verdicts: list[Verdict]) -> Grid:
    from atecc.cli.screen import Grid

    grid = Grid(columns=3)
    for one in verdicts:
        grid.add(one.name, (one.state, _STYLES[one.state]), one.say)
    return grid

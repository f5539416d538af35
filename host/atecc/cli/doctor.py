"""`atecc doctor`: what is wrong with this board, layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from atecc.cli.app import App, Command, pass_app
from atecc.cli.awsaccount import account_options, cloud_of
from atecc.errors import ArgumentError

if TYPE_CHECKING:
    from atecc.cli.screen import Grid
    from atecc.doctor import Patient, Verdict

_STYLES = {"ok": "green", "failed": "bold red", "not checked": "dim"}


@click.command(
    "doctor",
    cls=Command,
    examples="""atecc doctor
    atecc doctor aws
    atecc doctor aws --thing sensor-1
    atecc doctor --port /dev/ttyUSB0 --json
    atecc doctor --port wss://192.168.1.20""",
)
@click.argument("what", required=False, type=click.Choice(["aws"]))
@click.option("--thing", help="aws: this thing, without a board.")
@account_options
@pass_app
def command(app: App, /, what: str | None, thing: str | None, **options: Any) -> None:
    """Find out what is wrong with a board, from the cable to the broker.

    Looks at one layer after the other and explains the first that fails. Nothing is changed by it, and a living
    connection is left alone. What takes the cable is not checked from afar. With `aws`: what AWS IoT knows of the
    device, and why it is not connected. Ends with 0 if all is well, else with the exit status of the first failure.
    """
    from atecc.doctor import first_failure

    if thing and not what:
        raise ArgumentError("--thing is for `atecc doctor aws`.")
    with app.err.spinner("looking"):
        verdicts = _at_aws(app, thing, options) if what else _board(app, options)
    first = first_failure(verdicts)
    app.emit(_document(verdicts, first), table(verdicts))
    if first and first.error:
        raise first.error


def _board(app: App, options: dict[str, Any]) -> list[Verdict]:
    from atecc.doctor import Patient, examine
    from atecc.provisioning.look import AWS_HOSTS

    patient = Patient(app.channel, str(app.address) if app.address else None, app.timeout)
    try:
        verdicts = list(examine(patient))
        known = patient.__dict__.get("identities")
        active = known.identities.get(known.active or "") if known else None
        if active is not None and (active.endpoint or "").endswith(AWS_HOSTS):
            verdicts += _of_patient(app, patient, options, unasked=True)
    finally:
        patient.close()
    return verdicts


def _at_aws(app: App, thing: str | None, options: dict[str, Any]) -> list[Verdict]:
    from atecc.aws.examine import Examination, Examined
    from atecc.aws.naming import check_thing
    from atecc.doctor import Patient, verdict

    if thing:
        check_thing(thing)
        return list(Examination(cloud_of(app, options), Examined(thing, thing)).verdicts())
    patient = Patient(app.channel, str(app.address) if app.address else None, app.timeout)
    try:
        return [*_of_patient(app, patient, options), verdict(patient, "renewal")]
    finally:
        patient.close()


def _of_patient(app: App, patient: Patient, options: dict[str, Any], unasked: bool = False) -> list[Verdict]:
    from atecc.aws.cloud import has_credentials
    from atecc.aws.examine import Examination, examined

    if unasked and not has_credentials(options["profile"]):
        return []
    return list(Examination(cloud_of(app, options), examined(patient.device, patient.identities)).verdicts())


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

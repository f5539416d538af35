"""`atecc rpc`: the board's methods, directly."""

from __future__ import annotations

import json
import sys

import click

from atecc.cli.app import App, Command, Group, pass_app
from atecc.errors import ArgumentError, RefusedError

LOCKS = {"ATCA.LockZone", "ATCA.LockSlot"}
SET_KEY = "ATCA.SetKey"


@click.group("rpc", cls=Group)
def command() -> None:
    """Call the board's methods directly."""


@command.command("list", cls=Command, examples="atecc rpc list")
@pass_app
def list_(app: App) -> None:
    """List the methods that the board's firmware has."""
    with app.device() as device:
        methods = device.methods()
    app.emit(methods, "\n".join(methods))


@command.command(
    "call",
    cls=Command,
    examples="""atecc rpc call Sys.GetInfo
    atecc rpc call ATCA.KeyInfo '{"slot": 0}'
    atecc rpc call MQTT.Publish - < message.json""",
)
@click.argument("method")
@click.argument("params", metavar="[JSON]", default="{}")
@pass_app
def call(app: App, method: str, params: str) -> None:
    """Call METHOD with JSON as its parameters (- reads standard input), and print its result as JSON."""
    if method in LOCKS:
        raise RefusedError(
            "Locking is for good: it has its own command, which checks first.", "atecc chip lock --help"
        )
    if method == SET_KEY and params != "-":
        raise RefusedError(
            "A key on the command line can be read by everybody on this computer.",
            "`atecc key import` takes it from a file; parameters from standard input: -",
        )
    values = _parameters(sys.stdin.read() if params == "-" else params)
    with app.device() as device:
        result = device.call(method, values, _timeout(app, values))
    click.echo(json.dumps(result, indent=2, ensure_ascii=False))
    app.json_written = True


def _parameters(text: str) -> dict[str, object]:
    try:
        values = json.loads(text)
    except ValueError as error:
        raise ArgumentError(
            f"The parameters are not JSON: {error}.", """Write them like '{"slot": 0}'."""
        ) from error
    if not isinstance(values, dict):
        raise ArgumentError("The parameters must be a JSON object.", """Write them like '{"slot": 0}'.""")
    return values


def _timeout(app: App, values: dict[str, object]) -> float:
    """A method that waits gets the time it was given, and some more."""
    from atecc.device.client import BEGIN_TIMEOUT, SLACK

    asked = values.get("timeout")
    seconds = float(asked) if isinstance(asked, int | float) else app.timeout
    return max(seconds + SLACK, BEGIN_TIMEOUT)

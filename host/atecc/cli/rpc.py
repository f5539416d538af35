"""`atecc rpc`: the board's methods, directly."""

from __future__ import annotations

import click

from atecc.bounded import parse
from atecc.cli.app import App, Command, Group, pass_app
from atecc.cli.files import read_stdin_text
from atecc.errors import ArgumentError, RefusedError
from atecc.log import secrets_in

LOCKS = {"ATCA.LockZone", "ATCA.LockSlot"}


@click.group("rpc", cls=Group)
def command() -> None:
    """Call the board's methods directly."""


@command.command("list", cls=Command, examples="atecc rpc list")
@pass_app
def list_(app: App) -> None:
    """List the methods that the board's firmware has."""
    with app.device() as device:
        methods = device.methods()
    app.emit(methods, *methods)


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
    values = _parameters(read_stdin_text() if params == "-" else params)
    if params != "-":
        _refuse_secrets(method, values)
    with app.device() as device:
        result = device.call(method, values, _timeout(app, values))
    app.document(result)


def _refuse_secrets(method: str, values: dict[str, object]) -> None:
    names = sorted(set(secrets_in(values, method)))
    if names:
        raise RefusedError(
            f"{', '.join(names)} on the command line can be read by everybody on this computer.",
            "Give the parameters on standard input: -. `atecc key import` takes a key from a file, and `atecc wifi "
            "set` asks for a password.",
        )


def _parameters(text: str) -> dict[str, object]:
    try:
        values = parse(text)
    except ValueError as error:
        raise ArgumentError(
            f"The parameters are not JSON: {error}.", """Write them like '{"slot": 0}'."""
        ) from error
    if not isinstance(values, dict):
        raise ArgumentError("The parameters must be a JSON object.", """Write them like '{"slot": 0}'.""")
    return values


def _timeout(app: App, values: dict[str, object]) -> float:
    """A method that waits gets the time it was given, and some more."""
    from atecc.device.caller import BEGIN_TIMEOUT, SLACK

    asked = values.get("timeout")
    seconds = float(asked) if isinstance(asked, int | float) else app.timeout
    return max(seconds + SLACK, BEGIN_TIMEOUT)

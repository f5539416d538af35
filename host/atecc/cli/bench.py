"""`atecc bench`: the permission to do from afar, and without confirmation, what can't be undone."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from atecc.cli.app import App, Command, Group, pass_app
from atecc.errors import ArgumentError

if TYPE_CHECKING:
    from atecc.device.replies import AccessStatus, Bench

MEANING = (
    "Everybody who may call this device can now lock zones and slots, write the configuration and replace keys, "
    "from the network and without a serial number. Plain ws:// without a password is open to everybody on the "
    "network, if it is switched on."
)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST = 31 * 86400


@click.group("bench", cls=Group)
def command() -> None:
    """The bench permission: what can't be undone, from the network and without a confirmation.

    For a board on the bench. It is given over USB, and ends with its time or with the next reset.
    """


@command.command("on", cls=Command, examples="atecc bench on --for 30m\natecc bench on --keep")
@click.option("--for", "duration", metavar="TIME", help="30m, 1h, 2d … 31d at most. Default: 1h.")
@click.option("--keep", is_flag=True, help="Until `atecc bench off`, also after a reset.")
@pass_app
def on(app: App, duration: str | None, keep: bool) -> None:
    """Over USB: give the permission."""
    if duration and keep:
        raise ArgumentError("--for and --keep exclude each other.")
    seconds = parse_duration(duration) if duration else None
    with app.device() as device:
        found = device.bench(True, seconds, keep)
    _show(app, found)
    app.warn(MEANING)


@command.command("off", cls=Command, examples="atecc bench off")
@pass_app
def off(app: App) -> None:
    """Over USB: take the permission back."""
    with app.device() as device:
        found = device.bench(False)
    _show(app, found)


def _show(app: App, found: AccessStatus) -> None:
    app.emit(asdict(found), f"Bench permission: {bench_words(found.bench)}.")


def bench_words(bench: Bench) -> str:
    if not bench.on:
        return "off"
    if bench.kept or bench.left is None:
        return "ON, until `atecc bench off`"
    return f"ON, for another {duration_words(bench.left)} or until the next reset"


def parse_duration(text: str) -> int:
    """Seconds from 90s, 30m, 1h, 2d."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", text.strip().lower())
    if not found or not int(found[1]):
        raise ArgumentError(f"{text!r} is no length of time.", "30m, 1h and 2d are.")
    if (seconds := int(found[1]) * _UNITS[found[2]]) > _LONGEST:
        raise ArgumentError(
            f"{text} is too long: a permission with a time is for 31d at most.",
            "--keep gives one until it is taken back.",
        )
    return seconds


def duration_words(seconds: float) -> str:
    for unit, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} seconds"

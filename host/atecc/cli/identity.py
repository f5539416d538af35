"""`atecc identity`: the two identities on the board."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from atecc.cli.app import App, Command, Group, pass_app

if TYPE_CHECKING:
    from atecc.device.replies import ClaimStatus, IdentityInfo, RenewalStatus, Unfinished


@click.group("identity", cls=Group)
def command() -> None:
    """The two identities a board holds: one active, one idle."""


@command.command("status", cls=Command, examples="atecc identity status\natecc identity status --json")
@pass_app
def status(app: App) -> None:
    """Show both identities: key slot, certificate, broker."""
    from atecc.cli.info import not_adopted
    from atecc.cli.show import pairs

    with app.device() as device:
        found = device.identity_status()
    rows = [("Chip", found.other_chip)] if found.other_chip else []
    rows += not_adopted(found, "Configured")
    rows += [("Claim", _claim(found.claim))] if found.claim else []
    rows += [("Renewal", _renewal(found.renewal))] if found.renewal else []
    for name, one in sorted(found.identities.items()):
        rows += [(f"Identity {name}", line) for line in _lines(one)]
    app.emit(asdict(found), pairs(rows))


def _claim(one: ClaimStatus) -> str:
    from atecc.errors import DeviceError

    how = "asks AWS for a certificate" if one.under_way else "is used no more"
    said = f": {DeviceError.from_reply(one.last_error).message}" if one.last_error else ""
    return f"{how}, {one.attempts} attempt{'' if one.attempts == 1 else 's'}{said}"


def _renewal(one: RenewalStatus) -> str:
    from atecc.errors import DeviceError

    if isinstance(one.last_error, dict):
        return f"it has failed: {DeviceError.from_reply(one.last_error).message}"
    return one.how


def _lines(one: IdentityInfo) -> list[str]:
    from atecc.cli.show import utc

    where = "" if one.slot is None else f", key in slot {one.slot}"
    lines = [f"{one.state}{where}"]
    if one.begun is not None:
        lines.append(f"begun {_since(one.begun)}, and not finished")
    if one.name is not None:
        lines += [
            f"{one.name}: {one.endpoint}:{one.port} as {one.client_id}",
            f"subject {one.subject}",
            f"issuer {one.issuer}",
            f"valid from {utc(one.not_before)} to {utc(one.not_after)}",
            f"serial {one.serial}, SHA-256 {one.sha256}",
        ]
    return lines


def _since(begun: Unfinished) -> str:
    when = "before the board's last start" if begun.ago is None else f"{begun.ago} s ago"
    return f"{when} ({begun.by})"


@command.command("discard", cls=Command, examples="atecc identity discard")
@pass_app
def discard(app: App) -> None:
    """Forget an unfinished identity; the active one is not touched.

    Over USB any. From afar one that was begun the same way, or long ago, or with the bench permission.
    """
    with app.device() as device:
        name = device.discard()
    app.emit({"identity": name}, f"Identity {name} is forgotten; the active one was not touched.")

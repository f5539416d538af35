"""`atecc wifi`: the network that the board joins."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atecc.cli.app import FILE, App, Command, Group, pass_app
from atecc.errors import ArgumentError, DeviceError, NetworkError

if TYPE_CHECKING:
    from atecc.cli.screen import Grid
    from atecc.device import Device
    from atecc.device.replies import Network, WifiStatus

_OPEN = ("open", "none", "0")


@click.group("wifi", cls=Group)
def command() -> None:
    """Join a network."""


@command.command("status", cls=Command, examples="atecc wifi status")
@pass_app
def status(app: App) -> None:
    """Show the network that the board is in, and its address."""
    with app.device() as device:
        _show(app, device.wifi_status())


@command.command("scan", cls=Command, examples="atecc wifi scan")
@pass_app
def scan(app: App) -> None:
    """Show the networks that the board sees, the strongest first."""
    with app.device() as device:
        found = device.wifi_scan()
    app.emit([asdict(one) for one in found], _table(found) if found else "The board sees no network.")


@command.command(
    "set",
    cls=Command,
    examples="""atecc wifi set
    atecc wifi set home --password-file wifi.password
    atecc wifi set guests --no-password""",
)
@click.argument("ssid", required=False)
@click.option("--password-file", type=FILE, help="Holds the network's password. Default: asks.")
@click.option("--no-password", is_flag=True, help="The network is open.")
@click.option("--no-save", is_flag=True, help="Until the next reset only.")
@pass_app
def set_(app: App, ssid: str | None, password_file: Path | None, no_password: bool, no_save: bool) -> None:
    """Join a network. Saved only once it has worked: with a wrong password everything stays as it was."""
    if password_file and no_password:
        raise ArgumentError("--password-file and --no-password exclude each other.")
    with app.device() as device:
        if ssid is None:
            chosen = _choose(app, device)
            ssid, no_password = chosen.ssid, no_password or (_is_open(chosen.auth) and not password_file)
        password = None if no_password else _password(app, ssid, password_file)
        try:
            found = device.wifi_setup(ssid, password, not no_save)
        except DeviceError as error:
            if error.kind == "network":  # whose hint is about brokers
                error.hint = "Nothing was changed. `atecc wifi scan` shows what the board sees."
            raise
    _show(app, found)
    if found.state != "connected":
        from atecc.cli.show import plain

        raise NetworkError(f"The board is not in {ssid}: {plain(found.last_error) or found.state}.")


def _choose(app: App, device: Device) -> Network:
    networks = list({one.ssid: one for one in reversed(device.wifi_scan()) if one.ssid}.values())[::-1]
    if not networks:
        raise NetworkError(
            "The board sees no network.", "A hidden one has to be named: `atecc wifi set NAME`."
        )
    app.err.show(_table(networks, numbered=True))
    answer = app.ask(f"Which network (1-{len(networks)})?", "Name it: `atecc wifi set NAME`.")
    if not answer.isdecimal() or not 0 < int(answer) <= len(networks):
        raise ArgumentError(f"{answer!r} is none of the numbers.", "Nothing was changed.")
    return networks[int(answer) - 1]


def _password(app: App, ssid: str, path: Path | None) -> str:
    from atecc.x509.keyfile import read_text

    if path:
        return read_text(path, "the password")
    return app.ask_password(f"Password of {ssid}", "--password-file").decode()


def _is_open(auth: Any) -> bool:
    return str(auth).lower() in _OPEN


def _table(networks: list[Network], numbered: bool = False) -> Grid:
    from atecc.cli.screen import Grid

    made = Grid(*(["#"] if numbered else []), "network", "channel", "signal", "protection")
    for number, one in enumerate(networks, 1):
        cells = (one.ssid or "(hidden)", str(one.channel), f"{one.rssi} dBm", str(one.auth))
        made.add(*([str(number), *cells] if numbered else cells))
    return made


def _show(app: App, found: WifiStatus) -> None:
    from atecc.cli.show import pairs, plain

    rows = [("State", found.state if found.enabled else "off")]
    strength = "" if found.rssi is None else f" ({found.rssi} dBm)"
    fields = (("Network", f"{found.ssid}{strength}" if found.ssid else None), ("Address", found.ip))
    more = (("Gateway", found.gateway), ("DNS", found.dns), ("Last error", plain(found.last_error)))
    rows += [(name, value) for name, value in (*fields, *more) if value]
    app.emit(asdict(found), pairs(rows))

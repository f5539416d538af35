"""`atecc websocket`: plain ws:// and http://, for tools that know no client certificates."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from atecc.channels.digest import DEFAULT_USER
from atecc.cli.app import FILE, App, Command, Group, pass_app
from atecc.errors import ArgumentError

if TYPE_CHECKING:
    from atecc.device.replies import AccessStatus


@click.group("websocket", cls=Group)
def command() -> None:
    """Switch plain ws:// on and off. wss:// needs none of this.

    What is sent over ws:// can be read, and changed, by everybody on the way; the password only keeps
    others from calling.
    """


@command.command(
    "on",
    cls=Command,
    examples="""atecc websocket on
    atecc websocket on --http-port 8080 --username alice --password-file ws.password""",
)
@click.option("--http-port", type=click.IntRange(1, 65535), help="Default: 80.")
@click.option("--username", default=DEFAULT_USER, show_default=True, help="Who calls.")
@click.option("--password-file", type=FILE, help="Holds the password. Default: asks.")
@click.option("--no-password", is_flag=True, help="Serve callers only while the bench permission is on.")
@pass_app
def on(app: App, http_port: int | None, username: str, password_file: Path | None, no_password: bool) -> None:
    """Over USB: listen for ws://. The password itself never goes to the device, only a hash of it."""
    from atecc.channels.digest import ha1

    if ":" in username or not username:
        raise ArgumentError("A user's name has no colon, and is not empty.")
    settings: dict[str, object] = {"port": http_port}
    if not no_password:
        settings |= {"username": username, "ha1": ha1(username, _password(app, password_file))}
    with app.device() as device:
        found = device.web_socket(True, **settings)
    _show(app, found)
    app.warn(
        "Over ws:// everybody on the way can read and change what is sent; wss:// is for anything else but a bench."
    )


@command.command("off", cls=Command, examples="atecc websocket off")
@pass_app
def off(app: App) -> None:
    """Over USB: don't listen for ws:// any more."""
    with app.device() as device:
        found = device.web_socket(False)
    _show(app, found)


def _show(app: App, found: AccessStatus) -> None:
    from atecc.cli.operator import rows
    from atecc.cli.show import pairs

    app.emit(asdict(found), pairs(rows(found)))


def _password(app: App, path: Path | None) -> str:
    from atecc.x509.keyfile import read_text

    if path:
        return read_text(path, "the password")
    return app.ask_password("A password for ws://", "--password-file").decode()

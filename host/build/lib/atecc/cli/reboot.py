"""`atecc reboot`: a fresh start."""

from __future__ import annotations

import click

from atecc.cli.app import App, Command, pass_app


@click.command("reboot", cls=Command, examples="atecc reboot")
@pass_app
def command(app: App) -> None:
    """Restart the board. Settings that were not saved are lost."""
    with app.device() as device:
        device.reboot()
    app.emit({"rebooting": True}, "The board restarts.")

"""`atecc chip`: the configuration that makes a chip useful, and the locks that make it final."""

from __future__ import annotations

import click

from atecc.cli.app import Group
from atecc.cli.chipconfig import config
from atecc.cli.chiplock import lock
from atecc.cli.chipshow import show


@click.group("chip", cls=Group)
def command() -> None:
    """Configure the chip, and lock it."""


for one in (show, config, lock):
    command.add_command(one)

"""`atecc install` and `atecc console`: what takes the cable and MicroPython's own prompt."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from atecc.bounded import read_path
from atecc.cli.app import FILE, App, Command, pass_app
from atecc.cli.screen import is_terminal
from atecc.errors import ArgumentError, AteccError

if TYPE_CHECKING:
    from atecc.channels.serial import SerialChannel
    from atecc.install import Found, Plan


@click.command(
    "install",
    cls=Command,
    examples="""atecc install --port /dev/ttyUSB0 --pins 22,21
    atecc install --port /dev/ttyUSB0 --board-file board.py --dry-run""",
)
@click.option("--pins", metavar="SCL,SDA[,I2C]", help="Write a board.py for a chip on these pins.")
@click.option("--board-file", type=FILE, help="This is the board's board.py.")
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@click.option(
    "--no-reset", is_flag=True, help="Leave the board as it runs; the firmware starts with its next reset."
)
@pass_app
def install(app: App, pins: str | None, board_file: Path | None, dry_run: bool, no_reset: bool) -> None:
    """Put the firmware's modules on a board that runs a suitable MicroPython.

    Over USB only. Looks first whether the MicroPython there is suitable. Writes modules to /lib, and main.py and
    board.py; a main.py of your own becomes /program.py, and runs beside the device. boot.py and everything else stays,
    but for modules that an older version has left in its packages. Every file is compared by its hash, so the same
    command again does what an interrupted one has left.
    """
    if pins and board_file:
        raise ArgumentError("--pins and --board-file exclude each other.")
    channel = serial_channel(app, "install")
    try:
        found, plan = _plan(channel, pins, board_file)
        if not dry_run:
            _carry_out(app, channel, plan, reset=not no_reset)
    finally:
        channel.close()
    _report(app, found, plan, dry_run)


def serial_channel(app: App, command: str) -> SerialChannel:
    """The board's cable, for what takes its prompt."""
    from atecc.channels.serial import SerialChannel

    app.take_the_cable(command)
    channel = app.channel()
    if not isinstance(channel, SerialChannel):
        raise ArgumentError(f"`atecc {command}` takes the USB cable.")
    return channel


def _plan(channel: SerialChannel, pins: str | None, path: Path | None) -> tuple[Found, Plan]:
    from atecc.install import firmware_files, judge, look, make_plan

    chosen = _checked(path) if path else None
    numbers = _parsed(pins)
    found = look(channel)
    files = firmware_files()
    judge(found, 0)
    if numbers:
        from atecc.install import board_file

        chosen = board_file(numbers, found.machine, found.platform)
    if chosen is None and not found.board:
        raise ArgumentError(
            "The board does not know yet which pins the chip is on.",
            "--pins SCL,SDA says so, for example --pins 22,21; or --board-file names a board.py.",
        )
    plan = make_plan(channel, ({"/board.py": chosen} if chosen else {}) | files)
    judge(found, plan.size)
    return found, plan


def _parsed(pins: str | None) -> tuple[int, int, int] | None:
    from atecc.install import parse_pins

    return parse_pins(pins) if pins else None


def _checked(path: Path) -> bytes:
    """A board.py that at least names what the firmware wants."""
    try:
        content = read_path(path)
        compile(content, str(path), "exec")
    except OSError as error:
        raise AteccError(f"{path} can't be read: {error.strerror}.") from error
    except (SyntaxError, ValueError) as error:
        raise ArgumentError(f"{path} is no Python: {error}.") from error
    names = (
        "NAME",
        "ARCH",
        "I2C",
        "SCL",
        "SDA",
        "I2C_HZ",
        "ATECC_ADDRESS",
        "KEY_SLOTS",
        "LISTEN",
        "CONNECTIONS",
    )
    missing = [name for name in names if f"\n{name} =" not in "\n" + content.decode(errors="replace")]
    if missing:
        raise ArgumentError(f"{path} does not set {', '.join(missing)}.", "boards/*/board.py are examples.")
    return content


def _carry_out(app: App, channel: SerialChannel, plan: Plan, reset: bool) -> None:
    from atecc.install import Copied, carry_out
    from atecc.install.copying import DOING

    def told(one: Copied) -> None:
        if not app.json:
            app.say(f"{DOING[one.state]} {one.path}")

    carry_out(channel, plan, told)
    if reset:
        channel.reset()


def _report(app: App, found: Found, plan: Plan, dry_run: bool) -> None:
    from atecc.install.copying import SAME

    data = {"dry_run": dry_run, "board": asdict(found), "files": [asdict(one) for one in plan.states]}
    written, version = len(plan.to_write), ".".join(map(str, found.version))
    lines = [f"{found.machine}, MicroPython {version}: suitable."]
    if dry_run:
        lines += [f"{one.state:8} {one.path}" for one in plan.states if one.state != SAME]
        lines.append(f"{written} of {len(plan.files)} files would be written; nothing was.")
    else:
        lines.append(f"{written} of {len(plan.files)} files written, all of them compared.")
        lines.append("Next: atecc doctor")
    app.emit(data, *lines)


@click.command("console", cls=Command, examples="atecc console\natecc console --port /dev/ttyUSB0")
@pass_app
def console(app: App) -> None:
    """Talk to the board's own prompt; Ctrl-] leaves it.

    Over USB only. It is MicroPython's REPL, with mpremote's terminal: Ctrl-C interrupts, Ctrl-D restarts MicroPython.
    """
    if not is_terminal():
        raise ArgumentError(
            "A console takes a terminal: nobody types here.", "`mpremote exec` runs a program."
        )
    channel = serial_channel(app, "console")
    try:
        app.say("MicroPython's prompt; Ctrl-] leaves.")
        channel.console()
    finally:
        channel.close()

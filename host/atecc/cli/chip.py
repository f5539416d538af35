"""`atecc chip`: the configuration that makes a chip useful, and the locks that make it final."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atecc.cli.app import App, Command, Group, pass_app
from atecc.cli.chiplock import lock
from atecc.errors import ArgumentError

if TYPE_CHECKING:
    from atecc.chipconfig.zone import ConfigZone


@click.group("chip", cls=Group)
def command() -> None:
    """Configure the chip, and lock it."""


@command.group("config", cls=Group)
def config() -> None:
    """The chip's configuration: what each of its sixteen slots is for."""


command.add_command(lock)


@config.command(
    "get",
    cls=Command,
    examples="""atecc chip config get
    atecc chip config get --hex > chip.hex""",
)
@click.option("--hex", "as_hex", is_flag=True, help="The 128 bytes, for `chip config set FILE`.")
@pass_app
def get(app: App, as_hex: bool) -> None:
    """Show what the chip's configuration allows, slot by slot."""
    from atecc.chipops import read_config
    from atecc.cli.show import options_line, slot_table

    with app.device() as device:
        zone = read_config(device)
    if as_hex and not app.json:
        lines = [zone.data[n : n + 16].hex(" ") for n in range(0, 128, 16)]
        app.emit(None, "\n".join(lines))
        return
    locks = f"config zone {_open(zone.config_locked)}, data zone {_open(zone.data_locked)}"
    app.emit(config_json(zone), slot_table(zone), "", options_line(zone), f"Chip {zone.serial}: {locks}")


@config.command(
    "set",
    cls=Command,
    examples="""atecc chip config set
    atecc chip config set chip.hex --yes""",
)
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--preset", default=None, help="A configuration that comes with the tool. Default: tls.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@pass_app
def set_(app: App, file: Path | None, preset: str | None, yes: bool) -> None:
    """Write a configuration: the preset `tls`, or 128 bytes in hex from FILE.

    Shows what would change, and asks. Until the config zone is locked, this can be repeated and changed.
    """
    from atecc import chipops
    from atecc.cli.show import change_table, options_line, slot_table

    if file and preset:
        raise ArgumentError("Give a file or a preset, not both.")
    with app.device() as device:
        present = chipops.read_config(device)
        plan = chipops.plan_config(device, _wanted(file, preset or "tls", present), present)
        if not app.json:
            app.err.print(slot_table(plan.wanted), "", options_line(plan.wanted), sep="\n")
        for text in [*plan.findings.problems, *plan.findings.warnings]:
            app.warn(text)
        changed = [vars(change) for change in plan.changes]
        if plan.changes:
            _confirm(app, change_table(plan.changes), yes)
            chipops.write_config(device, plan)
    data = {
        "serial": present.serial,
        "written": bool(changed),
        "changes": changed,
        "config": plan.wanted.data.hex(),
    }
    done = (
        "written and read back; nothing is locked yet"
        if changed
        else "what the chip holds already; nothing was written"
    )
    app.emit(data, f"Configuration of chip {present.serial}: {done}.")
    if not app.json:
        app.say("Make it final, for good: atecc chip lock config")


def _confirm(app: App, table: Any, yes: bool) -> None:
    if not app.json:
        app.err.print("", table, "", sep="\n")
    if not yes:
        app.ask_yes("Write it? Nothing is locked by that.")


def _wanted(file: Path | None, preset: str, present: ConfigZone) -> ConfigZone:
    from atecc.chipconfig.presets import compile_preset
    from atecc.chipconfig.zone import ConfigZone, parse_hex

    if file is None:
        return compile_preset(preset, present)
    try:
        return ConfigZone(parse_hex(file.read_text()))
    except OSError as error:
        raise ArgumentError(f"{file} can't be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ArgumentError(f"{file} is not a text file of hex digits.") from error


def _open(locked: bool) -> str:
    return "locked" if locked else "not locked"


def config_json(zone: ConfigZone) -> dict[str, Any]:
    """The configuration for programs."""
    from atecc.chipconfig.words import describe, slot_json

    return {
        "serial": zone.serial,
        "revision": zone.revision,
        "i2c_address": zone.i2c_address,
        "config_locked": zone.config_locked,
        "data_locked": zone.data_locked,
        "crc": zone.crc,
        "config": zone.data.hex(),
        "slots": [slot_json(words, slot) for words, slot in zip(describe(zone), zone.slots, strict=True)],
    }

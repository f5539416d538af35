"""`atecc chip config`: read it, judge it, compare it, write it. None of this locks anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from atecc.cli.app import App, Command, Group, pass_app
from atecc.cli.rehearse import rehearse_options, rehearse_set
from atecc.cli.screen import Block
from atecc.errors import ArgumentError, RefusedError

if TYPE_CHECKING:
    from atecc.chip.config.check import Findings
    from atecc.chip.config.document import Configuration
    from atecc.chip.config.zone import ConfigZone
    from atecc.chip.operations import ConfigPlan

PRESETS = ("tls",)
FILES = "FILE is YAML as `config get` writes it, YAML of Mongoose OS, hex, or the name of a preset: tls."


def _files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Presets, and whatever files the shell finds."""
    presets = [CompletionItem(name) for name in PRESETS if name.startswith(incomplete)]
    return [*presets, CompletionItem(incomplete, type="file")]


@click.group("config", cls=Group)
def config() -> None:
    """The chip's configuration: what each of its sixteen slots is for."""


@config.command(
    "get",
    cls=Command,
    examples="""atecc chip config get > chip.yaml
    atecc chip config get --format hex > chip.hex
    atecc chip config get --preset tls > mine.yaml""",
)
@click.option("--format", "form", type=click.Choice(["yaml", "hex"]), default="yaml", help="Default: yaml.")
@click.option("--hex", "form", flag_value="hex", hidden=True)
@click.option("--preset", help="Not the chip's, but one that comes with the tool: tls.")
@pass_app
def get(app: App, form: str, preset: str | None) -> None:
    """Print the chip's configuration, as a file that `config set` takes."""
    from atecc.chip.config.document import dump
    from atecc.chip.config.presets import preset_text
    from atecc.chip.config.words import zone_json

    if preset is not None and form == "yaml" and not app.json:
        app.emit(None, Block(preset_text(preset).rstrip("\n")))
        return
    configuration = _configuration(app, preset)
    zone = configuration.zone
    if form == "hex" and not app.json:
        app.emit(None, *(zone.data[n : n + 16].hex(" ") for n in range(0, 128, 16)))
        return
    app.emit(zone_json(zone), Block(dump(configuration, _heading(configuration)).rstrip("\n")))


def _heading(configuration: Configuration) -> str:
    zone = configuration.zone
    locks = f"config zone {_open(zone.config_locked)}, data zone {_open(zone.data_locked)}"
    return f"{_capital(configuration.source)}: {locks}.\n`atecc chip config check` explains it."


def _capital(text: str) -> str:
    """A file's name stays as it is."""
    return text[:1].upper() + text[1:] if text.startswith(("chip ", "preset ")) else text


def _configuration(app: App, name: str | None) -> Configuration:
    """From a file or preset, or from the chip that is connected."""
    from atecc.chip.config.document import Configuration
    from atecc.chip.config.load import load
    from atecc.chip.config.presets import labels_of
    from atecc.chip.reading import read_config

    if name is not None:
        return load(name)
    with app.device() as device:
        zone = read_config(device)
    return Configuration(zone, labels_of(zone), source=f"chip {zone.serial}")


@config.command(
    "check",
    cls=Command,
    examples="""atecc chip config check
    atecc chip config check mine.yaml
    atecc chip config check tls""",
)
@click.argument("file", required=False, shell_complete=_files)
@pass_app
def check(app: App, file: str | None) -> None:
    """Explain every consequence of a configuration: FILE's, or the connected chip's.

    Ends with status 5 if it would ruin the chip for its purpose.
    """
    from atecc.chip.config.check import check as judge
    from atecc.cli.show import consequences

    configuration = _configuration(app, file)
    findings = judge(configuration.zone, configuration.labels)
    data = {"source": configuration.source} | check_json(configuration, findings)
    app.emit(data, consequences(configuration))
    _say(app, findings)
    if findings.problems:
        raise RefusedError(f"{_capital(configuration.source)} {_verdict(configuration.zone)}.")
    if not app.json:
        app.emit(
            None, f"{_capital(configuration.source)} is sound: a chip so locked can be a device's identity."
        )


def _verdict(zone: ConfigZone) -> str:
    """Nothing can ruin what is final already."""
    if zone.config_locked:
        return "is that of a chip that can't be a device's identity"
    return "would ruin a chip for its purpose"


def check_json(configuration: Configuration, findings: Findings) -> dict[str, Any]:
    from atecc.chip.config.abilities import explain

    slots = [
        {"slot": n, "role": str(configuration.labels[n]), "consequences": explain(configuration.zone, n)}
        for n in range(16)
    ]
    return {"sound": not findings.problems} | vars(findings) | {"slots": slots}


def _say(app: App, findings: Findings) -> None:
    if not app.json:
        for text in findings.problems:
            app.say(f"Problem: {text}", style="red")
        for text in findings.warnings:
            app.warn(text)


@config.command(
    "diff",
    cls=Command,
    examples="""atecc chip config diff tls
    atecc chip config diff old.yaml new.yaml --exit-code""",
)
@click.argument("file", shell_complete=_files)
@click.argument("other", required=False, shell_complete=_files)
@click.option("--exit-code", is_flag=True, help="End with status 1 if they differ.")
@pass_app
def diff(app: App, file: str, other: str | None, exit_code: bool) -> None:
    """Compare configurations: the chip's with FILE, or FILE with OTHER, in bytes and in words.

    Serial number, locks and what else no Write can change are not compared.
    """
    from atecc.chip.config.words import changes
    from atecc.cli.show import change_table

    before = _configuration(app, file if other is not None else None)
    after = _configuration(app, other if other is not None else file)
    found = changes(before.zone, after.zone.with_fixed_bytes_of(before.zone))
    data = {
        "from": before.source,
        "to": after.source,
        "same": not found,
        "changes": [vars(change) for change in found],
    }
    same = f"{_capital(before.source)} and {after.source} say the same."
    app.emit(data, *([change_table(found)] if found else [same]))
    if found and exit_code:
        raise SystemExit(1)


@config.command(
    "set",
    cls=Command,
    examples="""atecc chip config set
    atecc chip config set mine.yaml --rehearse
    atecc chip config set chip.hex --yes""",
)
@click.argument("file", required=False, shell_complete=_files)
@click.option("--preset", default=None, help="A configuration that comes with the tool. Default: tls.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option("--even-if-useless", is_flag=True, help="Write it even if `config check` refuses it.")
@rehearse_options
@pass_app
def set_(
    app: App,
    file: str | None,
    preset: str | None,
    yes: bool,
    even_if_useless: bool,
    rehearse: bool,
    simulator: str | None,
) -> None:
    """Write a configuration: the preset `tls`, or FILE (YAML, YAML or JSON of Mongoose OS, or its bytes).

    Checks it, shows what would change, and asks. Until the config zone is locked, this can be repeated.
    """
    from atecc.chip import operations
    from atecc.cli.show import options_line, slot_table

    if file and preset:
        raise ArgumentError("Give a file or a preset, not both.")
    wanted = _wanted(file, preset or "tls")
    with app.device() as device:
        plan = operations.plan_config(device, wanted.zone, labels=wanted.labels)
        if plan.present.config_locked:
            _report(app, plan, None)
            return
        if plan.changes and not app.json:
            app.err.show(slot_table(plan.wanted, wanted.labels), "", options_line(plan.wanted))
        _say(app, plan.findings)
        if not even_if_useless:
            operations.refuse_useless(plan)
        rehearsal = rehearse_set(app, plan, simulator) if rehearse else None
        if plan.changes:
            _confirm(app, plan, yes)
            operations.write_config(device, plan)
    _report(app, plan, rehearsal)


def _wanted(file: str | None, preset: str) -> Configuration:
    from atecc.chip.config import presets
    from atecc.chip.config.load import load

    return presets.preset(preset) if file is None else load(file)


def _confirm(app: App, plan: ConfigPlan, yes: bool) -> None:
    from atecc.cli.show import change_table

    if not app.json:
        app.err.show("", change_table(plan.changes), "")
    if not yes:
        app.ask_yes("Write it? Nothing is locked by that.")


def _report(app: App, plan: ConfigPlan, rehearsal: list[dict[str, Any]] | None) -> None:
    changed = [vars(change) for change in plan.changes]
    serial = plan.present.serial
    locked = plan.present.config_locked
    data = {
        "serial": serial,
        "written": bool(changed),
        "locked": locked,
        "changes": changed,
        "config": plan.wanted.data.hex(),
    }
    if rehearsal is not None:
        data["rehearsal"] = rehearsal
    done = (
        "written and read back; nothing is locked yet"
        if changed
        else f"what the chip holds already{', locked' if locked else ''}; nothing was written"
    )
    app.emit(data, f"Configuration of chip {serial}: {done}.")
    if changed and not app.json:
        app.say("It may be written again and again, until it is locked; the chip makes no keys before that.")
    if not app.json and not locked:
        app.say("Make it final, for good: atecc chip lock config")


def _open(locked: bool) -> str:
    return "locked" if locked else "not locked"

"""`atecc chip lock`: the only command that locks anything, and it doesn't unless it is told twice."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from atecc.cli.app import App, Command, pass_app
from atecc.errors import ArgumentError

if TYPE_CHECKING:
    from atecc.chipops import LockPlan, Receipt


class Crc(click.ParamType[int]):
    """A CRC-16, as 0x1234 or decimal."""

    name = "CRC"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            number = int(value, 0) if isinstance(value, str) else int(value)
        except ValueError:
            self.fail(f"{value!r} is not a number like 0x1234.", param, ctx)
        if not 0 <= number <= 0xFFFF:
            self.fail(f"{value!r} has more than 16 bits.", param, ctx)
        return number


@click.command(
    "lock",
    cls=Command,
    examples="""atecc chip lock config
    atecc chip lock config --confirm
    atecc chip lock data --yes-lock 0123f1a2b3c4d5e6ee""",
)
@click.argument("zone", type=click.Choice(["config", "data"]))
@click.option(
    "--confirm", is_flag=True, help="Lock it, after the chip's serial number has been typed in full."
)
@click.option(
    "--yes-lock", metavar="SERIAL", help="Lock it without asking, if this is the chip's serial number."
)
@click.option(
    "--data-crc",
    type=Crc(),
    help="What the chip's CRC over data slots and OTP must be; their content can't be read before the lock.",
)
@pass_app
def lock(app: App, zone: str, confirm: bool, yes_lock: str | None, data_crc: int | None) -> None:
    """Lock a zone of the chip, which is IRREVERSIBLE.

    Without --confirm or --yes-lock nothing is done: it shows what would be locked, and what becomes
    impossible for good.
    """
    from atecc import chipops

    if data_crc is not None and zone != "data":
        raise ArgumentError(
            "--data-crc is for the data zone; the config zone's CRC is computed from what is read."
        )
    with app.device() as device:
        plan = chipops.plan_lock(device, zone, data_crc)
        dry = not confirm and yes_lock is None
        _show_plan(app, plan, to_stdout=dry)
        chipops.refuse_unfit(plan)
        if dry:
            _end_dry_run(app, plan)
            return
        typed = yes_lock or app.ask(
            "Type the chip's serial number to lock it:", "--yes-lock SERIAL confirms it in a script."
        )
        receipt = chipops.lock(device, plan, typed)
    _show_receipt(app, receipt)


def _show_plan(app: App, plan: LockPlan, to_stdout: bool) -> None:
    from atecc.cli.show import options_line, slot_table

    if app.json:
        return
    console = app.out if to_stdout else app.err
    console.print(slot_table(plan.config), "", options_line(plan.config), _crc_line(plan), "", sep="\n")
    console.print(
        f"Locking the {plan.zone} zone of chip {plan.chip.serial} is IRREVERSIBLE.", style="bold red"
    )
    console.print("Nobody will ever be able again")
    for one in plan.impossible:
        console.print(f"  - {one}")
    console.print("")
    for warning in plan.findings.warnings:
        app.warn(warning)


def _crc_line(plan: LockPlan) -> str:
    if plan.crc is None:
        return (
            "The content of data slots and OTP can't be read before the lock, so it is locked as it is; "
            "if you know what it is, --data-crc has the chip check it."
        )
    return f"CRC-16: 0x{plan.crc:04x}; the chip locks nothing else than what has it."


def _end_dry_run(app: App, plan: LockPlan) -> None:
    from atecc.cli.chip import config_json

    data = {
        "dry_run": True,
        "zone": plan.zone,
        "serial": plan.chip.serial,
        "crc": plan.crc,
        "impossible_afterwards": plan.impossible,
        "warnings": plan.findings.warnings,
        "config": config_json(plan.config),
    }
    app.emit(
        data,
        "This was a dry run: nothing was changed. To lock it:",
        f"  atecc chip lock {plan.zone} --confirm",
    )


def _show_receipt(app: App, receipt: Receipt) -> None:
    from atecc.cli.show import pairs, utc

    rows = [
        ("Locked", f"{receipt.zone} zone, for good; read back and verified"),
        ("Chip", f"{receipt.serial}, revision {receipt.revision}"),
        ("CRC-16", "not checked" if receipt.crc is None else f"0x{receipt.crc:04x}, checked by the chip"),
        ("When", utc(receipt.locked_at)),
    ]
    app.emit({"locked": True} | asdict(receipt), pairs(rows))

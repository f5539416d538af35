"""`atecc chip lock`: the only command that locks anything, and it doesn't unless it is told twice."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atecc import whole
from atecc.cli.app import App, Command, pass_app
from atecc.cli.files import check_free
from atecc.cli.rehearse import rehearse_lock, rehearse_options
from atecc.errors import ArgumentError

if TYPE_CHECKING:
    from atecc.chip.config.document import Configuration
    from atecc.chip.operations import LockPlan, Receipt


RECEIPT_ROOM = 8192  # more than any receipt takes


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


@dataclass(frozen=True)
class Wish:
    """How it was asked for."""

    confirm: bool
    yes_lock: str | None
    holds: str | None
    receipt: Path | None
    even_if_useless: bool
    rehearse: bool
    simulator: str | None

    @property
    def dry(self) -> bool:
        return not self.confirm and self.yes_lock is None


@click.command(
    "lock",
    cls=Command,
    examples="""atecc chip lock config
    atecc chip lock config --holds mine.yaml --rehearse --confirm --receipt chip-7.json
    atecc chip lock data --yes-lock 0123f1a2b3c4d5e6ee
    atecc chip lock slot 0 --confirm""",
)
@click.argument("zone", type=click.Choice(["config", "data", "slot"]), metavar="config|data|slot")
@click.argument("number", required=False, type=click.IntRange(0, 15), metavar="[N]")
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
@click.option(
    "--holds",
    metavar="FILE",
    help="Lock only a chip whose configuration is what FILE (or a preset) says; for the config zone FILE's roles are "
    "promises then. What is locked so already is left, with exit status 0.",
)
@click.option(
    "--receipt",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write what was locked into FILE, as JSON; a file that exists is not overwritten.",
)
@click.option("--even-if-useless", is_flag=True, help="Lock it even if that ruins the chip for its purpose.")
@rehearse_options
@pass_app
def lock(app: App, /, zone: str, number: int | None, data_crc: int | None, **options: Any) -> None:
    """Lock a zone of the chip, or one slot (lock slot N), which is IRREVERSIBLE.

    Without --confirm or --yes-lock nothing is done: it shows what would be locked, and what becomes
    impossible for good.
    """
    from atecc.chip import operations

    wish = Wish(**options)
    _check_arguments(zone, number, data_crc)
    wanted = _wanted(wish)
    if wanted is None:
        check_free(wish.receipt)
    with app.device() as device:
        plan = operations.plan_lock(device, zone, data_crc, number)
        if wanted is not None:
            plan = operations.held_to(plan, wanted)
        if plan.already:
            _end_already(app, plan, wish)
            return
        check_free(wish.receipt)
        _show_plan(app, plan, to_stdout=wish.dry)
        if not wish.even_if_useless:
            operations.refuse_unfit(plan)
        rehearsal = rehearse_lock(app, plan, wish.simulator) if wish.rehearse else None
        if wish.dry:
            _end_dry_run(app, plan, rehearsal)
            return
        typed = wish.yes_lock or app.ask(
            "Type the chip's serial number to lock it:", "--yes-lock SERIAL confirms it in a script."
        )
        with _paper(wish) as paper:
            receipt = operations.lock(device, plan, typed, wish.even_if_useless)
            if paper is not None:
                document = {"locked": True} | asdict(receipt)
                paper.write(json.dumps(document, indent=2).encode() + b"\n")
                paper.keep()
    _show_receipt(app, receipt, rehearsal)
    if wish.receipt is not None:
        app.say(f"Receipt written into {wish.receipt}.")


def _check_arguments(zone: str, number: int | None, data_crc: int | None) -> None:
    if data_crc is not None and zone != "data":
        raise ArgumentError(
            "--data-crc is for the data zone; the config zone's CRC is computed from what is read."
        )
    if (number is None) == (zone == "slot"):
        raise ArgumentError(
            "Which slot? `atecc chip lock slot N`, N from 0 to 15."
            if zone == "slot"
            else f"The {zone} zone has no number; one slot is locked by `atecc chip lock slot {number}`."
        )


def _wanted(wish: Wish) -> Configuration | None:
    from atecc.chip.config.load import load

    return None if wish.holds is None else load(wish.holds)


def _end_already(app: App, plan: LockPlan, wish: Wish) -> None:
    """What was asked for is so: for a script that runs again, that is success."""
    from atecc.chip import operations

    if wish.yes_lock is not None:
        operations.refuse_other_chip(plan, wish.yes_lock)
    if wish.holds is None or plan.crc is not None:
        raise operations.already_locked(plan)
    data = {"locked": True, "already": True, "zone": plan.zone, "slot": plan.slot, "serial": plan.chip.serial}
    app.emit(
        data | {"config": plan.config.data.hex()},
        f"{_capital(plan.target)} of chip {plan.chip.serial} is locked already, on a chip with the configuration of "
        f"{wish.holds}: nothing was done.",
    )
    if wish.receipt is not None:
        app.say(f"No receipt was written into {wish.receipt}: when it was locked is not known.")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


@contextlib.contextmanager
def _paper(wish: Wish) -> Iterator[whole.Draft | None]:
    """What the receipt is written on, if one is wanted: the room for it is there before it is too late."""
    if wish.receipt is None:
        yield None
        return
    with whole.Draft(wish.receipt) as paper:
        paper.write(bytes(RECEIPT_ROOM))
        yield paper


def _show_plan(app: App, plan: LockPlan, to_stdout: bool) -> None:
    from atecc.cli.show import options_line, slot_table

    if app.json:
        return
    screen = app.out if to_stdout else app.err
    # The data zone's lock changes nothing of what has been final since the config zone's.
    table = () if plan.zone == "data" else (slot_table(plan.config, only=plan.slot), "")
    options = (options_line(plan.config),) if plan.zone == "config" else ()
    screen.show(*table, *options, _crc_line(plan), "")
    screen.styled((f"Locking {plan.target} of chip {plan.chip.serial} is IRREVERSIBLE.", "bold red"))
    screen.show("Nobody will ever be able again", *(f"  - {one}" for one in plan.impossible))
    if to_stdout:
        screen.show("From then on", *(f"  - {one}" for one in plan.afterwards))
    screen.show("")
    for warning in plan.findings.warnings:
        app.warn(warning)


def _crc_line(plan: LockPlan) -> str:
    if plan.slot is not None:
        holds = "a key" if plan.slot in plan.holding else "no key"
        what = f"It holds {holds} now" if plan.config.slots[plan.slot].private else "What it holds"
        return f"{what}{', which' if what.startswith('It') else ''} stays until the end of the chip."
    if plan.crc is None:
        return (
            "The content of data slots and OTP can't be read before the lock, so it is locked as it is; "
            "if you know what it is, --data-crc has the chip check it."
        )
    return f"CRC-16: 0x{plan.crc:04x}; the chip locks nothing else than what has it."


def _end_dry_run(app: App, plan: LockPlan, rehearsal: list[dict[str, Any]] | None) -> None:
    from atecc.chip.config.words import zone_json

    data = {
        "dry_run": True,
        "zone": plan.zone,
        "slot": plan.slot,
        "serial": plan.chip.serial,
        "crc": plan.crc,
        "impossible_afterwards": plan.impossible,
        "afterwards": plan.afterwards,
        "warnings": plan.findings.warnings,
        "config": zone_json(plan.config),
    }
    if rehearsal is not None:
        data["rehearsal"] = rehearsal
    what = plan.zone if plan.slot is None else f"slot {plan.slot}"
    app.emit(
        data,
        "This was a dry run: nothing was changed. To lock it:",
        f"  atecc chip lock {what} --confirm",
    )


def _target(receipt: Receipt) -> str:
    return f"{receipt.zone} zone" if receipt.slot is None else f"slot {receipt.slot}"


def _show_receipt(app: App, receipt: Receipt, rehearsal: list[dict[str, Any]] | None) -> None:
    from atecc.cli.show import pairs, utc

    rows = [
        ("Locked", f"{_target(receipt)}, for good; read back and verified"),
        ("Chip", f"{receipt.serial}, revision {receipt.revision}"),
        ("CRC-16", "not checked" if receipt.crc is None else f"0x{receipt.crc:04x}, checked by the chip"),
        ("When", utc(receipt.locked_at)),
    ]
    if receipt.slot is not None:
        del rows[2]
    played = {} if rehearsal is None else {"rehearsal": rehearsal}
    app.emit({"locked": True} | asdict(receipt) | played, pairs(rows))
    if not app.json and receipt.zone != "slot":
        app.say(
            {"config": "Next: atecc chip lock data", "data": "Next: atecc provision --help"}[receipt.zone]
        )

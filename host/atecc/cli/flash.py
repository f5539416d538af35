"""`atecc flash`: a whole firmware, written to the board, and the board greeted when it starts."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atecc.cli.app import App, Command, pass_app
from atecc.errors import ChannelError, FirmwareMissing

if TYPE_CHECKING:
    from atecc.doctor import Patient, Verdict
    from atecc.flashing import Loader, Plan

START_S = 60.0
POLL_S = 0.5
# Layers without which it is no board of ours that has started.
_STARTED = ("cable", "REPL", "firmware", "self-check")


@click.command(
    "flash",
    cls=Command,
    examples="""atecc flash firmware/ --port /dev/ttyUSB0
    atecc flash ESP32_GENERIC_C3_ATECC608.bin --port /dev/ttyACM0 --dry-run""",
)
@click.argument("source", metavar="IMAGE|DIR", type=click.Path(exists=True, path_type=Path))
@click.option("--board", metavar="NAME", help="Of several images for the chip, the one for this board.")
@click.option("--erase-files", is_flag=True, help="Erase the files too: identities, settings, all of them.")
@click.option("--dry-run", is_flag=True, help="Look, say what would be done, and write nothing.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@pass_app
def command(app: App, source: Path, board: str | None, erase_files: bool, dry_run: bool, yes: bool) -> None:
    """Write a whole firmware to a board: IMAGE, or the one in DIR that is for its chip.

    Over USB only, with esptool (`pip install esptool`). Looks first at chip, size of the flash, secure boot and flash
    encryption, and at what becomes of the files that are on the board. Burns no eFuse and does not touch the ATECC608.
    """
    from atecc.flashing import Loader, choose, examine, find_images, make_plan

    images = find_images(source)
    with Loader(app.serial_port("flash")) as loader:
        target = examine(loader)
        plan = make_plan(loader, target, choose(images, target.chip, board), erase_files)
        for sentence in plan.sentences():
            app.say(f"  {sentence}")
        if dry_run:
            loader.reset()
            app.emit(_document(plan, None), "Nothing was written.")
            return
        if not yes:
            app.ask_yes("Write it?")
        with app.err.progress("writing") as told:
            _carry_out(app, loader, plan, told)
    _greet(app, plan)


def _carry_out(app: App, loader: Loader, plan: Plan, told: Callable[[int, int], None]) -> None:
    from atecc.flashing import carry_out

    try:
        carry_out(loader, plan, told)
    except KeyboardInterrupt:
        app.warn("The board may not start now: the same command again does all of it.")
        raise


def _greet(app: App, plan: Plan) -> None:
    """Wait for the board, and say what the doctor says; what it lacks by now is no failure."""
    from atecc.cli.doctor import table
    from atecc.doctor import examine, first_failure

    app.say("written, and compared by its MD5; waiting for the board to start …")
    patient = _awake(app)
    try:
        verdicts = list(examine(patient))
    finally:
        patient.close()
    app.emit(_document(plan, verdicts), table(verdicts))
    first = first_failure(verdicts)
    if first and first.error:
        if first.name in _STARTED:
            raise first.error
        app.say(f"Next: {first.error.hint or first.error.message}", style="cyan")


def _awake(app: App) -> Patient:
    """The board, once its firmware answers. Its port may be gone for a while, as USB's is."""
    from atecc.doctor import Patient

    deadline, asked = time.monotonic() + START_S, False
    while True:
        patient = Patient(app.channel, None, app.timeout)
        try:
            _ = patient.info
            return patient
        except FirmwareMissing:
            return patient
        except ChannelError:
            patient.close()
            if time.monotonic() > deadline:
                raise
            if not asked:
                app.say("If it does not start by itself: press its RESET button.")
            asked = True
            time.sleep(POLL_S)


def _document(plan: Plan, verdicts: list[Verdict] | None) -> dict[str, Any]:
    target, image = plan.target, plan.image
    return {
        "written": verdicts is not None,
        "chip": target.chip,
        "mac": target.mac,
        "board": image.board,
        "image": str(image.path),
        "files": plan.files,
        "layers": None if verdicts is None else [one.as_dict() for one in verdicts],
    }

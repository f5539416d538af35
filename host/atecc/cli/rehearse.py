"""`--rehearse`: the plan on the simulated chip first, told step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

import click

from atecc.cli.app import App

if TYPE_CHECKING:
    from atecc.chip.operations import ConfigPlan, LockPlan
    from atecc.chip.rehearsal import Rehearsal

F = TypeVar("F", bound=Callable[..., Any])


def rehearse_options(command: F) -> F:
    """--rehearse and --simulator."""
    for option in (
        click.option(
            "--simulator", metavar="DIR", help="The clone whose simulated board is used. $ATECC_SIM."
        ),
        click.option(
            "--rehearse",
            is_flag=True,
            help="Play all of it on a simulated chip first; the real one is touched only if that succeeds.",
        ),
    ):
        command = option(command)
    return command


def _begin(app: App, simulator: str | None) -> Rehearsal:
    from atecc.chip.rehearsal import Rehearsal
    from atecc.cli.show import Progress

    return Rehearsal(simulator, None if app.json else Progress(app))


def _end(app: App, rehearsal: Rehearsal) -> list[dict[str, Any]]:
    if not app.json:
        app.say("The rehearsal succeeded; the chip itself is untouched so far.", style="green")
    return [asdict(step) for step in rehearsal.steps.done]


def rehearse_set(app: App, plan: ConfigPlan, simulator: str | None) -> list[dict[str, Any]]:
    rehearsal = _begin(app, simulator)
    rehearsal.of_config(plan.present, plan.wanted)
    return _end(app, rehearsal)


def rehearse_lock(app: App, plan: LockPlan, simulator: str | None) -> list[dict[str, Any]]:
    rehearsal = _begin(app, simulator)
    rehearsal.of_lock(plan.config, plan.zone, plan.slot, set(plan.holding))
    return _end(app, rehearsal)

"""How things look: tables, steps, marks. Plain where the output is no terminal."""

from __future__ import annotations

import contextlib
from itertools import groupby
from typing import TYPE_CHECKING, Any

from atecc import bounded
from atecc.cli.app import App
from atecc.cli.screen import Grid, Part
from atecc.steps import Step

if TYPE_CHECKING:
    from atecc.chip.config.document import Configuration, Label
    from atecc.chip.config.words import Change, SlotWords
    from atecc.chip.config.zone import ConfigZone

# A Unix time for people.
utc = bounded.utc


def pairs(rows: list[tuple[str, str]]) -> Grid:
    """Names on the left, values on the right; a repeated name stands once."""
    grid = Grid(once=True)
    for name, value in rows:
        grid.add(name, value)
    return grid


def slot_table(zone: ConfigZone, labels: tuple[Label, ...] | None = None, only: int | None = None) -> Grid:
    """The sixteen slots (or one), decoded; neighbours with the same rules share a line."""
    from atecc.chip.config.words import describe

    made = Grid("slot", "role", "used for", "read by", "written by", unbroken=("slot",))
    slots = [words for words in describe(zone, labels) if only in (None, words.number)]
    for rules, alike in groupby(slots, key=_rules):
        numbers = [words.number for words in alike]
        name = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}"
        role, uses, reads, writes, locked = rules
        made.add(f"{name} (locked)" if locked else name, role, uses or "-", reads, writes)
    return made


def _rules(words: SlotWords) -> tuple[str, str, str, str, bool]:
    return words.role, words.uses, words.reads, words.writes, words.locked


def change_table(changes: list[Change]) -> Grid:
    """Bytes first, and under them what they mean."""
    grid = Grid()
    for change in changes:
        grid.add(change.what, [(change.before, "red"), " → ", (change.after, "green")])
        for words in change.words:
            grid.add("", words)
    return grid


def consequences(configuration: Configuration) -> Grid:
    """Every slot with what its rules mean; neighbours that agree share their sentences."""
    from atecc.chip.config.abilities import explain

    labels = configuration.labels
    grid = Grid()
    told = [(str(labels[n]), tuple(explain(configuration.zone, n))) for n in range(16)]
    for (label, sentences), group in groupby(range(16), key=lambda n: told[n]):
        numbers = list(group)
        span = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}"
        grid.add(f"slot{'s' if len(numbers) > 1 else ''} {span}", (label, "bold"))
        for sentence in sentences:
            grid.add("", f"- {sentence}")
    return grid


def options_line(zone: ConfigZone) -> str:
    return (
        f"I2C address 0x{zone.i2c_address:02x}, ChipMode 0x{zone.chip_mode:02x}, ChipOptions "
        f"0x{zone.chip_options:04x}, "
        f"SecureBoot 0x{zone.secure_boot:04x}"
    )


class Progress:
    """Steps as they happen, on standard error: a spinner while one runs, a line when it is done."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._turning = contextlib.ExitStack()
        self._mark, self._cross = ("✓", "✗") if app.err.can_write("✓") else ("ok", "failed:")

    def begins(self, name: str, doing: str) -> None:
        self._turning.close()
        self._doing = doing
        self._turning.enter_context(self._app.err.spinner(doing))

    def done(self, step: Step) -> None:
        mark = ("!", "yellow") if step.doubtful else (self._mark, "green")
        self._line(mark, step.meaning, f"{step.ms / 1000:.1f} s" if step.ms >= 100 else "")

    def failed(self, name: str) -> None:
        self._line((self._cross, "red"), self._doing, "")

    def warns(self, text: str) -> None:
        self._line(("!", "yellow"), text, "")

    def _line(self, mark: Part, text: str, took: str) -> None:
        self._turning.close()
        if not self._app.err.is_terminal:
            self._app.say(f"{mark[0]} {text}{f'  ({took})' if took else ''}")
            return
        grid = Grid(gap=1, bold=False)
        # In one word: else it is parted from its unit at the end of a line.
        grid.add(mark, [text, (f"  {took.replace(' ', '')}" if took else "", "dim")])
        self._app.err.show(grid)


def plain(value: Any) -> str:
    """A value of a reply for people."""
    if isinstance(value, dict) and "message" in value:
        return str(value["message"])
    return "" if value is None else str(value)

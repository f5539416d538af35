"""How things look: tables, steps, marks. Plain where the output is no terminal."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from atecc.cli.app import App
from atecc.steps import Step

if TYPE_CHECKING:
    from rich.status import Status

    from atecc.chip.config.document import Configuration, Label
    from atecc.chip.config.words import Change, SlotWords
    from atecc.chip.config.zone import ConfigZone


def pairs(rows: list[tuple[str, str]]) -> Table:
    """Names on the left, values on the right; a repeated name stands once."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    last = ""
    for name, value in rows:
        table.add_row("" if name == last else name, Text(value))
        last = name
    return table


def slot_table(zone: ConfigZone, labels: tuple[Label, ...] | None = None, only: int | None = None) -> Table:
    """The sixteen slots (or one), decoded; neighbours with the same rules share a line."""
    from atecc.chip.config.words import describe

    made = table("slot", "role", "used for", "read by", "written by")
    slots = [words for words in describe(zone, labels) if only in (None, words.number)]
    for rules, alike in groupby(slots, key=_rules):
        numbers = [words.number for words in alike]
        name = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}"
        role, uses, reads, writes, locked = rules
        row = (f"{name} (locked)" if locked else name, role, uses or "-", reads, writes)
        made.add_row(*(Text(cell) for cell in row))
    return made


def _rules(words: SlotWords) -> tuple[str, str, str, str, bool]:
    return words.role, words.uses, words.reads, words.writes, words.locked


def change_table(changes: list[Change]) -> Table:
    """Bytes first, and under them what they mean."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for change in changes:
        table.add_row(
            Text(change.what),
            Text.assemble((change.before, "red"), " → ", (change.after, "green")),
        )
        for words in change.words:
            table.add_row("", Text(words))
    return table


def consequences(configuration: Configuration) -> Table:
    """Every slot with what its rules mean; neighbours that agree share their sentences."""
    from atecc.chip.config.abilities import explain

    labels = configuration.labels
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    told = [(str(labels[n]), tuple(explain(configuration.zone, n))) for n in range(16)]
    for (label, sentences), group in groupby(range(16), key=lambda n: told[n]):
        numbers = list(group)
        span = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}"
        table.add_row(f"slot{'s' if len(numbers) > 1 else ''} {span}", Text(label, style="bold"))
        for sentence in sentences:
            table.add_row("", Text(f"- {sentence}"))
    return table


def options_line(zone: ConfigZone) -> str:
    return (
        f"I2C address 0x{zone.i2c_address:02x}, ChipMode 0x{zone.chip_mode:02x}, ChipOptions "
        f"0x{zone.chip_options:04x}, "
        f"SecureBoot 0x{zone.secure_boot:04x}"
    )


def table(*names: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold")
    return table


class Progress:
    """Steps as they happen, on standard error: a spinner while one runs, a line when it is done."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._console = app.err
        self._status: Status | None = None
        self._mark, self._cross = ("✓", "✗") if _can_write("✓", self._console.encoding) else ("ok", "failed:")

    def begins(self, name: str, doing: str) -> None:
        self._doing = doing
        if self._console.is_terminal:
            self._status = self._console.status(Text(f"{doing} …"), spinner="dots")
            self._status.start()

    def done(self, step: Step) -> None:
        self._stop()
        mark = ("!", "yellow") if step.doubtful else (self._mark, "green")
        self._line(mark, step.meaning, f"{step.ms / 1000:.1f} s" if step.ms >= 100 else "")

    def failed(self, name: str) -> None:
        self._stop()
        self._line((self._cross, "red"), self._doing, "")

    def warns(self, text: str) -> None:
        self._stop()
        self._line(("!", "yellow"), text, "")

    def _stop(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _line(self, mark: tuple[str, str], text: str, took: str) -> None:
        if not self._console.is_terminal:
            self._app.say(f"{mark[0]} {text}{f'  ({took})' if took else ''}")
            return
        grid = Table.grid(padding=(0, 1))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        grid.add_row(Text(mark[0], style=mark[1]), Text.assemble(text, ("  " + took if took else "", "dim")))
        self._console.print(grid)


def _can_write(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def utc(seconds: int | None) -> str:
    """A Unix time for people."""
    import time

    return "never" if seconds is None else time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


def plain(value: Any) -> str:
    """A value of a reply for people."""
    if isinstance(value, dict) and "message" in value:
        return str(value["message"])
    return "" if value is None else str(value)

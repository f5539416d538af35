"""The terminal: all that this tool writes goes through here, and none of it makes a terminal do anything.

A string is a line, a `Block` may have several; what a terminal would act on is written out in both (atecc.visible),
wherever it came from. Colours are put on after that. Nothing else in this package knows rich, or writes by itself.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from atecc import visible
from atecc.errors import ArgumentError, OutputError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status
    from rich.table import Table
    from rich.text import Text

Part = str | tuple[str, str]  # text, or text and its style
Cell = Part | Sequence[Part]


class Block(str):
    """Text of several lines."""


# Between the cells of a row that goes into a pipe.
BETWEEN = "  "


class Grid:
    """Rows of cells; each cell is one line, which is folded where it is too long.

    With `names` they have a heading. Without, only the last of the `columns` is folded, and the first is bold; with
    `once` a name there that is the one above stands once. In a pipe a row is a line, and cells are parted by blanks.
    """

    def __init__(
        self,
        *names: str,
        columns: int = 2,
        gap: int = 2,
        bold: bool = True,
        unbroken: tuple[str, ...] = (),
        once: bool = False,
    ) -> None:
        self.names = names
        self.columns = len(names) or columns
        self.gap = gap
        self.bold = bold and not names
        self.unbroken = unbroken
        self.once = once
        self.rows: list[tuple[Cell, ...]] = []

    def add(self, *cells: Cell) -> None:
        self.rows.append(cells)

    def _whole(self, column: int) -> bool:
        if self.names:
            return self.names[column] in self.unbroken
        return column < self.columns - 1

    def lines(self) -> Iterator[str]:
        """For a program, which has its own idea of columns."""
        for row in ([self.names] if self.names else []) + self.rows:
            yield BETWEEN.join(_text(cell).plain for cell in row)

    def _widths(self, rows: list[list[Text]], width: int) -> list[int]:
        """Of the columns, so that as few words as possible are broken, and as few lines as possible needed."""
        cells = list(zip(*rows, strict=True))
        widths = [max(cell.cell_len for cell in column) for column in cells]
        least = [
            full if self._whole(n) else max((_longest(cell) for cell in cells[n]), default=0)
            for n, full in enumerate(widths)
        ]
        room = width - self.gap * (len(cells) - 1)
        widths = [min(full, max(room, one)) for full, one in zip(widths, least, strict=True)]
        # The others are one line, whatever comes of it.
        long = [
            [_words(cell) for cell in row]
            for row in rows
            if any(cell.cell_len > one for cell, one in zip(row, least, strict=True))
        ]

        def height(narrower: int) -> int:
            """Of those rows, if that column has one place less."""
            tried = [one - (n == narrower) for n, one in enumerate(widths)]
            return sum(max(map(_folded, row, tried)) for row in long)

        while (over := sum(widths) - room) > 0:
            free = [n for n, one in enumerate(widths) if one > least[n]]
            if len(free) == 1:
                widths[free[0]] -= min(over, widths[free[0]] - least[free[0]])
            elif free:
                widths[min(free, key=lambda n: (height(n), -widths[n]))] -= 1
            elif max(widths) > SHORTEST:
                widths[widths.index(max(widths))] -= 1
            else:
                break
        return widths

    def table(self, width: int) -> Table:
        from rich.table import Table

        rows = [[_text(cell) for cell in row] for row in self.rows]
        headed = [[_text(name) for name in self.names], *rows] if self.names else rows
        widths = self._widths(headed, width) if rows else [0] * self.columns
        shown = Table(
            box=None,
            padding=(0, self.gap, 0, 0),
            header_style="bold",
            pad_edge=False,
            show_header=bool(self.names),
        )
        for column, name in enumerate(self.names or [""] * self.columns):
            style = "bold" if self.bold and not column else None
            shown.add_column(name, style=style, width=max(1, widths[column]), overflow="fold")
        above = ""
        for row in rows:
            first = row[0].plain
            shown.add_row(*(["", *row[1:]] if self.once and first == above else row))
            above = first
        return shown


Shown = str | Grid
# A column that has to break words is not made narrower than this.
SHORTEST = 8


def _longest(text: Text) -> int:
    """Of its words, in places on the screen."""
    return max(_words(text), default=0)


def _words(text: Text) -> list[int]:
    """How long they are, in places on the screen."""
    from rich.cells import cell_len

    return [cell_len(word) for word in text.plain.split()]


def _folded(words: list[int], width: int) -> int:
    """How many lines they take; none is longer than that."""
    lines = left = 0
    for needed in words:
        if lines == 0 or needed + 1 > left:
            lines, left = lines + 1, width - needed
        else:
            left -= needed + 1
    return lines


def _text(cell: Cell) -> Text:
    from rich.text import Text

    parts: Sequence[Part] = [cell] if isinstance(cell, str | tuple) else cell
    pairs = [(part, "") if isinstance(part, str) else part for part in parts]
    return Text.assemble(*((_visible(text), style) for text, style in pairs))


def _visible(text: str) -> str:
    return visible.block(text) if isinstance(text, Block) else visible.line(text)


class Screen:
    """Standard output, or standard error."""

    def __init__(self, stderr: bool) -> None:
        self._stderr = stderr
        self._turning: Status | None = None
        if isinstance(self._stream, io.TextIOWrapper):
            self._stream.reconfigure(errors="backslashreplace")

    @property
    def _stream(self) -> Any:
        """It may be closed, and is None then."""
        return (sys.stderr if self._stderr else sys.stdout) or _NOWHERE

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """What can't be said is left out; what can't be delivered is an OutputError."""
        try:
            if not self._stderr and sys.stdout is None:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            yield
        except OSError as error:
            drop(self._stream)
            if not self._stderr:
                raise why_not_written(error) from error

    @cached_property
    def _console(self) -> Console:
        from rich.console import Console

        class Here(Console):
            def on_broken_pipe(self) -> None:
                raise  # noqa: PLE0704 (rich calls it where it has caught that, and would end the program)

        return Here(file=self._stream, highlight=False, markup=False, emoji=False)

    @property
    def is_terminal(self) -> bool:
        return bool(self._console.is_terminal)

    def can_write(self, text: str) -> bool:
        try:
            text.encode(self._console.encoding)
        except (UnicodeEncodeError, LookupError):
            return False
        return True

    def show(self, *shown: Shown) -> None:
        """Lines, blocks and grids, one below the other."""
        with self._writing():
            for one in shown:
                if isinstance(one, Grid) and self.is_terminal:
                    self._console.print(one.table(self._console.width))
                elif isinstance(one, Grid):
                    self._stream.write("".join(f"{line}\n" for line in one.lines()))
                    self._stream.flush()
                else:
                    click.echo(_visible(one), err=self._stderr)

    def styled(self, *parts: Part) -> None:
        """One line in colours, which is not folded."""
        with self._writing():
            self._console.print(_text(list(parts)), soft_wrap=True)

    def document(self, data: Any, indent: int | None = 2) -> None:
        """JSON, in which what is no ASCII is escaped."""
        with self._writing():
            click.echo(json.dumps(data, indent=indent), err=self._stderr)

    def bytes(self, data: bytes) -> None:
        """What goes to a program or a file, as it is; on a terminal it is a block of text, or a ValueError."""
        with self._writing():
            if self._stream.isatty():
                click.echo(visible.block(data.decode()), nl=not data.endswith(b"\n"), err=self._stderr)
                return
            self._stream.flush()
            self._stream.buffer.write(data)
            self._stream.buffer.flush()

    @contextlib.contextmanager
    def spinner(self, doing: str) -> Iterator[None]:
        """Turns while the block runs, where somebody looks; not while somebody is asked."""
        if not self.is_terminal:
            yield
            return
        with self._console.status(_text(f"{doing} …"), spinner="dots") as turning:
            self._turning = turning
            try:
                yield
            finally:
                self._turning = None

    @contextlib.contextmanager
    def _still(self) -> Iterator[None]:
        turning = self._turning
        if turning is not None:
            turning.stop()
        try:
            yield
        finally:
            if turning is not None:
                turning.start()

    @contextlib.contextmanager
    def progress(self, doing: str) -> Iterator[Callable[[int, int], None]]:
        """To be told how much is done, and of how much."""
        if not self.is_terminal:
            self.show(f"{doing} …")
            yield lambda done, of: None
            return
        from rich.progress import Progress

        with Progress(console=self._console, transient=True) as bar:
            task = bar.add_task(visible.line(doing), total=None)
            yield lambda done, of: bar.update(task, completed=done, total=of)

    # Questions

    def ask(self, question: str) -> str:
        """What was typed, with its line's end; nothing at the end of the file."""
        with self._still():
            with self._writing():
                click.echo(f"{visible.line(question)} ", nl=False, err=self._stderr)
            return sys.stdin.readline()

    def ask_hidden(self, question: str) -> str:
        with self._still():
            return str(click.prompt(visible.line(question), hide_input=True, err=self._stderr))

    # What others have to say

    def usage(self, error: click.ClickException) -> None:
        said = io.StringIO()
        error.show(said)
        self.show(Block(said.getvalue().rstrip("\n")))

    def trace(self, error: BaseException) -> None:
        self.show(Block("".join(traceback.format_exception(error)).rstrip("\n")))

    def log(self, logger: logging.Logger, level: int, file: Path | None = None, least: int = 0) -> None:
        """Have what `logger` is told shown here, and by nobody else before; from `least` on in a `file` too."""
        handler = logging.StreamHandler(self._stream)
        handler.setFormatter(_Formatter("%(levelname)s %(name)s: %(message)s"))
        handler.setLevel(level)
        for old in logger.handlers:
            old.close()
        logger.handlers[:] = [handler]
        logger.setLevel(level)
        if file is not None:
            kept = logging.StreamHandler(_log_of(file))
            kept.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
            logger.addHandler(kept)
            logger.setLevel(min(level, least))


def _log_of(file: Path) -> IO[str]:
    """For its owner alone: it may have what is nobody else's business."""
    try:
        return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ArgumentError(
            f"{file} can't be written: {getattr(error, 'strerror', None) or error}."
        ) from error


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return visible.block(super().format(record))


_NOWHERE = io.TextIOWrapper(io.BytesIO(), write_through=True)


def drop(stream: Any = None) -> None:
    """Standard output, or another stream, takes no more: what is said there from now on is lost."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), (stream or sys.stdout or _NOWHERE).fileno())


def flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def why_not_written(error: OSError) -> OutputError:
    if error.errno == errno.EPIPE:
        return OutputError("Nobody read all of the output: it was closed before its end.")
    return OutputError(
        f"Standard output can't be written: {error.strerror or error}.",
        "What the command did is done all the same.",
    )


def is_terminal() -> bool:
    """Whether somebody types and reads."""
    return can_be_asked() and sys.stdout is not None and sys.stdout.isatty()


def can_be_asked() -> bool:
    """Whether somebody types."""
    return sys.stdin is not None and sys.stdin.isatty()


def read_text() -> str:
    """Standard input, all of it."""
    return sys.stdin.read()

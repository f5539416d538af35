"""The command `atecc`. Nothing below this package knows about command lines, colours and progress."""

from __future__ import annotations

import gc

from atecc.cli import signals
from atecc.cli.root import cli


def main() -> None:
    """The console script."""
    # A command lives for seconds, and needs most of what it makes until it ends: looking through it for garbage takes
    # longer than some of the work.
    gc.set_threshold(100_000, 50, 1000)
    signals.take()
    cli.main(prog_name="atecc")


__all__ = ["cli", "main"]

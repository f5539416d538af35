"""The command `atecc`. Nothing below this package knows about command lines, colours and progress."""

from __future__ import annotations

from atecc.cli.root import cli


def main() -> None:
    """The console script."""
    cli.main(prog_name="atecc")


__all__ = ["cli", "main"]

"""Files that the tool writes for its user: never over something that is there."""

from __future__ import annotations

from pathlib import Path

from atecc.errors import ArgumentError


def write_new(path: Path, text: str) -> None:
    """A new file; one that exists stays as it is, and that is an error."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ArgumentError(f"{path} exists already, and is not overwritten.", "Name another file.") from None
    except OSError as error:
        raise ArgumentError(f"{path} can't be written: {error.strerror}.") from error


def must_be_new(path: Path) -> None:
    """The same complaint, before anything else happens."""
    if path.exists():
        raise ArgumentError(f"{path} exists already, and is not overwritten.", "Name another file.")


def reserve(path: Path) -> None:
    """Make sure that a file can be written later, when it is too late to complain."""
    write_new(path, "")

"""Files are written whole or not at all: beside their name first, then renamed. Nothing else here writes any.

A full disk, a signal or a power cut leaves what was there before, and no temporary file if it can be helped.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from atecc.errors import ArgumentError, RefusedError

_PREFIX = ".atecc-"


class Draft:
    """What is going to be the file `path`, kept beside it until then; to be used with `with`.

    `secret`: for its owner alone. `over`: another file may be there, and is replaced.
    """

    def __init__(self, path: Path, secret: bool = False, over: bool = False) -> None:
        self.path = path
        self._over = over
        self._name = ""
        with explained(path):
            # A link stays one, and what it leads to is replaced.
            self._place = Path(os.path.realpath(path)) if over else path
            descriptor, self._name = tempfile.mkstemp(dir=self._place.parent, prefix=_PREFIX)
            self._file = os.fdopen(descriptor, "wb")
            if not secret:
                os.chmod(self._name, self._mode())

    def _mode(self) -> int:
        """That of the file that is replaced, or what a new one has here."""
        if self._over and self._place.exists():
            return stat.S_IMODE(self._place.stat().st_mode)
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask

    def write(self, data: bytes) -> None:
        """All of it, instead of what was written before; the room that this took is used again."""
        with explained(self.path):
            self._file.seek(0)
            self._file.write(data)
            self._file.truncate()
            self._file.flush()
            os.fsync(self._file.fileno())

    def keep(self) -> None:
        """It has its name from now on."""
        with explained(self.path):
            self._file.close()
            if self._over:
                os.replace(self._name, self._place)
                self._name = ""
            else:
                _name_it(self._name, self._place)
        with contextlib.suppress(OSError):
            _sync(self._place.parent)

    def __enter__(self) -> Draft:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._file.close()
        if self._name:
            with contextlib.suppress(OSError):
                os.unlink(self._name)


def write(path: Path, data: bytes, secret: bool = False, over: bool = False) -> None:
    """All of `data` into the file `path`; see Draft."""
    with explained(path):
        to_a_device = over and path.exists() and not path.is_file()
    if to_a_device:
        with explained(path), path.open("wb", buffering=0) as device:  # /dev/stdout, a pipe
            device.write(data)
        return
    with Draft(path, secret, over) as draft:
        draft.write(data)
        draft.keep()


def write_all(files: Mapping[Path, bytes], secret: bool = False, over: bool = False) -> None:
    """Several files: all of them, or none of those that are new; they get their names in this order."""
    with contextlib.ExitStack() as stack:
        drafts = [stack.enter_context(Draft(path, secret, over)) for path in files]
        for draft, data in zip(drafts, files.values(), strict=True):
            draft.write(data)
        kept: list[Path] = []
        try:
            for draft in drafts:
                new = not draft.path.exists()
                draft.keep()
                if new:
                    kept.append(draft.path)
        except BaseException:
            for path in kept:
                with contextlib.suppress(OSError):
                    path.unlink()
            raise


def _name_it(draft: str, place: Path) -> None:
    """Have the draft's data at `place` too, where nobody has anything: a link, where the file system knows links."""
    try:
        os.link(draft, place)
    except FileExistsError:
        raise
    except OSError:
        os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            os.replace(draft, place)
        except OSError:
            place.unlink()
            raise


def _sync(directory: Path) -> None:
    """A name is data of its directory."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """What goes wrong with `path`, which is to be written, in words."""
    try:
        yield
    except FileExistsError as error:
        raise RefusedError(
            f"{path} is there already, and is not overwritten.",
            "Name another file, or add --force where the command has it.",
        ) from error
    except (OSError, ValueError) as error:  # a zero byte in a name is a ValueError
        why = getattr(error, "strerror", None) or error
        raise ArgumentError(f"{path} can't be written: {why}.") from error

"""What a run of this computer has begun at AWS and not finished, for the next one to find: one small file per thing."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from atecc import bounded, system, whole
from atecc.errors import ArgumentError, RefusedError

SWITCHING = "switching"


@dataclass(frozen=True)
class Entry:
    """How far a run came. `key` (see certificates.key_id) is known before the certificate, and finds it.

    `step` is "begun", or "switching" from the moment on in which the board `chip` may have made it its active one.
    `before` is the certificate that the board used until then.
    """

    thing: str
    account: str
    region: str
    chip: str
    began: float
    key: str = ""
    certificate: str = ""
    step: str = "begun"
    before: str = ""


def directory() -> Path:
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "atecc" / "aws"


class Journal:
    """One thing's file, held by one run at a time; `left` is what a former run has left unfinished."""

    def __init__(self, account: str, region: str, thing: str) -> None:
        self.path = directory() / f"{account}-{region}-{thing.replace(':', '=')}.json"
        self._held = contextlib.ExitStack()
        self.left: Entry | None = None

    def open(self) -> Journal:
        """RefusedError if another run holds it, ArgumentError if nothing can be written here."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ArgumentError(f"{self.path.parent} can't be made: {error.strerror}.") from error
        self._held.enter_context(_alone(self.path.with_suffix(".lock")))
        self.left = _read(self.path)
        return self

    def note(self, entry: Entry) -> None:
        """Before it is done."""
        document = json.dumps(asdict(entry), indent=2).encode() + b"\n"
        whole.write(self.path, document, secret=True, over=True)

    def close(self, finished: bool) -> None:
        if finished:
            self.path.unlink(missing_ok=True)
            self.path.with_suffix(".lock").unlink(missing_ok=True)
        self._held.close()


def unfinished() -> list[Entry]:
    """All that this computer has left."""
    found = (_read(path) for path in sorted(directory().glob("*.json")))
    return [entry for entry in found if entry]


def _read(path: Path) -> Entry | None:
    try:
        document = bounded.parse(bounded.read_path(path))
        names = {one.name for one in fields(Entry)}
        return Entry(**{name: value for name, value in document.items() if name in names})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, AttributeError):
        raise ArgumentError(
            f"{path} can't be read: it should say what a run before this one has left at AWS.",
            "Look at the certificates of its thing (`atecc aws certificates --thing NAME`), then remove it.",
        ) from None


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """On this computer; elsewhere the claim at AWS does it."""
    while True:
        try:
            file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+")
        except OSError as error:
            raise ArgumentError(f"{path} can't be written: {error.strerror}.") from error
        with file:
            try:
                system.lock(file, wait=False)
            except OSError:
                raise RefusedError(
                    f"Another `atecc` on this computer (process {file.read() or 'unknown'}) works on this thing.",
                    "Wait until it is done.",
                ) from None
            # Whoever held it before may have removed it meanwhile.
            if not path.exists() or path.stat().st_ino != os.fstat(file.fileno()).st_ino:
                continue
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield
            return

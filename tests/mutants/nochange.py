"""Changes that survive and are none: nochange.toml says which, and why."""

import tomllib
from collections.abc import Iterable
from pathlib import Path

from mutants.changes import Change

FILE = Path(__file__).with_name("nochange.toml")


class NoChanges:
    """Those of a part (host, firmware)."""

    file = FILE.name

    def __init__(self, part: str) -> None:
        listed = tomllib.loads(FILE.read_text()).get(part, [])
        self.why = {(e["module"], e["function"], e["change"]): e["why"] for e in listed}

    def __len__(self) -> int:
        return len(self.why)

    def __contains__(self, change: Change) -> bool:
        return change.key in self.why

    def stale(self, found: Iterable[Change]) -> list[str]:
        """Those that the code no longer has."""
        there = {change.key for change in found}
        return [": ".join(key) for key in self.why if key not in there]

"""What can be wrong with a broker's certificates in the eyes of the board, as sentences."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Flaw:
    """`kind` is for programs and for the order of importance. `of_some`: some builds of the firmware can do it."""

    kind: str
    message: str
    hint: str = ""
    of_some: bool = False


# Which one is told where there are several: what stands further up explains more.
KINDS = ("unreadable", "untrusted", "expired", "future", "name", "hash", "key", "usage", "handshake")


def worst(flaws: list[Flaw]) -> Flaw:
    return min(flaws, key=lambda flaw: (flaw.of_some, KINDS.index(flaw.kind)))

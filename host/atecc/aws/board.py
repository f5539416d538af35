"""A board as AWS IoT may know it."""

from __future__ import annotations

from dataclasses import dataclass

from atecc.aws import registry
from atecc.provisioning.authority import Seen


@dataclass(frozen=True)
class Board:
    """What of a board matters here; `active` and `own` are the IDs that its certificates would have at AWS."""

    chip: str
    name: str | None
    client_id: str | None
    endpoint: str | None
    active: str
    own: frozenset[str]
    facts: list[tuple[str, str]]

    @classmethod
    def of(cls, seen: Seen) -> Board:
        status, board = seen.identities, seen.board
        identities = status.identities if status else {}
        active = identities.get((status and status.active) or "")
        return cls(
            chip=seen.chip.serial,
            name=active.name if active else None,
            client_id=active.client_id if active else None,
            endpoint=active.endpoint if active else None,
            active=(active and active.sha256) or "",
            own=frozenset(one.sha256 for one in identities.values() if one.sha256),
            facts=[
                (registry.CHIP, seen.chip.serial),
                ("mac", board.mac),
                ("board", board.board),
                ("firmware", board.fw_version),
            ],
        )

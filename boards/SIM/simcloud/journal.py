"""What was decided and why: AWS keeps the reason to itself, the stand-in writes it down."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Decision:
    action: str  # connect, publish, subscribe, receive, cut; or an operation of the API
    allowed: bool
    who: str  # an MQTT client ID, or an access key's user
    what: str  # a topic; or nothing
    reason: str

    def __str__(self) -> str:
        verdict = "allowed" if self.allowed else "refused"
        where = f" {self.what}" if self.what else ""
        return f"{self.action}{where} {verdict}: {self.reason} [{self.who}]"


class Journal:
    """Every decision in order; `listener` hears each as it falls, in the thread where it falls."""

    def __init__(self, listener: Callable[[Decision], None] | None = None) -> None:
        self.decisions: list[Decision] = []
        self._listener = listener

    def write(self, decision: Decision) -> bool:
        """Returns whether it was allowed, so that a decision can be written and obeyed in one line."""
        self.decisions.append(decision)
        if self._listener:
            self._listener(decision)
        return decision.allowed

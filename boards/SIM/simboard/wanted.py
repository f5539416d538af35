"""`--rpc`: how a board is to be reached over the network."""

from dataclasses import dataclass, field
from typing import Self
from urllib.parse import unquote, urlsplit

from simboard.board import BoardError
from simboard.tcpport import LOOPBACK

EXAMPLES = f"ws://{LOOPBACK}:8080, ws://user:password@{LOOPBACK}:0, wss://{LOOPBACK}:0"


@dataclass(frozen=True)
class Wanted:
    """`port` 0 lets the system choose; a `user` has a `password`. Written out, it never shows that."""

    scheme: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """What is wrong is said without repeating the text: it may hold a password."""
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            raise BoardError(f"that is no address for --rpc. {EXAMPLES} are") from None
        if parts.scheme not in ("ws", "wss") or port is None or parts.path not in ("", "/", "/rpc"):
            raise BoardError(f"that is no address for --rpc. {EXAMPLES} are")
        if parts.hostname not in (LOOPBACK, "localhost"):
            raise BoardError(f"a simulated board answers this computer alone: its address is {LOOPBACK}")
        user, password = (
            None if part is None else unquote(part) for part in (parts.username, parts.password)
        )
        if bool(user) != bool(password):
            raise BoardError("a user and a password go together: ws://user:password@…")
        if user and parts.scheme == "wss":
            raise BoardError("wss:// takes no user and password: a caller is known by a certificate")
        return cls(parts.scheme, port, user or None, password or None)

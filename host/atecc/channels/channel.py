"""What every way to a board can do, and what a caller brings along."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable


class Channel(Protocol):
    """What every way to a board can do."""

    def request(self, frame: bytes, timeout: float) -> bytes:
        """Hand a frame to the board; the reply frame, or a ChannelError within `timeout` seconds."""

    def close(self) -> None:
        """Let go of the board; harmless when repeated."""


@runtime_checkable
class Batched(Protocol):
    """What a channel can do besides if each request costs it more than the bytes."""

    def requests(self, frames: Sequence[bytes], timeout: float) -> list[bytes]:
        """Hand several frames to the board at one go; their replies, or one ChannelError for all of them."""


@runtime_checkable
class Terminal(Protocol):
    """What a channel can do besides if it is the board's own cable."""

    port: str

    def execute(self, code: str, timeout: float) -> str:
        """Run MicroPython code at the prompt, beside the device that runs on; what it printed, or CodeFailed."""


@dataclass(frozen=True)
class Access:
    """What a caller on the network shows, knows and insists on; over USB nothing of it is needed.

    `operator` is the operator's directory (None: the default), `device` the name that is insisted on,
    `device_key` a key to accept beside the known ones (SHA-256 in hex), `password` asks for ws://'s.
    """

    operator: Path | None = None
    device: str | None = None
    device_key: str | None = None
    password: Callable[[], str] | None = None
    mqtt_certificate: Path | None = None
    mqtt_key: Path | None = None
    mqtt_ca: Path | None = None

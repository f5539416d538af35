"""Ways to a board. A channel carries frames and knows nothing of what is in them."""

from __future__ import annotations

from typing import Protocol


class Channel(Protocol):
    """What every way to a board can do."""

    def request(self, frame: bytes, timeout: float) -> bytes:
        """Hand a frame to the board; the reply frame, or a ChannelError within `timeout` seconds."""

    def close(self) -> None:
        """Let go of the board; harmless when repeated."""


def open_channel(port: str) -> Channel:
    """The channel that `--port` names: a serial port, or "auto" to find the one board there is."""
    from atecc.channels.ports import find_port
    from atecc.channels.serial import SerialChannel

    return SerialChannel(find_port() if port == "auto" else port)

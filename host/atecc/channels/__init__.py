"""Ways to a board. A channel carries frames and knows nothing of what is in them, beyond whom they are for."""

from __future__ import annotations

from atecc.channels.address import parse_address
from atecc.channels.channel import Access, Batched, Channel, Terminal
from atecc.errors import ArgumentError

__all__ = ["Access", "Batched", "Channel", "Terminal", "open_channel"]


def open_channel(port: str, access: Access | None = None) -> Channel:
    """The channel that `--port` names: a serial port, "auto" for the one board there is, or an address."""
    access = access or Access()
    address = parse_address(port)
    if address is None:
        return _serial(port, access)
    if address.scheme == "mqtts":
        from atecc.channels.mqtt import MqttChannel

        return MqttChannel(address, access)
    from atecc.channels.websocket import WebSocketChannel

    return WebSocketChannel(address, access)


def _serial(port: str, access: Access) -> Channel:
    from atecc.channels.ports import find_port
    from atecc.channels.serial import SerialChannel

    if access.device or access.device_key:
        raise ArgumentError(
            "--device and --device-key are for wss://: a board on a cable is the one that is plugged in."
        )
    return SerialChannel(find_port() if port == "auto" else port)

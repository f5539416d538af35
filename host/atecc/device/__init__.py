"""A device at the other end of a channel: what can be asked of it, and what it answers, in types."""

from atecc.device.client import CONFIG, DATA, Device

__all__ = ["CONFIG", "DATA", "Device"]

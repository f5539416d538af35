"""Checks of the parameters of a command: whatever the state, a wrong one is a parse error."""

from collections.abc import Collection

from simchip.packet import Packet
from simchip.rules.switch import rule
from simchip.status import ParseError


@rule
def data_length_must_fit(packet: Packet, *lengths: int) -> None:
    """A command takes as many data bytes as its mode says."""
    if len(packet.data) not in lengths:
        raise ParseError(f"{len(packet.data)} data bytes")


@rule
def mode_must_be_known(packet: Packet, modes: Collection[int]) -> None:
    """A mode the data sheet does not list is refused."""
    if packet.mode not in modes:
        raise ParseError(f"mode 0x{packet.mode:02X}")


@rule
def param2_must_be_known(packet: Packet, values: Collection[int]) -> None:
    """Where the second parameter selects nothing, or one of a few things, nothing else is taken."""
    if packet.param2 not in values:
        raise ParseError(f"param2 0x{packet.param2:04X}")

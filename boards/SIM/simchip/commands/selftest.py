"""SelfTest (0x77): run the tests that a mask names, and remember what failed (608)."""

from simchip.commands.table import command
from simchip.core import Core
from simchip.packet import Packet
from simchip.rules import parameters
from simchip.rules.switch import rule

READ_FAILURES = 0
ALL = 0x3F


@command("SelfTest", 0x77, (250, 625, 2324))
def self_test(core: Core, packet: Packet) -> bytes:
    parameters.mode_must_be_known(packet, range(ALL + 1))
    parameters.param2_must_be_known(packet, (0,))
    parameters.data_length_must_fit(packet, 0)
    if packet.mode == READ_FAILURES:
        return bytes([core.latches.self_test_failures])
    broken = core.faults.standing("self-test")
    failed = packet.mode & (broken.integer("mask") if broken else 0)
    failures_are_remembered(core, packet.mode, failed)
    return bytes([failed])


@rule
def failures_are_remembered(core: Core, tested: int, failed: int) -> None:
    """A failed test stops the chip until it passes, or until the next wake."""
    core.latches.self_test_failures = core.latches.self_test_failures & ~tested | failed

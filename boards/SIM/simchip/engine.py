"""From a command group to its answer: checks that precede every command, and what an error leaves."""

from dataclasses import dataclass

from simchip.commands.table import COMMANDS, Command, TempKeyLife
from simchip.core import Core
from simchip.packet import Packet, group, parse
from simchip.rules import transport, volatile
from simchip.status import SUCCESS, ChipError, ParseError, Status
from simchip.timing import Stopwatch

QUICK_US = 500  # to find that a group is no command
KEEPS_TEMP_KEY = (Status.COMMUNICATION_ERROR, Status.ECC_FAULT)
READ, SELF_TEST = 0x02, 0x77


@dataclass(frozen=True)
class Outcome:
    """The answer group, when it can be read, and the command's name (empty: it was none)."""

    answer: bytes
    busy_us: int
    name: str = ""


class Engine:
    def __init__(self, core: Core, stopwatch: Stopwatch) -> None:
        self.core = core
        self.stopwatch = stopwatch

    def execute(self, frame: bytes, remaining_us: int) -> Outcome:
        """Run one group; EEPROM writes stay in the journal until the caller commits them."""
        try:
            packet = parse(frame)
            command = self._admit(packet, remaining_us)
        except ChipError as refusal:
            if refusal.status is Status.PARSE_ERROR:
                volatile.error_clears_temp_key(self.core.sram)
            return Outcome(group(bytes([refusal.status])), QUICK_US)
        payload, failed = self._run(command, packet)
        busy_us = self.stopwatch.take(command.time, failed=failed)
        return Outcome(group(payload), busy_us, command.name)

    def _admit(self, packet: Packet, remaining_us: int) -> Command:
        config_read = packet.opcode == READ and packet.mode & 3 == 0
        transport.failed_self_test_stops_the_chip(
            self.core.latches.self_test_failures,
            config_read or packet.opcode == SELF_TEST,
        )
        command = COMMANDS.get(packet.opcode)
        if command is None:
            raise ParseError(f"opcode 0x{packet.opcode:02X}")
        transport.watchdog_must_leave_time(remaining_us, self.stopwatch.maximum_us(command.time))
        return command

    def _run(self, command: Command, packet: Packet) -> tuple[bytes, bool]:
        self.core.sram.temp_key.survives = False
        try:
            self._suffer(command)
            payload, failed = command.run(self.core, packet), False
        except ChipError as refusal:
            self.core.eeprom.revert()
            payload, failed = bytes([refusal.status]), True
        self._age_temp_key(command, payload if failed else SUCCESS)
        return payload, failed

    def _suffer(self, command: Command) -> None:
        fault = self.core.faults.strikes("status", command.name)
        if fault:
            raise ChipError(Status(fault.integer("code")), "fault")

    def _age_temp_key(self, command: Command, status: bytes) -> None:
        """DS508 §2.5.1, with the 608's exceptions."""
        if command.temp_key is TempKeyLife.KEPT or status[0] in KEEPS_TEMP_KEY:
            return
        if status != SUCCESS:
            volatile.error_clears_temp_key(self.core.sram)
        elif command.temp_key is TempKeyLife.CONSUMED and not self.core.sram.temp_key.survives:
            volatile.use_consumes_temp_key(self.core.sram)

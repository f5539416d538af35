"""Sleep, idle, awake, busy, watchdog, power: what the chip is doing, and until when (DS508 §6, §9.1.6)."""

from dataclasses import dataclass
from enum import Enum, auto

from simchip.core import Core
from simchip.engine import Outcome
from simchip.packet import group
from simchip.rules import transport, volatile
from simchip.status import Status
from simchip.timing import Stopwatch

T_WHI_US = 1500


class State(Enum):
    OFF = auto()
    SLEEP = auto()
    IDLE = auto()
    AWAKE = auto()
    LOCKED_UP = auto()  # an erratum: only the power switch helps


@dataclass(frozen=True)
class Job:
    """A running command. With `cut` set, power fails at the end after so many EEPROM words."""

    started: int
    ends: int
    answer: bytes
    cut: int | None = None


class Lifecycle:
    """State over time. Everything is worked out when somebody looks: `settle(now)` comes first."""

    def __init__(self, core: Core, stopwatch: Stopwatch) -> None:
        self.core = core
        self.stopwatch = stopwatch
        self.state = State.OFF
        self.answer = b""  # the output buffer
        self.fresh_answer = False  # set when the buffer was filled, for the reader's pointer
        self.address = core.config.bus_address
        self.ready_at = self.watchdog_at = self.powered_at = 0
        self.job: Job | None = None
        self._long_watchdog = False

    # What the clock brings.

    def settle(self, now: int) -> None:
        """Bring the chip to the present: end the command, or let the watchdog end everything."""
        if self.state is not State.AWAKE:
            return
        job = self.job
        if job and job.ends <= now and not transport.watchdog_has_expired(job.ends, self.watchdog_at):
            self._finish(job)
        if self.state is State.AWAKE and transport.watchdog_has_expired(now, self.watchdog_at):
            self._abort(self.watchdog_at)
            self.sleep()

    def _finish(self, job: Job) -> None:
        self.job = None
        if job.cut is None:
            self.core.eeprom.commit()
            self._fill(job.answer)
        else:
            self.core.eeprom.tear(job.cut)
            self.brown_out(job.ends)

    def _abort(self, now: int) -> None:
        """The command dies in the middle: of its EEPROM words, as many are written as time allowed."""
        job, self.job = self.job, None
        if job:
            done = (now - job.started) * self.core.eeprom.pending // (job.ends - job.started)
            self.core.eeprom.tear(done)

    # What the bus brings.

    @property
    def busy(self) -> bool:
        return self.job is not None

    def remaining_us(self, now: int) -> int:
        return self.watchdog_at - now

    def start(self, outcome: Outcome, now: int) -> None:
        cut = self.core.faults.strikes("power-cut", outcome.name) if outcome.name else None
        words = min(cut.integer("words"), self.core.eeprom.pending) if cut else None
        if outcome.name and self.core.faults.strikes("lockup", outcome.name):
            self.core.eeprom.revert()
            self.state = State.LOCKED_UP
            return
        self.job = Job(now, now + max(outcome.busy_us, 1), outcome.answer, words)

    def pulse(self, low_us: float, now: int) -> None:
        """SDA was low for so long: an awake chip ignores it."""
        if self.state not in (State.SLEEP, State.IDLE):
            return
        if not transport.powered_long_enough_to_wake(now, self.powered_at):
            return
        if transport.pulse_wakes(low_us, self.core.quirks.wake_threshold_us):
            self._wake(now)

    def sleep(self) -> None:
        volatile.lose_sram(self.core.sram)
        self.state = State.SLEEP

    def idle(self) -> None:
        self.state = State.IDLE

    # What the supply brings.

    def power(self, on: bool, now: int) -> None:
        if on and self.state is State.OFF:
            self._power_up(now, awake=self.core.quirks.power_up == "awake")
        elif not on and self.state is not State.OFF:
            self._abort(now)
            self._lose_everything()
            self.state = State.OFF

    def brown_out(self, now: int) -> None:
        """The supply sagged and came back."""
        self._lose_everything()
        self._power_up(now, awake=self.core.quirks.brown_out == "awake")

    def _lose_everything(self) -> None:
        volatile.lose_sram(self.core.sram)
        volatile.lose_power(self.core.latches)
        volatile.wake_clears_self_test_failures(self.core.latches)

    def _power_up(self, now: int, *, awake: bool) -> None:
        self.powered_at = now
        self.state = State.SLEEP
        if awake:
            self._wake(now)

    def _wake(self, now: int) -> None:
        from_sleep = self.state is State.SLEEP
        volatile.wake_clears_self_test_failures(self.core.latches)
        if from_sleep:
            self._latch_configuration()
        long = self._long_watchdog
        self.watchdog_at = now + (self.core.quirks.long_watchdog_us if long else self.core.quirks.watchdog_us)
        self.ready_at = now + T_WHI_US
        self.state = State.AWAKE
        failed = self.core.latches.self_test_failures
        good = group(bytes([Status.AFTER_WAKE]))
        self._fill(self.core.quirks.self_test_wake_answer if failed else good)
        if self.core.faults.strikes("mangle-wake"):
            self.answer = bytes(byte ^ 0x24 for byte in self.answer)

    def _latch_configuration(self) -> None:
        """Address, clock divider and watchdog mode take effect here, and the power-on self-test runs."""
        config = self.core.config
        self.address = config.bus_address
        self.stopwatch.latch(config)
        self._long_watchdog = config.long_watchdog
        broken = self.core.faults.standing("self-test")
        if config.power_on_self_test and broken:
            self.core.latches.self_test_failures = broken.integer("mask")

    def _fill(self, answer: bytes) -> None:
        self.answer, self.fresh_answer = answer, True

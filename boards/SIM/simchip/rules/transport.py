"""Rules of the wire and of the command group: DS508 §6, §9.1."""

from simchip.rules.switch import rule, rule_else
from simchip.status import ChipError, Nack, Status

MAX_SCL_HZ = 1_000_000
GENERAL_CALL = 0x00
WAKE_SURELY_US = 60
WAKE_NEVER_US = 15
POWER_UP_US = 100


@rule
def count_must_be_legal(count: int, least: int, most: int) -> None:
    """A count outside 4..155 is a communication error."""
    if not least <= count <= most:
        raise ChipError(Status.COMMUNICATION_ERROR, f"count {count}")


@rule
def crc_must_match(received: bytes, computed: bytes) -> None:
    """A command with a bad CRC is a communication error and changes nothing."""
    if received != computed:
        raise ChipError(Status.COMMUNICATION_ERROR, "CRC")


def group_must_hold_a_command(size: int, least: int) -> None:
    """A group of 4..6 bytes has a legal count but no room for the parameters. Not switchable: there is
    nothing to parse."""
    if size < least:
        raise ChipError(Status.PARSE_ERROR, "the group is too short for a command")


@rule
def general_call_is_never_acknowledged(address: int) -> None:
    """Address 0x00 is not acknowledged, whatever the state."""
    if address == GENERAL_CALL:
        raise Nack("general call")


@rule
def only_own_address_is_acknowledged(address: int, own: int) -> None:
    """Any other address belongs to somebody else."""
    if address != own:
        raise Nack("other address")


@rule
def clock_must_not_exceed_1_mhz(hz: int) -> None:
    """Above its highest SCL frequency the chip understands nothing."""
    if hz > MAX_SCL_HZ:
        raise Nack("SCL too fast")


@rule
def nothing_is_acknowledged_before_t_whi(now: int, ready_at: int) -> None:
    """For 1500 us after the wake pulse the chip is not there yet."""
    if now < ready_at:
        raise Nack("waking")


@rule
def nothing_is_acknowledged_while_busy(busy: bool) -> None:
    """While a command runs, neither reads nor writes are acknowledged."""
    if busy:
        raise Nack("busy")


@rule
def bytes_beyond_count_are_refused(held: int, wanted: int) -> None:
    """Bytes after the last one of the group are not acknowledged and ignored."""
    if held >= wanted:
        raise Nack("input FIFO is full")


@rule_else(without=True)
def pulse_wakes(low_us: float, threshold_us: float) -> bool:
    """SDA must be low for 60 us; below 15 us nothing happens; in between is undefined."""
    if low_us >= WAKE_SURELY_US:
        return True
    return low_us >= WAKE_NEVER_US and low_us >= threshold_us


@rule_else(without=True)
def powered_long_enough_to_wake(now: int, powered_at: int) -> bool:
    """No wake pulse is seen in the first 100 us after power-up."""
    return now - powered_at >= POWER_UP_US


@rule
def watchdog_must_leave_time(remaining_us: int, needed_us: int) -> None:
    """A command that may outlast the watchdog is refused before it does anything."""
    if remaining_us < needed_us:
        raise ChipError(Status.WATCHDOG_ABOUT_TO_EXPIRE, "watchdog")


@rule_else(without=False)
def watchdog_has_expired(now: int, watchdog_at: int) -> bool:
    """When the watchdog expires the chip goes to sleep, whatever it is doing."""
    return now >= watchdog_at


@rule
def failed_self_test_stops_the_chip(failed: int, allowed: bool) -> None:
    """After a failed self-test only SelfTest and reads of the config zone work."""
    if failed and not allowed:
        raise ChipError(Status.SELF_TEST_ERROR, "failure state")

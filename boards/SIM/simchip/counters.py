"""The two monotonic counters, encoded so that a torn write never counts back (DS508 §3.2.2)."""

from simchip.config import COUNTERS
from simchip.core import Core
from simchip.rules.switch import rule
from simchip.status import ExecutionError

SIZE = 8
MAXIMUM = 2_097_151
ALL_ONES = 0xFFFF


def encode(count: int) -> bytes:
    """Two unary and two binary halves: lin_a, lin_b, bin_a, bin_b."""
    behind = count - 16
    lin_a = ALL_ONES >> count % 32
    lin_b = ALL_ONES >> behind % 32 if behind >= 0 else ALL_ONES
    parts = (lin_a, lin_b, count // 32, max(behind // 32, 0))
    return b"".join(part.to_bytes(2, "big") for part in parts)


def decode(raw: bytes) -> int:
    """The later of what the two halves say."""
    lin_a, lin_b, bin_a, bin_b = (int.from_bytes(raw[i : i + 2], "big") for i in range(0, SIZE, 2))
    used_a, used_b = 16 - lin_a.bit_count(), 16 - lin_b.bit_count()
    return max(32 * bin_a + used_a, 32 * bin_b + used_b + 16 if used_b or bin_b else 0)


def value(core: Core, counter: int) -> int:
    start = COUNTERS + SIZE * counter
    return decode(bytes(core.image.config[start : start + SIZE]))


def limit(core: Core, counter: int) -> int:
    """CountMatch: counter 0 stops at the number that a slot holds."""
    slot = core.config.count_match_slot
    if counter or slot is None:
        return MAXIMUM
    return min(int.from_bytes(core.image.slots[slot][:4], "little"), MAXIMUM)


@rule
def counter_stops_at_its_limit(core: Core, counter: int) -> None:
    """A counter at its limit stays there."""
    if value(core, counter) >= limit(core, counter):
        raise ExecutionError("the counter is at its limit")


def increment(core: Core, counter: int) -> int:
    counter_stops_at_its_limit(core, counter)
    count = value(core, counter) + 1
    start, raw = COUNTERS + SIZE * counter, encode(count)
    # The binary word first: a power cut in between shows a count too high, never one too low.
    core.eeprom.write(core.image.config, start + 4, raw[4:])
    core.eeprom.write(core.image.config, start, raw[:4])
    return count

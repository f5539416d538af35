"""How long the device has been up: the one clock of every timer. It never wraps around, and nobody sets it.

time.ticks_ms() begins anew every 2**30 ms (12.4 days), and two of its readings can be compared for half of that. Here
each reading adds what has passed since the one before. Whole rounds that nobody has read are counted by the real-time
clock, whose jumps link.clock tells. If it jumps without a word (set at the prompt, say) that could hide such a round:
then there are more `doubts`, and what was granted for some time ends.
"""

import time

import _thread

_ROUND = time.ticks_add(0, -1) + 1
_SLACK_S = 5  # the real-time clock is read in whole seconds, and may be set by as much without a word

_lock = _thread.allocate_lock()


class _Read:
    """The last reading: of both clocks, and what had passed by then."""

    passed = 0
    ticks = time.ticks_ms()
    clock = time.time()
    doubts = 0


def ms():
    """Milliseconds since the device started."""
    with _lock:
        ticks, clock = time.ticks_ms(), time.time()
        part = (ticks - _Read.ticks) & (_ROUND - 1)
        unread, rest = divmod((clock - _Read.clock + _SLACK_S) * 1000 - part, _ROUND)
        if rest > 2 * _SLACK_S * 1000 or unread < 0:
            _Read.doubts += 1
            unread = 0
        _Read.ticks, _Read.clock = ticks, clock
        _Read.passed += part + unread * _ROUND
        return _Read.passed


def doubts():
    """How often the real-time clock has jumped without a word, as far as `ms` has seen."""
    return _Read.doubts


def clock_jumps(write):
    """Call `write()`, which sets the real-time clock."""
    ms()
    with _lock:
        before = time.time()
        write()
        _Read.clock += time.time() - before

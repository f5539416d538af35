"""Deep sleep, when it is safe. Loaded when it is asked for."""

import machine

import threads
import uptime
from link import clock

# A change of identity that nobody goes on with doesn't keep a device awake for longer.
_LONGEST_MS = 300_000
_TICK_MS = 50


def is_busy(device):
    """Whether something is under way that a reset would cut off."""
    begun = device.store.begun()
    fresh = begun and begun["ago"] is not None and begun["ago"] * 1000 < _LONGEST_MS
    return device.dispatcher.is_busy or bool(fresh)


def deepsleep(device, flush, ms, timeout):
    flush(timeout)
    until = uptime.ms() + _LONGEST_MS
    while is_busy(device) and uptime.ms() < until:
        threads.pause(_TICK_MS)
    clock.remember(1)
    device.link.stop()
    machine.deepsleep(ms)

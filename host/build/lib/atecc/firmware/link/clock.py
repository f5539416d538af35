"""The device's clock, in Unix seconds: set by the host, by NTP, or at least raised to what must have passed already."""

import time

import machine

from version import RELEASED

# time.time() counts from 2000 on most boards, from 1970 on some.
_EPOCH = 946684800 if time.gmtime(0)[0] == 2000 else 0

server = "pool.ntp.org"  # the device's configuration may name another one


class ClockError(Exception):
    """A time that can't be."""


def now():
    return int(time.time()) + _EPOCH


def text(unix):
    """`2026-11-22 07:30:00 UTC`."""
    return "%04d-%02d-%02d %02d:%02d:%02d UTC" % time.gmtime(unix - _EPOCH)[:6]


def set_time(unix):
    """Set the clock; ClockError for a time before this firmware was made."""
    if unix < RELEASED:
        raise ClockError(
            "%s is before this firmware was made (%s): is the clock of the computer right?"
            % (text(unix), text(RELEASED))
        )
    _write(unix)


def _write(unix):
    year, month, day, hour, minute, second, weekday, _ = time.gmtime(unix - _EPOCH)
    machine.RTC().datetime((year, month, day, weekday, hour, minute, second, 0))


def ensure(not_before=0):
    """Before a handshake: a clock that is behind what must have passed is set by NTP, or else raised to that moment.

    `not_before` is the start of the device certificate's validity. A board wakes up in the year 2000, when no
    certificate is valid.
    """
    floor = max(RELEASED, not_before)
    if now() >= floor:
        return
    try:
        import ntptime

        ntptime.host = server
        ntptime.settime()
    except (ImportError, OSError):
        pass
    if now() < floor:
        _write(floor)

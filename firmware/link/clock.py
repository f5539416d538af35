"""The device's clock, in Unix seconds. Nobody else writes machine.RTC.

The owner sets it at the cable, to any time after this firmware was made; NTP, when nobody has since the start. An
operator from afar moves it forwards only, and by little: an expired certificate would be good again, or everybody's
would have expired. What the time was, and what was known for sure, is kept on flash each hour: a board wakes up in the
year 2000, when no certificate is valid, and goes on from there.
"""

import time

import machine
from micropython import const

import uptime
from identity.record import Record
from version import RELEASED

# time.time() counts from 2000 on most boards, from 1970 on some.
_EPOCH = 946684800 if time.gmtime(0)[0] == 2000 else 0
_KEEP_S = const(3600)
# How far ahead an operator may set it: of a time that was made sure of since the start, and of what was kept.
_AHEAD_S = const(86400)
_AHEAD_OF_KEPT_S = const(30 * 86400)
# An operator's computer may be behind by so much without being refused; the clock stays as it is.
_BEHIND_S = const(300)
# For so long a device may have been in a drawer before it believes NTP.
_STORED_S = const(5 * 366 * 86400)
_NTP_AGAIN_MS = const(600000)

server = "pool.ntp.org"  # the device's configuration may name another one


class ClockError(Exception):
    """A time that can't be set; `kind` is `argument` or `refused`."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


class _Known:
    """What is known of the time: `latest` that it was, `sure`: the last that the owner or NTP said."""

    record = None
    latest = sure = RELEASED
    said = None  # (the time, uptime.ms()) when the owner or NTP told it, since the start
    asked = None  # NTP, uptime.ms()


def begin(path):
    """Keep what is known of the time in the Record at `path`."""
    _Known.record = Record(path)
    latest, sure = _Known.record.load() or (RELEASED, RELEASED)
    _Known.latest, _Known.sure = max(latest, RELEASED), max(sure, RELEASED)


def now():
    return int(time.time()) + _EPOCH


def is_sure():
    """Whether the owner or NTP has told the time since the start. Else it may be later than the clock shows."""
    return _Known.said is not None


def text(unix):
    """`2026-11-22 07:30:00 UTC`."""
    return "%04d-%02d-%02d %02d:%02d:%02d UTC" % time.gmtime(unix - _EPOCH)[:6]


def set_time(unix):
    """The owner sets the clock; ClockError for a time before this firmware was made."""
    if unix < RELEASED:
        raise ClockError(
            "argument",
            "%s is before this firmware was made (%s): is the clock of the computer right?"
            % (text(unix), text(RELEASED)),
        )
    _make_sure(unix)


def set_from_afar(unix):
    """An operator sets the clock. ClockError if that is more than a little."""
    ensure()
    if now() - _BEHIND_S <= unix <= now():
        return
    if unix < now():
        raise ClockError(
            "refused", "this device's clock shows %s: only the owner sets it back, over USB" % text(now())
        )
    limit = _limit()
    if unix > limit:
        raise ClockError(
            "refused",
            "%s is too far ahead: from afar this device's clock can be set up to %s, and the owner sets it over USB"
            % (text(unix), text(limit)),
        )
    _write(unix)
    remember()


def _limit():
    if _Known.said:
        said, when = _Known.said
        return said + (uptime.ms() - when) // 1000 + _AHEAD_S
    return _Known.sure + _AHEAD_OF_KEPT_S


def _make_sure(unix):
    _write(unix)
    _Known.said = unix, uptime.ms()
    _keep(unix, unix)


def _write(unix):
    year, month, day, hour, minute, second, weekday, _ = time.gmtime(unix - _EPOCH)
    uptime.clock_jumps(lambda: machine.RTC().datetime((year, month, day, weekday, hour, minute, second, 0)))


def ensure():
    """Before a handshake: unless the clock was set since the start, it is by NTP, or else raised to what has passed."""
    if _Known.said is None and (_Known.asked is None or uptime.ms() - _Known.asked > _NTP_AGAIN_MS):
        _Known.asked = uptime.ms()
        _ask_ntp()
    if now() < _Known.latest:
        _write(_Known.latest)
    remember()


def _ask_ntp():
    try:
        import ntptime

        ntptime.host = server
        unix = ntptime.time() + _EPOCH
    except (ImportError, OSError):
        return
    if _Known.sure <= unix < _Known.sure + _STORED_S:
        _make_sure(unix)


def vouch(unix):
    """It is later than `unix`: the owner has said so, by what begins then."""
    if _Known.latest < unix < RELEASED + _STORED_S:
        _keep(unix, unix)


def remember(after=_KEEP_S):
    """Keep the time if it was not kept for so long (s). To be called now and then."""
    unix = now()
    if unix - _Known.latest >= after:
        _keep(unix, unix if _Known.said else _Known.sure)


def _keep(latest, sure):
    _Known.latest, _Known.sure = latest, sure
    try:
        if _Known.record:
            _Known.record.save([latest, sure])
    except OSError:
        pass  # a full flash does not stop the clock

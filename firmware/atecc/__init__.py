"""What a program asks of the device that it lives on: `import atecc`.

All of it may be called from any thread, and returns at once unless it says that it waits. What a program has subscribed
to, and is to be told of, is called in a thread of the device's, one call after the other: let it be short.
"""

import json
import sys
from hashlib import sha256

import device
import lazily
import threads
import uptime

from .messages import Inbox, Outbox
from .values import Values

__all__ = (
    "connected",
    "flush",
    "messages",
    "on_change",
    "publish",
    "subscribe",
    "unsubscribe",
    "wait_connected",
)

_TICK_MS = 50

_outbox = Outbox("/outbox")
_inboxes = []
device.link.outbox = _outbox
settings = Values(device.settings)


def _alive():
    """SystemExit in the thread of a program that is to end."""
    for program in device.programs:
        if not program.wanted and program.is_me():
            raise SystemExit


class Thing:
    """Whom the world knows this device as: name, client_id, endpoint, port; None before there is an identity."""

    def __init__(self, record):
        self.name = record.get("name")
        self.client_id = record.get("client_id")
        self.endpoint = record.get("endpoint")
        self.port = record.get("port")


def __getattr__(name):
    if name == "thing":
        return Thing(device.store.current() or {})
    if name == "lost":  # how many messages had to go, on their way out and in
        return _outbox.lost + sum([inbox.lost for inbox in _inboxes])
    if name == "waiting":  # how many messages are still to be sent
        return len(_outbox)
    if name == "shadow":
        return _shadow()
    raise AttributeError(name)


def topic(name):
    """The device's own topic of this name: a name with a slash in it is one already."""
    if "/" in name:
        return name
    return "%s/%s" % (device.device_id(), name)


def publish(name, message, qos=1, keep=False):
    """Send `message` (str, bytes, or anything that JSON can say) to a topic, now or when the link is up again.

    As many as there is room for wait until then; the oldest goes first, and is counted (`lost`). keep: a text, on
    flash, so that it outlives a reset.
    """
    _alive()
    if not isinstance(message, (str, bytes)):
        message = json.dumps(message)
    where = topic(name)
    lazily.load("link.topics").check_topic(where)
    _outbox.put(where, message, qos, keep)


def flush(timeout=30):
    """Wait until all that was published is with the broker, which has said so; whether it is."""
    return _until(lambda: not len(_outbox), timeout)


def subscribe(name, function, qos=1):
    """Call `function(topic, message)`, a str and bytes, for what arrives on a topic (+ and # as in MQTT)."""
    _alive()
    inbox = Inbox(topic(name), function, device.workers)
    _listen(inbox, qos)
    return inbox


def messages(name, qos=1):
    """An asynchronous iterator of (topic, message) for what arrives on a topic."""
    _alive()
    inbox = Inbox(topic(name))
    _listen(inbox, qos)
    return inbox


def _listen(inbox, qos):
    lazily.load("link.topics").check_filter(inbox.pattern)
    _inboxes.append(inbox)
    device.link.listen(inbox, qos)


def unsubscribe(inbox):
    """End what `subscribe` or `messages` has begun, and given."""
    _inboxes.remove(inbox)
    device.link.listen_no_more(inbox)


def connected():
    """Whether the device is with its broker."""
    _alive()
    return device.link.state == "connected"


def wait_connected(timeout=None):
    """Wait until it is, or for so many seconds; whether it is."""
    return _until(connected, timeout)


def _until(ready, timeout):
    until = None if timeout is None else uptime.ms() + int(timeout * 1000)
    while not ready():
        _alive()
        if until is not None and uptime.ms() >= until:
            return False
        threads.pause(_TICK_MS)
    return True


def on_change(function):
    """Call `function(connected)` whenever the device has come to its broker, or has lost it."""
    inbox = Inbox(None, lambda _, state: function(state), device.workers)
    device.link.watchers.append(lambda state: inbox.add(None, state))


def identity():
    """{name, serial, subject, not_after, days_left} of the certificate that the device shows; None if it has none."""
    record = device.store.current()
    if not record:
        return None
    from binascii import a2b_base64

    from identity.terms import read_certificate
    from link import clock

    read = read_certificate(a2b_base64(record["certificate"]))
    left = (read.not_after - clock.now()) // 86400
    return {
        "name": record["name"],
        "serial": read.serial,
        "subject": read.subject,
        "not_after": read.not_after,
        "days_left": left,
    }


def sign(data, slot):
    """r then s, 64 bytes: `data` (bytes) signed with SHA-256 and the key in a slot that is no identity's."""
    from identity.terms import NOBODY

    chip = device.chip
    with chip:
        zone = chip.require_locked()
        zone.slot(slot).check_signs()
        device.store.keys.check_signs_anything(slot, zone, NOBODY)
        return chip.Sign(slot, sha256(data).digest())


def random(size=32):
    """So many bytes from the chip's generator."""
    out = b""
    with device.chip:
        while len(out) < size:
            out += device.chip.Random()
    return out[:size]


def log(text):
    """A line for `atecc app log`."""
    _alive()
    print(text)


def deepsleep(ms, timeout=30):
    """Sleep, and start anew after so long: when what was published is sent, and nothing is under way that must not be
    cut off (a change of identity). It does not return."""
    lazily.load("atecc.sleep").deepsleep(device, flush, ms, timeout)


_shadows = []


def _shadow():
    if not _shadows:
        from .difference import Shadow

        _shadows.append(Shadow(sys.modules[__name__]))
    return _shadows[0]

"""Who sent a request: the owner at the USB cable, or an operator on a channel that has made sure of it."""

OPEN = "open"  # the trust that admits everybody: plain WebSocket without a password, while the bench permission is on


class Caller:
    """`owner` is true for whoever holds the board in hand; `channel` is a word for the log.

    by: the trust that admitted the caller, as Access.holds compares it: the SHA-256 of a CA (hex), what stands for the
    password, OPEN, or None where it is the channel that decides. Of a caller with a certificate there are `subject` and
    `serial` (texts), and `ends`: until when it and its CA's are valid (Unix seconds).
    """

    subject = serial = ends = None

    def __init__(self, channel, owner=False, by=None):
        self.channel = channel
        self.owner = owner
        self.by = by


OWNER = Caller("usb", owner=True)


def owner(_frame):
    """What the serial channels give as `admit` to Dispatcher.handle."""
    return OWNER


def asker(caller, bench):
    """`caller` as the floors below know him; bench() tells whether the owner's bench permission is on."""
    # Not before: boot.py imports this module, whether the device is started or not.
    from identity.terms import Asker

    if caller.subject:
        return Asker(caller.subject, caller.owner, bench(), caller.by)
    return Asker(caller.channel, caller.owner, bench())

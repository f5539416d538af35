"""Who sent a request: the owner at the USB cable, or an operator on a channel that has made sure of it."""

from identity.keys import Asker


class Caller:
    """`owner` is true for whoever holds the board in hand; `channel` is a word for the log."""

    def __init__(self, channel, owner=False):
        self.channel = channel
        self.owner = owner


OWNER = Caller("usb", owner=True)


def owner(_frame):
    """What the serial channels give as `admit` to Dispatcher.handle."""
    return OWNER


def asker(caller, bench):
    """`caller` as the floors below know him; bench() tells whether the owner's bench permission is on."""
    return Asker(caller.channel, caller.owner, bench())

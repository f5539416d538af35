"""Who sent a request: the owner at the USB cable, or an operator on a channel that has made sure of it."""


class Caller:
    """`owner` is true for whoever holds the board in hand; `channel` is a word for the log."""

    def __init__(self, channel, owner=False):
        self.channel = channel
        self.owner = owner


OWNER = Caller("usb", owner=True)


def owner(_frame):
    """What the serial channels give as `admit` to Dispatcher.handle."""
    return OWNER

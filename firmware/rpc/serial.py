"""The serial channel: a host that holds the raw REPL calls `call`, and reads the reply from what is printed.

Like main.py it stands above the device, which does not know it: a host may be the first to want the device.
"""

from binascii import crc32

from .caller import owner

DAMAGED = (
    '{"error":{"code":400,"kind":"frame","message":"the frame was damaged on its way, and was not handled"}}'
)


def handle(frame, admit):
    """Dispatcher.handle, of the device; it is started if need be: after a soft reset into the raw REPL nobody has."""
    import device

    return device.handle(frame, admit)


def call(frame, crc=None):
    """Handle one frame (str) and print the reply between triple quotes, its CRC-32 behind it.

    A frame that does not have the CRC-32 `crc` was damaged on its way: it is not handled.
    """
    damaged = crc is not None and crc != crc32(frame.encode())
    show(DAMAGED if damaged else handle(frame, owner))


def show(reply):
    """Print a reply, if there is one, as hosts look for it."""
    if reply is not None:
        print('\n"""%s%08x"""' % (reply, crc32(reply.encode())))

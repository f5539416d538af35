"""The serial channel: a host that holds the raw REPL calls `call`, and reads the reply from what is printed."""

from binascii import crc32

_served = []


def serve(dispatcher):
    """Let `call` reach `dispatcher`."""
    _served[:] = [dispatcher]


def call(frame):
    """Handle one frame (str) and print the reply between triple quotes, its CRC-32 behind it."""
    if not _served:
        # After a soft reset into the raw REPL nobody has started the device.
        import main  # noqa: F401
    reply = _served[0].handle(frame)
    if reply is not None:
        print('\n"""%s%08x"""' % (reply, crc32(reply.encode())))

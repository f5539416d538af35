"""The serial channel: a host that holds the raw REPL calls `call`, and reads the reply from what is printed."""

from binascii import crc32

_DAMAGED = (
    '{"error":{"code":400,"kind":"frame","message":"the frame was damaged on its way, and was not handled"}}'
)

_served = []


def serve(dispatcher):
    """Let `call` reach `dispatcher`."""
    _served[:] = [dispatcher]


def call(frame, crc=None):
    """Handle one frame (str) and print the reply between triple quotes, its CRC-32 behind it.

    A frame that does not have the CRC-32 `crc` was damaged on its way: it is not handled.
    """
    if not _served:
        # After a soft reset into the raw REPL nobody has started the device.
        import main  # noqa: F401
    damaged = crc is not None and crc != crc32(frame.encode())
    reply = _DAMAGED if damaged else _served[0].handle(frame)
    if reply is not None:
        print('\n"""%s%08x"""' % (reply, crc32(reply.encode())))

"""The serial channel: a host that holds the raw REPL calls `call`, and reads the reply from what is printed.

Like main.py it stands above the device, which does not know it: a host may be the first to want the device.
"""

import select
import sys
from binascii import crc32

import micropython

from .caller import owner

DAMAGED = (
    '{"error":{"code":400,"kind":"frame","message":"the frame was damaged on its way, and was not handled"}}'
)
_CTRL_C = micropython.const(3)
_POLL_MS = micropython.const(10)
_START_MS = micropython.const(10000)

_pause = select.poll()


def start():
    """Put the device together, if that has not been done, and wait until it has started, or for some seconds.

    Only while code is run that Ctrl-C interrupts. Half a device would be none, so it interrupts only the waiting: the
    device starts by itself, in a thread of its own.
    """
    if "device" not in sys.modules:
        micropython.kbd_intr(-1)
        try:
            _import()
        finally:
            micropython.kbd_intr(_CTRL_C)
    _started()


def _import():
    try:
        for _ in range(2):
            pass  # here comes a Ctrl-C that is on its way
    except KeyboardInterrupt:
        pass
    import device  # noqa: F401


def _started():
    """The device, when it has got as far as it gets; it is put together if need be: after a soft reset into the raw
    REPL nobody has done that."""
    import device

    for _ in range(_START_MS // _POLL_MS):
        if device.is_started():
            break
        _pause.poll(_POLL_MS)
    return device


def _asked():
    """After a soft reset into the raw REPL, with which a host takes the board, the owner's programs stay stopped."""
    if "device" not in sys.modules:
        import machine

        import threads

        threads.beside = machine.reset_cause() != machine.SOFT_RESET


def handle(frame, admit):
    """Dispatcher.handle, of the device; it is started if need be."""
    _asked()
    return _started().handle(frame, admit)


def call(frame, crc=None):
    """Handle one frame (str) and print the reply between triple quotes, its CRC-32 behind it.

    A frame that does not have the CRC-32 `crc` was damaged on its way: it is not handled.
    """
    damaged = crc is not None and crc != crc32(frame.encode())
    if not damaged:
        _asked()
        start()
    show(DAMAGED if damaged else handle(frame, owner))


def show(reply):
    """Print a reply, if there is one, as hosts look for it."""
    if reply is not None:
        print('\n"""%s%08x"""' % (reply, crc32(reply.encode())))

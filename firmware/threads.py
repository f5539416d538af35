"""Threads with the stacks they need: on ESP32 each takes its own from the memory that TLS needs too."""

import select
import sys

import _thread

# In bytes: for a TLS handshake in which the chip signs, a request, a loop that waits. The 32-bit simulated board takes
# 8 and 7 KB for the first two; other processors have other frames, so there is nearly half as much again. The last is
# what MicroPython gives a thread unless asked.
HANDSHAKE = 12 * 1024
REQUEST = 10 * 1024
LOOP = 5 * 1024
# The owner's program may shake hands too.
APPLICATION = HANDSHAKE
# Whether the owner's programs start with the device: not where a host has reset MicroPython to have it for itself, and
# another one wants the device then (rpc.serial).
beside = True

_OBJECTS_ARE_LARGER = 1 if sys.maxsize < 1 << 32 else 3
_lock = _thread.allocate_lock()
# Waiting on nothing at all: select's clock is the network's, whatever time.sleep may be tied to (see boards/SIM).
_pause = select.poll()


def start(stack, function, *args):
    """Run `function(*args)` in a thread of its own; MemoryError if there is no room for its stack."""
    with _lock:  # the size is for whoever starts one next
        _thread.stack_size(stack * _OBJECTS_ARE_LARGER)
        try:
            _thread.start_new_thread(function, args)
        except OSError:
            raise MemoryError("no room for a thread")
        finally:
            _thread.stack_size(0)


def pause(ms):
    _pause.poll(ms)

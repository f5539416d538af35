"""Run at every start, also at those where main.py is not (mpremote's soft reset): the device can always be found.

Only where it is frozen: in the flash, /boot.py is the owner's, and `atecc install` leaves it alone.
"""

import os

from rpc import console, serial

console.watch(serial.handle)

try:
    os.stat("/boot.py")
except OSError:
    pass
else:
    # Frozen, this file hides the one that the board's owner may have.
    with open("/boot.py") as f:
        exec(f.read(), globals())  # noqa: S102

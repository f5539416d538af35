"""A simulated ATECC608 that is reached as the real one is: by bytes on an I2C bus.

The words of the code are those of the ATECC508A complete data sheet (DS20005927A, "DS508") and of Microchip's
public pages on the ATECC608. Where the 608 is not documented, `simchip.quirks` names the guess.
"""

from simchip.chip import Ack, Chip
from simchip.presets import PRESETS
from simchip.quirks import TIMINGS, Quirks

__all__ = ["PRESETS", "TIMINGS", "Ack", "Chip", "Quirks"]

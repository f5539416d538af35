"""A whole firmware, written to the flash of an ESP32: what is there is looked at first, and what is kept is said.

The work on the wire is esptool's, Espressif's own tool. It has another licence (GPL 2.0 or later) than this one (MIT):
it runs in a process of its own (worker.py), and comes only with the extra `flash`. Nothing else in this package
needs it, nothing of it is in here, and nothing here is loaded together with it but that one module.
"""

from atecc.flashing.image import Image, choose, find_images
from atecc.flashing.loader import Loader
from atecc.flashing.plan import Plan, Target, carry_out, examine, make_plan

__all__ = ["Image", "Loader", "Plan", "Target", "carry_out", "choose", "examine", "find_images", "make_plan"]

"""The drivers that are compared, each on a chip of its own that is as fast as the others'."""

from collections.abc import Callable
from importlib.util import find_spec

from simchip.quirks import Timing
from speed import ours
from speed.cost import TimedChip
from speed.jobs import Costs

OURS, MICROCHIP, ADAFRUIT = "this driver", "cryptoauthlib", "Adafruit"


def drivers() -> dict[str, Callable[[TimedChip], Costs]]:
    """All that are installed: cryptoauthlib is not there for every platform."""
    found = {OURS: ours.measured}
    if find_spec("cryptoauthlib"):
        from speed import microchip

        found[MICROCHIP] = microchip.measured
    if find_spec("adafruit_atecc"):
        from speed import adafruit

        found[ADAFRUIT] = adafruit.measured
    return found


def measure(timing: Timing) -> dict[str, Costs]:
    return {
        name: measured(TimedChip(preset="tls", locked=True, seed=608, timing=timing))
        for name, measured in drivers().items()
    }

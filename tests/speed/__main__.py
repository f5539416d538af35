"""make bench: what the driver's jobs cost, beside other drivers, on the same simulated chip in virtual time.

Two runs give the same numbers. Of a board's own time to compute there is nothing in them.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "boards" / "SIM")]

from simchip import TIMINGS  # noqa: E402
from speed import provisioning, waking  # noqa: E402
from speed.drivers import measure  # noqa: E402
from speed.picture import draw  # noqa: E402
from speed.report import rows, table  # noqa: E402

INTO = ROOT / "build" / "bench"
SAYS = {
    "typical": "execution times of the ATECC508A's data sheet",
    "slow": "60 % of the ATECC608's longest",
    "worst": "the ATECC608's longest",
}


def main() -> None:
    everything = {timing: measure(timing) for timing in TIMINGS}
    for timing, measured in everything.items():
        print(f"{timing}: {SAYS[timing]}")
        print(table(list(rows(measured))), end="\n\n")
    print("in real time, of five runs the quickest: on a simulated board, with the stand-in for AWS IoT")
    print(table(list(provisioning.rows(provisioning.best()))), end="\n\n")
    print("in real time, on a simulated board: a sensor that wakes and publishes")
    print(table(list(waking.rows(waking.measure()))), end="\n\n")
    INTO.mkdir(parents=True, exist_ok=True)
    picture = INTO / "drivers.svg"
    picture.write_text(draw(everything))
    print(f"drawn: {picture.relative_to(ROOT)}")


if __name__ == "__main__":
    main()

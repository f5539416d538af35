"""make bench: what the driver's operations cost on the bus, in the chip's virtual time. Two runs give the same numbers.

Wakes, transfers and bytes are what a real bus would see; polling a busy chip is the larger part of them. The times are
the simulated chip's, whose typical execution times are a guess (only the maxima are public), plus bus and waits; what
the board itself takes to compute is not in them.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "boards" / "SIM")]

from bench import DRIVER, WatchedChip, benches  # noqa: E402

STORE = """
from hashlib import sha256
from identity.store import Store
store = Store(chip, "/identities", (0, 1))
digest = sha256(b"a message").digest()
"""
OPERATIONS = {
    "find the chip, read its configuration": "chip.config()",
    "read its configuration again": "chip.config()",
    "GenKey": "key = chip.GenKey(2)",
    "Nonce and Sign": "signature = chip.Sign(2, digest)",
    "Nonce and Verify": "chip.Verify(key, signature, digest)",
    "Random": "chip.Random()",
    "Identity.Begin: key, request, signature, check": "store.begin([[['CN', 'thing-1']]])",
}


def measure() -> Iterator[tuple[str, float, int, int, int]]:
    """Name, virtual milliseconds, wakes, transfers and bytes of each operation."""
    with benches() as make:
        chip = WatchedChip(preset="tls", locked=True, seed=608)
        repl = make(chip).repl
        repl.run_in_main(DRIVER + STORE)
        for name, code in OPERATIONS.items():
            chip.transfers.clear()
            before = chip.clock.now()
            repl.run_in_main(code)
            took = (chip.clock.now() - before) / 1000
            size = sum(len(what) if kind == "W" else what for _, kind, what, _ in chip.transfers)
            yield name, took, chip.wakes, len(chip.transfers), size


def main() -> None:
    print(f"{'operation':48} {'ms':>7} {'wakes':>6} {'transfers':>10} {'bytes':>6}")
    for name, took, wakes, transfers, size in measure():
        print(f"{name:48} {took:7.1f} {wakes:6} {transfers:10} {size:6}")


if __name__ == "__main__":
    main()

"""make mutants: small changes to the code, one at a time. Does a test notice each?"""

import argparse
import random
import sys
import time
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
sys.path[:1] = [str(ROOT / "tests"), str(ROOT / "boards" / "SIM")]

from mutants import board, host, rules  # noqa: E402
from mutants.changes import Change, changes  # noqa: E402
from mutants.nochange import NoChanges  # noqa: E402
from mutants.parallel import parallel  # noqa: E402
from mutants.tests import Unsound  # noqa: E402

PARTS = ("host", "firmware", "chip")
CODE: dict[str, tuple[ModuleType, type]] = {"host": (host, host.Host), "firmware": (board, board.Firmware)}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (default: all of them)")
    parser.add_argument("--seed", type=int, help="of the sample (default: any)")
    parser.add_argument(
        "--sample", type=int, default=30, help="how many changes a part (default: %(default)s)"
    )
    parser.add_argument("--only", default="", metavar="TEXT", help="changes in whose line this stands")
    parser.add_argument("--list", action="store_true", help="show the changes and make none")
    parser.add_argument("-v", "--verbose", action="store_true", help="name the test that noticed each")
    options = parser.parse_args()
    wrong = set(options.parts) - {*PARTS}
    if wrong:
        parser.error(f"{', '.join(sorted(wrong))}: a part is one of {', '.join(PARTS)}")
    if options.seed is None:
        options.seed = random.randrange(1000)
    return options


def _found(part: str) -> list[Change]:
    where = CODE[part][0]
    return [change for module in where.modules() for change in changes(module, where.source(module))]


def _run(part: str, options: argparse.Namespace) -> int:
    """How many survived, and how many reasons no longer apply."""
    started, found = time.monotonic(), _found(part)
    known = NoChanges(part)
    for stale in known.stale(found):
        print(f"{part}: {known.file}: no such change any more: {stale}")
    able = [change for change in found if change not in known and options.only in str(change)]
    sample = random.Random(options.seed).sample(able, min(options.sample, len(able)))
    if options.list:
        print("\n".join(map(str, able)))
        return 0
    survived = 0
    for change, test in parallel(CODE[part][1]().jobs(sample)):
        survived += test is None
        if test is None:
            print(f"{part}: survived: {change}", flush=True)
        elif options.verbose:
            print(f"{part}: noticed: {change}: {test}", flush=True)
    print(
        f"{part}: {len(sample)} of {len(able)} changes (--seed {options.seed}): {len(sample) - survived} noticed, "
        f"{survived} survived; {len(known)} are known to be none ({time.monotonic() - started:.0f} s)",
        flush=True,
    )
    return survived + len(known.stale(found))


def main() -> int:
    options, bad = _options(), 0
    for part in options.parts or PARTS:
        try:
            bad += rules.run(options.verbose) if part == "chip" else _run(part, options)
        except Unsound as failed:
            print(f"{part}: a test fails although nothing is changed: {failed}", file=sys.stderr)
            return 2
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

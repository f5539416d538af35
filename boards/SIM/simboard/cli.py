"""`python -m simboard`: a simulated board in the foreground."""

import argparse
import re
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

from simboard.board import HEAP, Board, BoardDied, BoardError

BAD_USE = 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="simboard",
        description="A simulated board with an ATECC608. Prints its serial port; Ctrl-C ends it.",
        epilog="The chip's options are those of `python -m simchip`.",
    )
    parser.add_argument("--bus", metavar="ADDRESS", help="use the chip at unix:PATH or tcp:HOST:PORT")
    parser.add_argument("--no-chip", action="store_true", help="nothing on the I2C bus")
    parser.add_argument("--flash", type=Path, metavar="DIR", help="keep the board's filesystem here")
    parser.add_argument("--air", type=Path, metavar="FILE", help="the Wi-Fi networks around it")
    parser.add_argument(
        "--heap", default=HEAP, metavar="SIZE", help="of MicroPython's heap (default: %(default)s)"
    )
    parser.add_argument("--log", type=Path, metavar="FILE", help="append what the board says")
    chip = parser.add_argument_group("the simulated chip")
    for name in ("--state", "--preset", "--seed", "--faults"):
        chip.add_argument(name, metavar=name.strip("-").upper())
    chip.add_argument("--fault", action="append", metavar="FAULT")
    for name in ("--locked", "--virtual-time"):
        chip.add_argument(name, action="store_true")
    return parser


def _chip_options(options: argparse.Namespace) -> list[str]:
    """What to hand on to the chip."""
    words: list[str] = []
    for name in ("state", "preset", "seed", "faults", "fault", "locked", "virtual_time"):
        value = getattr(options, name)
        option = "--" + name.replace("_", "-")
        if value is True:
            words.append(option)
        elif value:
            words += [f"{option}={each}" for each in ([value] if isinstance(value, str) else value)]
    return words


def _fail(sentence: object, status: int = BAD_USE) -> NoReturn:
    print(f"simboard: {sentence}", file=sys.stderr)
    raise SystemExit(status)


def _run(options: argparse.Namespace, chip_options: list[str]) -> None:
    with ExitStack() as stack:
        log = stack.enter_context(options.log.open("ab")) if options.log else None
        board = stack.enter_context(
            Board(
                bus=options.bus,
                chip=not options.no_chip,
                chip_options=chip_options,
                flash=options.flash,
                air=options.air,
                heap=options.heap,
                log=log,
            )
        )
        print(board.port, flush=True)
        print(f"export ATECC_PORT={board.port}", file=sys.stderr, flush=True)
        board.wait()


def main() -> None:
    options = _parser().parse_args()
    chip_options = _chip_options(options)
    if options.bus and options.no_chip:
        _fail("--bus and --no-chip contradict each other")
    if chip_options and (options.bus or options.no_chip):
        _fail(f"{chip_options[0].partition('=')[0]} is for a chip that this board brings along")
    if not re.fullmatch(r"\d+[kKmM]?", options.heap):
        _fail(f"'{options.heap}' is not a size: 256k, for example")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        _run(options, chip_options)
    except KeyboardInterrupt:
        raise SystemExit(0) from None
    except BoardDied as error:
        _fail(error, 1)
    except (BoardError, OSError) as error:
        _fail(error)

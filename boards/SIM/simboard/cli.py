"""`python -m simboard`: a simulated board in the foreground."""

import argparse
import re
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn

from simboard.board import HEAP, IDF_HEAP, Board, BoardDied, BoardError

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
    parser.add_argument(
        "--idf-heap",
        default=IDF_HEAP,
        metavar="SIZE",
        help="for TLS and the threads' stacks (default: %(default)s)",
    )
    parser.add_argument("--no-pull-ups", action="store_true", help="the I2C lines have no resistors")
    parser.add_argument(
        "--bare", action="store_true", help="MicroPython only, without this project's firmware"
    )
    parser.add_argument(
        "--stale-flash", action="store_true", help="the flash holds what is no file system: it can't start"
    )
    parser.add_argument("--log", type=Path, metavar="FILE", help="append what the board says")
    network = parser.add_argument_group("the network")
    network.add_argument(
        "--rpc",
        metavar="ADDRESS",
        help="serve callers at ws://[USER:PASSWORD@]127.0.0.1:PORT or wss://127.0.0.1:PORT; 0: the system chooses",
    )
    network.add_argument("--bench", action="store_true", help="give the owner's bench permission")
    network.add_argument(
        "--into", type=Path, metavar="DIR", help="what callers of wss:// need (default: build/board)"
    )
    chip = parser.add_argument_group("the simulated chip")
    for name in ("--state", "--preset", "--timing", "--seed", "--faults"):
        chip.add_argument(name, metavar=name.strip("-").upper())
    chip.add_argument("--fault", action="append", metavar="FAULT")
    for name in ("--locked", "--virtual-time"):
        chip.add_argument(name, action="store_true")
    return parser


def _chip_options(options: argparse.Namespace) -> list[str]:
    """What to hand on to the chip."""
    words: list[str] = []
    for name in ("state", "preset", "timing", "seed", "faults", "fault", "locked", "virtual_time"):
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


def _board_options(options: argparse.Namespace, chip_options: list[str], stack: ExitStack) -> dict[str, Any]:
    return {
        "bus": options.bus,
        "chip": not options.no_chip,
        "chip_options": chip_options,
        "flash": options.flash,
        "air": options.air,
        "heap": options.heap,
        "idf_heap": options.idf_heap,
        "pull_ups": not options.no_pull_ups,
        "bare": options.bare,
        "stale": options.stale_flash,
        "log": stack.enter_context(options.log.open("ab")) if options.log else None,
    }


def _say(board: Board) -> None:
    print(board.port, flush=True)
    print(f"export ATECC_PORT={board.port}", file=sys.stderr, flush=True)


def _run(options: argparse.Namespace, chip_options: list[str]) -> None:
    with ExitStack() as stack:
        board_options = _board_options(options, chip_options, stack)
        if options.rpc:
            board = _serve(options, board_options, stack)
        else:
            board = stack.enter_context(Board(**board_options))
            _say(board)
            print("atecc info    # in another terminal, after that line", file=sys.stderr, flush=True)
        board.wait()


def _serve(options: argparse.Namespace, board_options: dict[str, Any], stack: ExitStack) -> Board:
    """The host tool does its part here: not on a board that nobody calls over the network."""
    from simboard.examples import lines
    from simboard.served import INTO, Served

    served = Served(options.rpc, bench=options.bench, into=options.into or INTO, **board_options)
    stack.enter_context(served)
    _say(served.board)
    print("\n".join(lines(served)), file=sys.stderr, flush=True)
    print(f"ready: {served.address}/rpc", flush=True)
    return served.board


def main() -> None:
    options = _parser().parse_args()
    chip_options = _chip_options(options)
    if options.bus and options.no_chip:
        _fail("--bus and --no-chip contradict each other")
    if chip_options and (options.bus or options.no_chip):
        _fail(f"{chip_options[0].partition('=')[0]} is for a chip that this board brings along")
    if (options.bench or options.into) and not options.rpc:
        _fail(
            f"{'--bench' if options.bench else '--into'} is for a board that is called over the network: --rpc"
        )
    for size in (options.heap, options.idf_heap):
        if not re.fullmatch(r"[1-9]\d*[kKmM]?", size):
            _fail(f"'{size}' is not a size: 256k, for example")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        _run(options, chip_options)
    except KeyboardInterrupt:
        raise SystemExit(0) from None
    except BoardDied as error:
        _fail(error, 1)
    except (BoardError, OSError) as error:
        _fail(error)

"""The command line of a chip that runs alone: `python -m simchip --listen unix:PATH`."""

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from simchip.chip import Chip
from simchip.clock import RealClock, VirtualClock
from simchip.config import Config
from simchip.faults import BadFault, Faults, parse_fault
from simchip.presets import PRESETS, is_configured_as
from simchip.quirks import TIMINGS, Quirks
from simchip.server import BadAddress, Endpoint, Server, parse_endpoint
from simchip.statefile import BadStateFile, load

BAD_USE = 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="simchip",
        description="A simulated ATECC608 behind a socket that stands for its I2C bus.",
    )
    parser.add_argument(
        "--listen", required=True, metavar="ADDRESS", help="unix:PATH or tcp:HOST:PORT (loopback)"
    )
    parser.add_argument("--state", type=Path, metavar="FILE", help="keep the EEPROM in this file")
    parser.add_argument("--preset", choices=sorted(PRESETS), help="what a new chip is (default: blank)")
    parser.add_argument("--locked", action="store_true", help="a new chip has both zones locked")
    parser.add_argument("--virtual-time", action="store_true", help="time passes only by transfers and waits")
    parser.add_argument(
        "--timing",
        choices=TIMINGS,
        default=Quirks.timing,
        help="how long commands take (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="repeatable randomness: for tests only")
    parser.add_argument(
        "--fault", action="append", default=[], metavar="FAULT", help="as in a line of --faults"
    )
    parser.add_argument(
        "--faults", type=Path, metavar="FILE", help="faults to come; read again when it changes"
    )
    return parser


def _fail(sentence: object) -> NoReturn:
    print(f"simchip: {sentence}", file=sys.stderr)
    raise SystemExit(BAD_USE)


def _note_ignored(options: argparse.Namespace) -> None:
    """An existing state wins; say so where it is not what the options ask for."""
    if options.state is None or not options.state.exists():
        return
    image = load(options.state)
    config = Config(image.config)
    ignored = []
    if options.preset and not is_configured_as(image, options.preset):
        ignored.append(f"--preset {options.preset}")
    if options.locked and not (config.config_locked and config.data_locked):
        ignored.append("--locked")
    if ignored:
        print(f"simchip: {options.state} exists and is used; ignoring {' '.join(ignored)}", file=sys.stderr)


def _chip(options: argparse.Namespace) -> Chip:
    return Chip(
        state=options.state,
        preset=options.preset or "blank",
        locked=options.locked,
        seed=options.seed,
        quirks=Quirks(timing=options.timing),
        clock=VirtualClock() if options.virtual_time else RealClock(),
        faults=Faults([parse_fault(line) for line in options.fault], options.faults),
    )


def _serve(chip: Chip, endpoint: Endpoint) -> None:
    server = Server(chip, endpoint)
    try:
        print(f"listening on {server.endpoint}", flush=True)
        server.serve()
    finally:
        server.close()
        chip.close()


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="simchip: %(message)s")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        endpoint = parse_endpoint(options.listen)
        _note_ignored(options)
        _serve(_chip(options), endpoint)
    except (BadAddress, BadFault, BadStateFile) as error:
        _fail(error)
    except OSError as error:
        _fail(f"{error.filename or options.listen}: {error.strerror or error}")

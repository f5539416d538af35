"""A chip behind a socket of its own, in virtual time, and Microchip's library in front of it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from chip_foreign.hal import HAL, HURRIED, Pauses
from simchip import Chip
from simchip.server import Server, parse_endpoint


@contextmanager
def listening(chip: Chip) -> Iterator[str]:
    """The address of the chip's socket."""
    server = Server(chip, parse_endpoint("tcp:127.0.0.1:0"))
    threading.Thread(target=server.serve, daemon=True).start()
    try:
        yield str(server.endpoint)
    finally:
        server.stop()


@contextmanager
def driven(chip: Chip, pauses: Pauses = HURRIED) -> Iterator[Chip]:
    """The chip itself, to look into; whatever happens to it comes over the socket."""
    with listening(chip) as endpoint:
        HAL.open(endpoint, chip.address, pauses)
        try:
            yield chip
        finally:
            HAL.close()

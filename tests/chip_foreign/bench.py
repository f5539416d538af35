"""A chip behind a socket of its own, in virtual time, and Microchip's library in front of it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from chip_foreign.hal import HAL
from simchip import Chip
from simchip.server import Server, parse_endpoint


@contextmanager
def driven(chip: Chip) -> Iterator[Chip]:
    """The chip itself, to look into; whatever happens to it comes over the socket."""
    server = Server(chip, parse_endpoint("tcp:127.0.0.1:0"))
    threading.Thread(target=server.serve, daemon=True).start()
    try:
        HAL.open(str(server.endpoint), chip.address)
        try:
            yield chip
        finally:
            HAL.close()
    finally:
        server.stop()

"""Simulated boards, and who talks to them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bench import benches
from foreign_rpc.rpcbench import Device


@pytest.fixture
def board() -> Iterator[Callable[..., Device]]:
    """Makes boards with a chip: board(preset="mos")."""
    with benches() as make:

        def device(**options: Any) -> Device:
            return Device(make(**options))

        yield device


@pytest.fixture(scope="module")
def shared() -> Iterator[Device]:
    """A board for all tests of a module, open to everybody on ws://, with a chip that is locked and has no key."""
    with benches() as make:
        device = Device(make(preset="tls", locked=True))
        device.open_ws()
        yield device

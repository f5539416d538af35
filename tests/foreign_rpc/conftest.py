"""Simulated boards, and who talks to them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bench import benches
from foreign_rpc.house import House, listening
from foreign_rpc.rpcbench import PASSWORD, Device


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


@pytest.fixture(scope="module")
def guarded() -> Iterator[Device]:
    """A board with a password and without the bench permission."""
    with benches() as make:
        device = Device(make(preset="tls", locked=True))
        device.open_ws(bench=False, password=PASSWORD)
        yield device


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A board on wss://, for all tests of a module."""
    with listening(tmp_path_factory.mktemp("callers")) as house:
        yield house

"""The Core2's board.py fits the chip it has: the driver and the store, on a simulated Trust&GO."""

from collections.abc import Callable, Iterator

import pytest
from bench import Bench, benches
from boards.places import ROOT, Board

CORE2 = Board(ROOT / "boards/M5STACK_CORE2_AWS_ATECC608").py
STORE = f"""
from identity.store import Store
chip = ATECC608(open_i2c, {CORE2.I2C_HZ}, {CORE2.ATECC_ADDRESS})
store = Store(chip, "/identity", {CORE2.KEY_SLOTS})
def begin(**options):
    begun = store.begin([[["CN", "thing-1"]]], **options)
    return [begun["slot"], begun["generated"]]
"""


@pytest.fixture
def trust_and_go() -> Iterator[Bench]:
    make: Callable[..., Bench]
    with benches() as make:
        yield make(preset="tngtls")


def test_its_first_key_is_the_one_it_came_with(trust_and_go: Bench) -> None:
    assert trust_and_go.value("begin()", STORE) == [CORE2.KEY_SLOTS[0], False]


def test_its_second_key_is_made(trust_and_go: Bench) -> None:
    assert trust_and_go.value(f"begin(slot={CORE2.KEY_SLOTS[1]})", STORE) == [CORE2.KEY_SLOTS[1], True]


def test_the_slots_of_other_boards_would_not_do(trust_and_go: Bench) -> None:
    assert "slot 1 can't hold a device key" in trust_and_go.error("begin(slot=1)", STORE)

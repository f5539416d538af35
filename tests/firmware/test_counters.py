"""rpc.counters on MicroPython: no number comes twice, whatever happens to the device."""

import pytest

SETUP = """
import os
from rpc import counters
from rpc.counters import Counters
from rpc.errors import RpcError
for side in ("/c.0", "/c.1"):
    try:
        os.remove(side)
    except OSError:
        pass
writes = []
class Counting(counters.Record):
    def save(self, value):
        writes.append(1)
        super().save(value)
counters.Record = Counting
made = Counters("/c")
def use(key, number):
    try:
        made.use(key, number)
        return True
    except RpcError as e:
        return e.next
"""


@pytest.fixture(autouse=True)
def own_record(micropython):
    yield
    micropython.run("from rpc import counters\nfrom identity.record import Record\ncounters.Record = Record")


def test_numbers_only_grow(micropython):
    told = "[use('a', n) for n in (1, 2, 2, 1, 7, 3, 8)]"
    assert micropython.value(told, SETUP) == [True, True, 3, 3, True, 8, True]
    assert micropython.value("[use('a', 5), use('b', 1), use('a', 5)]", SETUP) == [True, True, 6]


def test_after_a_restart_they_go_on_above_all_that_were_there(micropython):
    run = SETUP + "for n in range(1, 101): made.use('a', n)\nmade = Counters('/c')\n"
    told = micropython.value("[use('a', 100), made.next('a'), use('a', made.next('a')), use('b', 1)]", run)
    least = told[0]
    assert 100 < least <= 101 + 64
    assert told == [least, least, True, True]


def test_the_flash_is_written_once_in_a_while(micropython):
    run = SETUP + "for n in range(1, 641): made.use('a', n)\n"
    assert micropython.value("len(writes)", run) == 10


def test_a_flash_that_takes_nothing_lets_nothing_through(micropython):
    run = SETUP + "def full(value): raise OSError(28)\nmade._record.save = full\n"
    assert micropython.error("made.use('a', 1)", run) == "OSError(28,)"
    again = (
        run
        + "try:\n    made.use('a', 1)\nexcept OSError:\n    pass\nmade._record.save = lambda value: None\n"
    )
    assert micropython.value("[made.next('a'), use('a', 1)]", again) == [1, True]


def test_keys_that_are_forgotten_leave_a_floor(micropython):
    run = SETUP + "for n in range(40): made.use('key %d' % n, made.next('key %d' % n))\n"
    told = micropython.value(
        "[len(made._limits), use('key 0', 1), use('new', 1), use('key 0', made.next('key 0'))]", run
    )
    kept, old, new, again = told
    assert kept == 16 and old > 64 and new > 64 and again is True
    reopened = run + "first = made.next('key 0')\nmade = Counters('/c')\n"
    assert micropython.value("made.next('key 0') >= first", reopened) is True

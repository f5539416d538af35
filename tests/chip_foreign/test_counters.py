"""Counters, and the key whose uses they count."""

import cryptoauthlib as cal
import pytest
from chip_foreign.host import count_match
from chip_foreign.setting import COUNT_MATCH_SLOT, DATA_ZONE, DIGEST, EXECUTION_ERROR, LIMITED, ok
from cryptoauthlib.library import AtcaReference
from simchip import Chip


def read(counter: int) -> int:
    value = AtcaReference(0)
    ok(cal.atcab_counter_read(counter, value))
    return int(value.value)


def test_counting(locked: Chip) -> None:
    value = AtcaReference(0)
    for expected in range(1, 40):
        ok(cal.atcab_counter_increment(1, value))
        assert value.value == expected
    assert read(1) == 39
    assert read(0) == 0


@pytest.mark.parametrize("start", [1, 16, 31, 32, 1000, 2_097_150])
def test_a_start_value_written_by_the_library(blank: Chip, start: int) -> None:
    """It encodes a count in the config zone as the chip does."""
    ok(cal.atcab_write_config_counter(1, start))
    assert read(1) == start
    ok(cal.atcab_counter_increment(1, AtcaReference(0)))
    assert read(1) == start + 1


def test_a_counter_at_its_end(blank: Chip) -> None:
    ok(cal.atcab_write_config_counter(1, 2_097_151))
    assert cal.atcab_counter_increment(1, AtcaReference(0)) == EXECUTION_ERROR
    assert read(1) == 2_097_151


def test_a_key_of_limited_use(configured: Chip) -> None:
    """The library encodes the limit; the chip stops there."""
    limit = 32
    ok(cal.atcab_write_zone(DATA_ZONE, COUNT_MATCH_SLOT, 0, 0, count_match(limit), 32))
    ok(cal.atcab_genkey(LIMITED, bytearray(64)))
    ok(cal.atcab_lock_data_zone())
    for _ in range(limit - 2):
        ok(cal.atcab_counter_increment(0, AtcaReference(0)))
    for used in (limit - 1, limit):
        ok(cal.atcab_sign(LIMITED, DIGEST, bytearray(64)))
        assert read(0) == used
    assert cal.atcab_sign(LIMITED, DIGEST, bytearray(64)) == EXECUTION_ERROR
    assert read(0) == limit

"""PrivWrite: keys made outside, in the clear before the data lock and encrypted after it."""

import cryptoauthlib as cal
import pytest
from chip_foreign.hal import LIB
from chip_foreign.setting import EXECUTION_ERROR, IO_KEY_SLOT, KEY, NUM_IN, WRITTEN, key_pair, ok
from simchip import Chip

SCALARS = [12345, 2**255 + 1]  # the first has many leading zero bytes


@pytest.mark.parametrize("scalar", SCALARS, ids=["short", "long"])
@pytest.mark.parametrize("encrypted", [False, True])
def test_a_key_from_outside(configured: Chip, encrypted: bool, scalar: int) -> None:
    value, point = bytes(4) + scalar.to_bytes(32, "big"), bytearray(64)
    if encrypted:
        ok(cal.atcab_lock_data_zone())
        ok(cal.atcab_priv_write(WRITTEN, value, IO_KEY_SLOT, KEY, NUM_IN))
    else:
        ok(LIB.atcab_priv_write(WRITTEN, value, 0, None, NUM_IN))
    ok(cal.atcab_get_pubkey(WRITTEN, point))
    assert point == key_pair(scalar)[1]


def test_plain_after_the_lock(locked: Chip) -> None:
    before, after = bytearray(64), bytearray(64)
    ok(cal.atcab_get_pubkey(WRITTEN, before))
    value = bytes(4) + SCALARS[0].to_bytes(32, "big")
    assert LIB.atcab_priv_write(WRITTEN, value, 0, None, NUM_IN) == EXECUTION_ERROR
    assert cal.atcab_priv_write(WRITTEN, value, IO_KEY_SLOT, bytes(32), NUM_IN) == EXECUTION_ERROR
    ok(cal.atcab_get_pubkey(WRITTEN, after))
    assert after == before

"""DeriveKey: the library derives the same key, and reads the chip's back, decrypted."""

import cryptoauthlib as cal
import pytest
from chip_foreign.host import Host
from chip_foreign.setting import EXECUTION_ERROR, IO_KEY_SLOT, KEY, NUM_IN, ok
from simchip import Chip

CREATED, ROLLED = 3, 9  # from its parent, slot 4, with a MAC; from itself


def with_nonce(chip: Chip) -> Host:
    host, rand_out = Host(chip), bytearray(32)
    ok(cal.atcab_nonce_rand(NUM_IN, rand_out))
    host.nonce(0, NUM_IN, rand_out)
    return host


def stored(slot: int) -> bytearray:
    data = bytearray(32)
    ok(cal.atcab_read_enc(slot, 0, data, KEY, IO_KEY_SLOT, NUM_IN))
    return data


def test_created_from_the_parent(locked: Chip) -> None:
    host = with_nonce(locked)
    ok(cal.atcab_derivekey(0, CREATED, host.derive_key_mac(0, CREATED, KEY)))
    assert stored(CREATED) == host.derive_key(0, CREATED, KEY)


def test_rolled(locked: Chip) -> None:
    value = bytes(range(32, 64))
    ok(cal.atcab_write_enc(ROLLED, 0, value, KEY, IO_KEY_SLOT, NUM_IN))
    for _ in range(2):
        host = with_nonce(locked)
        ok(cal.atcab_derivekey(0, ROLLED, b""))
        value = host.derive_key(0, ROLLED, value)
        assert stored(ROLLED) == value


@pytest.mark.parametrize("mac", [bytes(32), b""], ids=["wrong", "none"])
def test_without_the_mac_nothing_changes(locked: Chip, mac: bytes) -> None:
    before = stored(CREATED)
    with_nonce(locked)
    assert cal.atcab_derivekey(0, CREATED, mac) == EXECUTION_ERROR
    assert stored(CREATED) == before

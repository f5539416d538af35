"""Write and Read, encrypted: the library encrypts what the chip stores, and decrypts what it reads back."""

import cryptoauthlib as cal
from chip_foreign.setting import DATA_ZONE, EXECUTION_ERROR, IO_KEY_SLOT, KEY, NUM_IN, ok
from simchip import Chip

SECRET = 3
VALUE = bytes(range(100, 132))


def read(key: bytes = KEY) -> bytearray:
    data = bytearray(32)
    ok(cal.atcab_read_enc(SECRET, 0, data, key, IO_KEY_SLOT, NUM_IN))
    return data


def test_there_and_back(locked: Chip) -> None:
    ok(cal.atcab_write_enc(SECRET, 0, VALUE, KEY, IO_KEY_SLOT, NUM_IN))
    assert read() == VALUE
    assert read(bytes(32)) != VALUE, "another key decrypts to something else"


def test_the_wrong_key_writes_nothing(locked: Chip) -> None:
    ok(cal.atcab_write_enc(SECRET, 0, VALUE, KEY, IO_KEY_SLOT, NUM_IN))
    assert cal.atcab_write_enc(SECRET, 0, bytes(32), bytes(32), IO_KEY_SLOT, NUM_IN) == EXECUTION_ERROR
    assert read() == VALUE


def test_nothing_in_the_clear(locked: Chip) -> None:
    assert cal.atcab_write_zone(DATA_ZONE, SECRET, 0, 0, VALUE, 32) == EXECUTION_ERROR
    assert cal.atcab_read_zone(DATA_ZONE, SECRET, 0, 0, bytearray(32), 32) == EXECUTION_ERROR

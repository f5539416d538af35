"""Info: the persistent latch, and the AES key behind it."""

import cryptoauthlib as cal
from chip_foreign.host import Host
from chip_foreign.setting import DIGEST, EXECUTION_ERROR, IO_KEY_SLOT, KEY, ok
from cryptoauthlib.library import AtcaReference
from simchip import Chip

LATCHED_SLOT = 5


def latch() -> bool:
    state = AtcaReference(False)
    ok(cal.atcab_info_get_latch(state))
    return bool(state.value)


def authorise(chip: Chip) -> None:
    response = Host(chip).check_mac(0, IO_KEY_SLOT, KEY, DIGEST, bytes(13))
    ok(cal.atcab_checkmac(0, IO_KEY_SLOT, DIGEST, response, bytes(13)))


def test_it_is_set_by_who_knows_the_key(locked: Chip) -> None:
    assert not latch()
    assert cal.atcab_info_set_latch(True) == EXECUTION_ERROR
    authorise(locked)
    ok(cal.atcab_info_set_latch(True))
    assert latch()
    authorise(locked)
    ok(cal.atcab_info_set_latch(False))
    assert not latch()


def test_it_opens_a_key(locked: Chip) -> None:
    assert cal.atcab_aes_encrypt(LATCHED_SLOT, 0, bytes(16), bytearray(16)) == EXECUTION_ERROR
    authorise(locked)
    ok(cal.atcab_info_set_latch(True))
    ok(cal.atcab_aes_encrypt(LATCHED_SLOT, 0, bytes(16), bytearray(16)))

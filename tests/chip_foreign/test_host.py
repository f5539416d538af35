"""The structures that host.py hands to the library are as large as the library's own."""

import ctypes

import pytest
from chip_foreign import host
from chip_foreign.hal import LIB

SIZES = {
    "atca_temp_key_t": host.TempKey,
    "atca_nonce_in_out_t": host.Nonce,
    "atca_gen_dig_in_out_t": host.GenDig,
    "atca_gen_key_in_out_t": host.GenKey,
    "atca_mac_in_out_t": host.Mac,
    "atca_check_mac_in_out_t": host.CheckMac,
    "atca_derive_key_in_out": host.DeriveKey,
    "atca_derive_key_mac_in_out": host.DeriveKeyMac,
    "atca_sign_internal_in_out_t": host.SignInternal,
    "atca_io_decrypt_in_out_t": host.IoDecrypt,
}


@pytest.mark.parametrize("name", SIZES)
def test_size(name: str) -> None:
    assert ctypes.sizeof(SIZES[name]) == getattr(LIB, f"{name}_size")()

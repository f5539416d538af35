"""AES: the modes that the library builds on the chip's ECB and GFM, against `cryptography`."""

from ctypes import Array, byref, c_bool, c_char, c_size_t, c_uint8, create_string_buffer

import cryptoauthlib as cal
import pytest
from chip_foreign.hal import LIB
from chip_foreign.setting import AES_KEY, DATA_ZONE, EXECUTION_ERROR, TEMP_KEY, ok
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM
from cryptography.hazmat.primitives.cmac import CMAC
from simchip import Chip

FROM_TEMP_KEY, AES_SLOT = 0xFFFF, 10
BLOCK, IV = b"0123456789abcdef", bytes(range(12))
TEXT, AAD = b"t" * 40, b"additional"


@pytest.fixture
def keyed(locked: Chip) -> Chip:
    ok(cal.atcab_nonce_load(TEMP_KEY, AES_KEY + bytes(16), 32))
    return locked


def ecb(key: bytes) -> Cipher[modes.ECB]:
    return Cipher(algorithms.AES(key), modes.ECB())


def test_ecb(keyed: Chip) -> None:
    out, back = bytearray(16), bytearray(16)
    ok(cal.atcab_aes_encrypt(FROM_TEMP_KEY, 0, BLOCK, out))
    assert out == ecb(AES_KEY).encryptor().update(BLOCK)
    ok(cal.atcab_aes_decrypt(FROM_TEMP_KEY, 0, out, back))
    assert back == BLOCK


@pytest.mark.parametrize("block", range(4))
def test_ecb_with_a_key_in_a_slot(configured: Chip, block: int) -> None:
    keys = bytes(range(64))
    for half in range(2):
        ok(cal.atcab_write_zone(DATA_ZONE, AES_SLOT, half, 0, keys[32 * half :][:32], 32))
    ok(cal.atcab_lock_data_zone())
    out = bytearray(16)
    ok(cal.atcab_aes_encrypt(AES_SLOT, block, BLOCK, out))
    assert out == ecb(keys[16 * block :][:16]).encryptor().update(BLOCK)


def test_a_slot_that_holds_no_aes_key(locked: Chip) -> None:
    assert cal.atcab_aes_encrypt(4, 0, BLOCK, bytearray(16)) == EXECUTION_ERROR


def context() -> Array[c_char]:
    """Room for any of the C library's contexts: the structures of its Python binding are smaller than those."""
    return create_string_buffer(512)


def test_cbc(keyed: Chip) -> None:
    start = bytes(range(16))
    state, out = context(), create_string_buffer(16)
    ok(LIB.atcab_aes_cbc_init(state, FROM_TEMP_KEY, 0, start))
    expected = Cipher(algorithms.AES(AES_KEY), modes.CBC(start)).encryptor()
    sealed = []
    for block in (BLOCK, BLOCK[::-1]):
        ok(LIB.atcab_aes_cbc_encrypt_block(state, block, out))
        assert out.raw == expected.update(block)
        sealed.append(out.raw)
    state = context()
    ok(LIB.atcab_aes_cbc_init(state, FROM_TEMP_KEY, 0, start))
    for block, cipher in zip((BLOCK, BLOCK[::-1]), sealed, strict=True):
        ok(LIB.atcab_aes_cbc_decrypt_block(state, cipher, out))
        assert out.raw == block


def gcm() -> Array[c_char]:
    state = context()
    ok(LIB.atcab_aes_gcm_init(state, FROM_TEMP_KEY, 0, IV, c_size_t(len(IV))))
    ok(LIB.atcab_aes_gcm_aad_update(state, AAD, len(AAD)))
    return state


@pytest.mark.parametrize("flip", [False, True])
def test_gcm(keyed: Chip, flip: bool) -> None:
    sealed, tag = create_string_buffer(len(TEXT)), create_string_buffer(16)
    state = gcm()
    ok(LIB.atcab_aes_gcm_encrypt_update(state, TEXT, len(TEXT), sealed))
    ok(LIB.atcab_aes_gcm_encrypt_finish(state, tag, c_size_t(16)))
    assert sealed.raw + tag.raw == AESGCM(AES_KEY).encrypt(IV, TEXT, AAD)
    received, opened, genuine = bytearray(tag.raw), create_string_buffer(len(TEXT)), c_bool()
    received[0] ^= flip
    state = gcm()
    ok(LIB.atcab_aes_gcm_decrypt_update(state, sealed.raw, len(TEXT), opened))
    ok(LIB.atcab_aes_gcm_decrypt_finish(state, bytes(received), c_size_t(16), byref(genuine)))
    assert opened.raw == TEXT
    assert genuine.value is not flip


def test_gfm(keyed: Chip) -> None:
    """One multiplication in GF(2^128) is GHASH of one block: x^128's neighbour is the field's polynomial."""
    one = b"\x80" + bytes(15)
    out = bytearray(16)
    ok(cal.atcab_aes_gfm(BLOCK, one, out))
    assert out == BLOCK
    ok(cal.atcab_aes_gfm(bytes(15) + b"\x01", b"\x40" + bytes(15), out))
    assert out == b"\xe1" + bytes(15)


def test_cmac(keyed: Chip) -> None:
    state, mac = context(), create_string_buffer(16)
    ok(LIB.atcab_aes_cmac_init(state, FROM_TEMP_KEY, 0))
    ok(LIB.atcab_aes_cmac_update(state, TEXT, len(TEXT)))
    ok(LIB.atcab_aes_cmac_finish(state, mac, 16))
    expected = CMAC(algorithms.AES(AES_KEY))
    expected.update(TEXT)
    assert mac.raw == expected.finalize()


def test_ctr(keyed: Chip) -> None:
    start = bytes(14) + b"\xff\xff"
    state, out = context(), create_string_buffer(16)
    ok(LIB.atcab_aes_ctr_init(state, FROM_TEMP_KEY, 0, 4, start))
    expected = Cipher(algorithms.AES(AES_KEY), modes.CTR(start)).encryptor()
    for _ in range(2):
        ok(LIB.atcab_aes_ctr_encrypt_block(state, BLOCK, out))
        assert out.raw == expected.update(BLOCK)


def ccm(text_size: int) -> Array[c_char]:
    state, sizes = context(), map(c_size_t, (len(IV), len(AAD), text_size, 16))
    ok(LIB.atcab_aes_ccm_init(state, FROM_TEMP_KEY, 0, IV, *sizes))
    ok(LIB.atcab_aes_ccm_aad_update(state, AAD, c_size_t(len(AAD))))
    ok(LIB.atcab_aes_ccm_aad_finish(state))
    return state


@pytest.mark.parametrize("flip", [False, True])
def test_ccm(keyed: Chip, flip: bool) -> None:
    sealed, tag = create_string_buffer(len(TEXT)), create_string_buffer(16)
    state = ccm(len(TEXT))
    ok(LIB.atcab_aes_ccm_encrypt_update(state, TEXT, len(TEXT), sealed))
    ok(LIB.atcab_aes_ccm_encrypt_finish(state, tag, byref(c_uint8(16))))
    assert sealed.raw + tag.raw == AESCCM(AES_KEY, 16).encrypt(IV, TEXT, AAD)
    received, opened, genuine = bytearray(tag.raw), create_string_buffer(len(TEXT)), c_bool()
    received[0] ^= flip
    state = ccm(len(TEXT))
    ok(LIB.atcab_aes_ccm_decrypt_update(state, sealed.raw, len(TEXT), opened))
    ok(LIB.atcab_aes_ccm_decrypt_finish(state, bytes(received), byref(genuine)))
    assert opened.raw == TEXT
    assert genuine.value is not flip

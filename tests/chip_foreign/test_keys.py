"""GenKey, Sign and Verify: what one chip signs, the library has the chip verify; so does `cryptography`."""

import cryptoauthlib as cal
import pytest
from chip_foreign.hal import LIB
from chip_foreign.host import Host
from chip_foreign.setting import (
    DIGEST,
    EXECUTION_ERROR,
    KEY,
    NUM_IN,
    SIGNER,
    key_pair,
    ok,
    public_key,
    sign,
)
from cryptoauthlib.library import AtcaReference
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from simchip import Chip

PUBLIC = 11


def verified_by_the_chip(digest: bytes, signature: bytes | bytearray, point: bytes | bytearray) -> bool:
    answer = AtcaReference(False)
    ok(cal.atcab_verify_extern(digest, signature, point, answer))
    return bool(answer.value)


def test_a_new_key_signs(locked: Chip) -> None:
    point, again, signature = bytearray(64), bytearray(64), bytearray(64)
    ok(cal.atcab_genkey(SIGNER, point))
    ok(cal.atcab_get_pubkey(SIGNER, again))
    assert again == point
    ok(cal.atcab_sign(SIGNER, DIGEST, signature))
    assert verified_by_the_chip(DIGEST, signature, point)
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    public_key(point).verify(der, DIGEST, ec.ECDSA(Prehashed(SHA256())))
    signature[5] ^= 1
    assert not verified_by_the_chip(DIGEST, signature, point)


def test_a_signature_from_outside(locked: Chip) -> None:
    key, point = key_pair()
    assert verified_by_the_chip(DIGEST, sign(key, DIGEST), point)
    assert not verified_by_the_chip(bytes(32), sign(key, DIGEST), point)


def test_an_answer_with_a_mac(locked: Chip) -> None:
    key, point = key_pair()
    answer = AtcaReference(False)
    ok(cal.atcab_verify_extern_mac(DIGEST, sign(key, DIGEST), point, bytes(32), KEY, answer))
    assert answer.value
    ok(cal.atcab_verify_extern_mac(DIGEST, sign(key, DIGEST), point, bytes(32), bytes(32), answer))
    assert not answer.value, "with another IO key the MAC is another"


def test_a_stored_key(configured: Chip) -> None:
    key, point = key_pair()
    answer, read = AtcaReference(False), bytearray(64)
    ok(cal.atcab_write_pubkey(PUBLIC, point))
    ok(cal.atcab_lock_data_zone())
    ok(cal.atcab_read_pubkey(PUBLIC, read))
    assert read == point
    for digest in (DIGEST, bytes(32)):
        ok(cal.atcab_verify_stored(digest, sign(key, DIGEST), PUBLIC, answer))
        assert bool(answer.value) == (digest == DIGEST)
    ok(cal.atcab_verify_stored_mac(DIGEST, sign(key, DIGEST), PUBLIC, bytes(32), KEY, answer))
    assert answer.value


def test_a_stored_key_and_a_message_that_is_in_tempkey(configured: Chip) -> None:
    key, point = key_pair()
    ok(cal.atcab_write_pubkey(PUBLIC, point))
    ok(cal.atcab_lock_data_zone())
    host, rand_out = Host(configured), bytearray(32)
    ok(cal.atcab_nonce_rand(NUM_IN, rand_out))
    message = host.nonce(0, NUM_IN, rand_out)
    answer = cal.c_uint8(0)
    ok(LIB.atcab_verify_stored_with_tempkey(sign(key, message), PUBLIC, cal.byref(answer)))
    assert answer.value


@pytest.mark.parametrize("full_serial", [False, True])
def test_an_internal_signature(locked: Chip, full_serial: bool) -> None:
    """Of a public key's digest in TempKey; the library works out what was signed."""
    host, rand_out, point, signature = Host(locked), bytearray(32), bytearray(64), bytearray(64)
    ok(cal.atcab_genkey(SIGNER, point))
    ok(cal.atcab_nonce_rand(NUM_IN, rand_out))
    host.nonce(0, NUM_IN, rand_out)
    ok(cal.atcab_genkey_base(0x08, SIGNER, b"", bytearray(64)))
    host.gen_key(0x08, SIGNER, point)
    ok(cal.atcab_sign_internal(SIGNER, False, full_serial, signature))
    digest, _ = host.sign_internal(0x40 if full_serial else 0x00, SIGNER)
    assert verified_by_the_chip(digest, signature, point)


def test_an_internal_signature_needs_something_internal(locked: Chip) -> None:
    ok(cal.atcab_nonce_rand(NUM_IN, bytearray(32)))
    assert cal.atcab_sign_internal(SIGNER, False, False, bytearray(64)) == EXECUTION_ERROR

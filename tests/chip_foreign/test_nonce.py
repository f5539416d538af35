"""Nonce in every mode: what the library says is in the buffer is what the chip signs or derives from it."""

import hmac

import cryptoauthlib as cal
import pytest
from chip_foreign.host import Host
from chip_foreign.setting import ALT_KEY_BUF, DIGEST, MSG_DIG_BUF, NUM_IN, SIGNER, TEMP_KEY, ok
from cryptoauthlib.library import AtcaReference
from simchip import Chip

SIGN_TEMP_KEY, SIGN_MSG_DIG_BUF = 0x80, 0xA0
LONG = bytes(range(64))


def signs(mode: int, digest: bytes) -> bool:
    """Whether the chip's buffer holds the digest: it signs the one, and verifies the other."""
    signature, point, verified = bytearray(64), bytearray(64), AtcaReference(False)
    ok(cal.atcab_sign_base(mode, SIGNER, signature))
    ok(cal.atcab_get_pubkey(SIGNER, point))
    ok(cal.atcab_verify_extern(digest, signature, point, verified))
    return bool(verified.value)


@pytest.mark.parametrize("mode", [0x00, 0x01])
def test_random(locked: Chip, mode: int) -> None:
    host, rand_out = Host(locked), bytearray(32)
    ok(cal.atcab_nonce_base(mode, 0, NUM_IN, rand_out))
    assert signs(SIGN_TEMP_KEY, host.nonce(mode, NUM_IN, rand_out))


def test_random_by_its_other_names(locked: Chip) -> None:
    host, rand_out = Host(locked), bytearray(32)
    for function in (cal.atcab_nonce_rand, cal.atcab_challenge_seed_update):
        ok(function(NUM_IN, rand_out))
        assert signs(SIGN_TEMP_KEY, host.nonce(0, NUM_IN, rand_out))


def test_two_random_ones_differ(locked: Chip) -> None:
    one, two = bytearray(32), bytearray(32)
    ok(cal.atcab_nonce_rand(NUM_IN, one))
    ok(cal.atcab_nonce_rand(NUM_IN, two))
    assert one != two


@pytest.mark.parametrize("value", [DIGEST, LONG], ids=len)
def test_into_tempkey(locked: Chip, value: bytes) -> None:
    ok(cal.atcab_nonce_load(TEMP_KEY, value, len(value)))
    assert signs(SIGN_TEMP_KEY, value[:32])


@pytest.mark.parametrize("value", [DIGEST, LONG], ids=len)
def test_into_the_message_digest_buffer(locked: Chip, value: bytes) -> None:
    ok(cal.atcab_nonce_load(MSG_DIG_BUF, value, len(value)))
    assert signs(SIGN_MSG_DIG_BUF, value[:32])


def derived(source: int) -> bytes:
    """HKDF's HMAC, from a buffer to the output."""
    out, message = bytearray(32), b"message"
    ok(cal.atcab_kdf(0x40 | 4 << 2 | source, 0, 2 | len(message) << 24, message, out, bytearray(32)))
    return bytes(out[:32])


def test_the_upper_half_of_tempkey(locked: Chip) -> None:
    ok(cal.atcab_nonce_load(TEMP_KEY, LONG, 64))
    assert derived(source=0) == hmac.digest(LONG[:32], b"message", "sha256")
    assert derived(source=1) == hmac.digest(LONG[32:], b"message", "sha256")


def test_into_the_alternate_key_buffer(locked: Chip) -> None:
    ok(cal.atcab_nonce_load(ALT_KEY_BUF, DIGEST, 32))
    assert derived(source=3) == hmac.digest(DIGEST, b"message", "sha256")


def test_a_plain_challenge(locked: Chip) -> None:
    ok(cal.atcab_challenge(DIGEST))
    assert signs(SIGN_TEMP_KEY, DIGEST)


def test_out_of_tempkey(locked: Chip) -> None:
    """Param2 bit 15: the old TempKey takes the place of the random number, and the new one comes out."""
    host, out = Host(locked), bytearray(32)
    ok(cal.atcab_nonce_load(TEMP_KEY, DIGEST, 32))
    ok(cal.atcab_nonce_base(0, 0x8000, NUM_IN, out))
    expected = host.nonce(0, NUM_IN, DIGEST)
    assert out == expected
    assert signs(SIGN_TEMP_KEY, expected)

"""SHA: digests, HMACs, contexts that move out and in, and PBKDF2, which the library builds on the chip's HMAC."""

import hashlib
import hmac
from ctypes import create_string_buffer

import cryptoauthlib as cal
import pytest
from chip_foreign.hal import LIB
from chip_foreign.setting import IO_KEY_SLOT, KEY, SIGNER, ok
from cryptoauthlib.library import AtcaReference
from simchip import Chip

OUTPUT_ONLY, TO_TEMP_KEY, TO_MSG_DIG_BUF = 0xC0, 0x00, 0x40


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 130, 200])
def test_a_digest_and_an_hmac(locked: Chip, size: int) -> None:
    message, digest = bytes(range(size)), bytearray(32)
    ok(cal.atcab_hw_sha2_256(message, size, digest))
    assert digest == hashlib.sha256(message).digest()
    ok(cal.atcab_sha_hmac(message, size, IO_KEY_SLOT, digest, OUTPUT_ONLY))
    assert digest == hmac.digest(KEY, message, "sha256")


@pytest.mark.parametrize(("target", "sign_mode"), [(TO_TEMP_KEY, 0x80), (TO_MSG_DIG_BUF, 0xA0)])
def test_an_hmac_that_is_signed(locked: Chip, target: int, sign_mode: int) -> None:
    digest, signature, point, verified = bytearray(32), bytearray(64), bytearray(64), AtcaReference(False)
    ok(cal.atcab_sha_hmac(b"message", 7, IO_KEY_SLOT, digest, target))
    ok(cal.atcab_sign_base(sign_mode, SIGNER, signature))
    ok(cal.atcab_get_pubkey(SIGNER, point))
    ok(cal.atcab_verify_extern(hmac.digest(KEY, b"message", "sha256"), signature, point, verified))
    assert verified.value


def test_contexts(locked: Chip) -> None:
    digest, context, size = bytearray(32), bytearray(130), AtcaReference(130)
    ok(cal.atcab_sha_start())
    ok(LIB.atcab_sha_base(1, 5, b"12345", None, None))
    ok(cal.atcab_sha_read_context(context, size))
    ok(cal.atcab_sha_start())
    ok(cal.atcab_sha_write_context(context[: size.value], size.value))
    ok(cal.atcab_sha_end(digest, 3, b"678"))
    assert digest == hashlib.sha256(b"12345678").digest()


def test_a_digest_in_pieces(locked: Chip) -> None:
    digest = bytearray(32)
    ok(cal.atcab_sha_start())
    ok(cal.atcab_sha_update(b"a" * 64))
    ok(cal.atcab_sha_update(b"b" * 64))
    ok(cal.atcab_sha_end(digest, 1, b"c"))
    assert digest == hashlib.sha256(b"a" * 64 + b"b" * 64 + b"c").digest()


def test_pbkdf2(locked: Chip) -> None:
    out = create_string_buffer(40)
    ok(LIB.atcab_pbkdf2_sha256(3, IO_KEY_SLOT, b"salt", 4, out, 40))
    assert out.raw == hashlib.pbkdf2_hmac("sha256", KEY, b"salt", 3, 40)

"""Verify (Validate, Invalidate): a public key in slot 14 counts once the key whose public half is in 15 says so."""

import cryptoauthlib as cal
from chip_foreign.host import Host
from chip_foreign.setting import DIGEST, EXECUTION_ERROR, SIGNER, key_pair, ok, sign
from cryptoauthlib.library import AtcaReference
from simchip import Chip

KEY_SLOT, PARENT_SLOT = 14, 15
DIGEST_OF_STORED_KEY = 0x10
KEY, POINT = key_pair()


def usable() -> bool:
    verified = AtcaReference(False)
    status = cal.atcab_verify_stored(DIGEST, sign(KEY, DIGEST), KEY_SLOT, verified)
    assert status in (0, EXECUTION_ERROR), status
    return bool(verified.value)


def digest_of_the_key(host: Host) -> None:
    """TempKey: a fixed nonce, then the key's digest; the library follows."""
    ok(cal.atcab_nonce_load(0, bytes(32), 32))
    host.nonce(0x03, bytes(32))
    ok(cal.atcab_genkey_base(DIGEST_OF_STORED_KEY, KEY_SLOT, bytes(3)))
    host.gen_key(DIGEST_OF_STORED_KEY, KEY_SLOT, POINT, bytes(3))


def approve(chip: Chip, *, invalidate: bool) -> bool:
    host, signature, verified = Host(chip), bytearray(64), AtcaReference(False)
    digest_of_the_key(host)
    _, other = host.sign_internal(0x01 if invalidate else 0x00, SIGNER, for_invalidate=invalidate)
    ok(cal.atcab_sign_internal(SIGNER, invalidate, False, signature))
    digest_of_the_key(host)
    verify = cal.atcab_verify_invalidate if invalidate else cal.atcab_verify_validate
    ok(verify(KEY_SLOT, signature, other, verified))
    return bool(verified.value)


def test_a_key_comes_and_goes(configured: Chip) -> None:
    parent = bytearray(64)
    ok(cal.atcab_genkey(SIGNER, parent))
    ok(cal.atcab_write_pubkey(PARENT_SLOT, parent))
    ok(cal.atcab_write_pubkey(KEY_SLOT, POINT))
    ok(cal.atcab_lock_data_zone())
    assert not usable()
    assert approve(configured, invalidate=False)
    assert usable()
    assert approve(configured, invalidate=True)
    assert not usable()

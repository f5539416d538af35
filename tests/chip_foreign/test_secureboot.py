"""SecureBoot: mode 3 of the configuration keeps the digest in slot 12, and the vendor's public key is in slot 11."""

import cryptoauthlib as cal
import pytest
from chip_foreign.setting import DIGEST, KEY, NUM_IN, key_pair, ok, sign
from cryptoauthlib.library import AtcaReference
from simchip import Chip

FULL, FULL_STORE, FULL_COPY = 5, 6, 7
VENDOR, POINT = key_pair()
SIGNATURE = sign(VENDOR, DIGEST)
CHECK_FAILED = -47


@pytest.fixture
def vendored(configured: Chip) -> Chip:
    ok(cal.atcab_write_pubkey(11, POINT))
    ok(cal.atcab_lock_data_zone())
    return configured


def boot(mode: int, digest: bytes, signature: bytes) -> bool:
    """With an encrypted digest, and an answer whose MAC the library checks."""
    verified = AtcaReference(False)
    status = cal.atcab_secureboot_mac(mode, digest, signature, NUM_IN, KEY, verified)
    assert status in (0, CHECK_FAILED), status
    return status == 0 and bool(verified.value)


def test_a_signed_image_is_remembered(vendored: Chip) -> None:
    assert boot(FULL, DIGEST, SIGNATURE)
    assert boot(FULL_COPY, DIGEST, SIGNATURE)
    assert boot(FULL_STORE, DIGEST, b"")


def test_another_image(vendored: Chip) -> None:
    assert boot(FULL_COPY, DIGEST, SIGNATURE)
    assert not boot(FULL, bytes(32), SIGNATURE)
    assert not boot(FULL_STORE, bytes(32), b"")


def test_an_answer_with_another_key(vendored: Chip) -> None:
    verified = AtcaReference(False)
    cal.atcab_secureboot_mac(FULL, DIGEST, SIGNATURE, NUM_IN, bytes(32), verified)
    assert not verified.value

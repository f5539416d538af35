"""KDF: PRF, AES and HKDF, from each source, to each target; an encrypted output the library decrypts."""

import hmac

import cryptoauthlib as cal
import pytest
from chip_foreign.host import io_decrypt
from chip_foreign.setting import AES_KEY, IO_KEY_SLOT, KEY, NUM_IN, TEMP_KEY, ok
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from simchip import Chip

FROM_TEMP_KEY, FROM_SLOT, FROM_ALT_KEY_BUF = 0, 2, 3
TO_TEMP_KEY, TO_SLOT, TO_ALT_KEY_BUF, TO_OUTPUT, TO_ENCRYPTED_OUTPUT = (
    target << 2 for target in (0, 2, 3, 4, 5)
)
PRF, AES, HKDF = (algorithm << 5 for algorithm in range(3))
MESSAGE = b"message"
TARGET_SLOT = 9  # readable, encrypted with slot 4

A_1 = hmac.digest(KEY, MESSAGE, "sha256")
ALGORITHMS = {
    "prf": (PRF, 1, MESSAGE, hmac.digest(KEY, A_1 + MESSAGE, "sha256")),
    "aes": (
        AES,
        0,
        AES_KEY,
        Cipher(algorithms.AES(KEY[:16]), modes.ECB()).encryptor().update(AES_KEY) + bytes(16),
    ),
    "hkdf": (HKDF, 2, MESSAGE, hmac.digest(KEY, MESSAGE, "sha256")),
}
PARAMETERS = [pytest.param(*values, id=name) for name, values in ALGORITHMS.items()]


def kdf(mode: int, details: int, message: bytes, slots: int = 0) -> tuple[bytes, bytes]:
    """The output, and the nonce with which it is encrypted."""
    out, nonce = bytearray(64), bytearray(32)
    length = 0 if mode & 0x60 == AES else len(message)
    ok(cal.atcab_kdf(mode, slots, details | length << 24, message, out, nonce))
    return bytes(out[:32]), bytes(nonce)


@pytest.mark.parametrize(("algorithm", "details", "message", "expected"), PARAMETERS)
def test_to_the_output(locked: Chip, algorithm: int, details: int, message: bytes, expected: bytes) -> None:
    ok(cal.atcab_nonce_load(TEMP_KEY, KEY, 32))
    assert kdf(algorithm | FROM_TEMP_KEY | TO_OUTPUT, details, message)[0] == expected


@pytest.mark.parametrize(("algorithm", "details", "message", "expected"), PARAMETERS)
def test_to_an_encrypted_output(
    locked: Chip, algorithm: int, details: int, message: bytes, expected: bytes
) -> None:
    ok(cal.atcab_nonce_load(TEMP_KEY, KEY, 32))
    sealed, nonce = kdf(algorithm | FROM_TEMP_KEY | TO_ENCRYPTED_OUTPUT, details, message)
    assert sealed != expected
    assert io_decrypt(KEY, nonce, sealed) == expected


def test_from_a_slot(locked: Chip) -> None:
    _, details, message, expected = ALGORITHMS["hkdf"]
    assert kdf(HKDF | FROM_SLOT | TO_OUTPUT, details, message, IO_KEY_SLOT)[0] == expected


@pytest.mark.parametrize(
    ("target", "source"), [(TO_TEMP_KEY, FROM_TEMP_KEY), (TO_ALT_KEY_BUF, FROM_ALT_KEY_BUF)]
)
def test_what_stays_inside_is_the_key_of_the_next(locked: Chip, target: int, source: int) -> None:
    _, details, message, expected = ALGORITHMS["hkdf"]
    ok(cal.atcab_nonce_load(TEMP_KEY, KEY, 32))
    kdf(HKDF | FROM_TEMP_KEY | target, details, message)
    again = hmac.digest(expected, message, "sha256")
    assert kdf(HKDF | source | TO_OUTPUT, details, message)[0] == again


def test_into_a_slot(locked: Chip) -> None:
    _, details, message, expected = ALGORITHMS["hkdf"]
    ok(cal.atcab_nonce_load(TEMP_KEY, KEY, 32))
    kdf(HKDF | FROM_TEMP_KEY | TO_SLOT, details, message, TARGET_SLOT << 8)
    stored = bytearray(32)
    ok(cal.atcab_read_enc(TARGET_SLOT, 0, stored, KEY, IO_KEY_SLOT, NUM_IN))
    assert stored == expected

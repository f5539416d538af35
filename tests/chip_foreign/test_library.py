"""The simulated chip under Microchip's own library: what it verifies, decrypts and compares is the oracle."""

import hashlib
import hmac
from collections.abc import Iterator
from ctypes import byref, c_size_t, c_uint8, create_string_buffer

import cryptoauthlib as cal
import pytest
from chip_foreign.hal import SUCCESS, Bridge
from cryptoauthlib.library import AtcaReference
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM
from cryptography.hazmat.primitives.cmac import CMAC
from simchip import Chip

# The configuration of the library's own tests, bytes 16 to 127.
CONFIG = bytes.fromhex("""
C0 00 A1 00 AF 2F C4 44 87 20 C4 F4 8F 0F 0F 0F 9F 8F 83 64 C4 44 C4 64 0F 0F 0F 0F 0F 0F 0F 0F
0F 0F 0F 0F FF FF FF FF 00 00 00 00 FF FF FF FF 00 00 00 00 FF 84 03 BC 09 69 76 00 00 00 00 00
00 00 00 00 00 00 00 00 FF FF 0E 40 00 00 00 00 33 00 1C 00 13 00 1C 00 3C 00 3A 10 1C 00 33 00
1C 00 1C 00 38 00 30 00 3C 00 3C 00 32 00 30 00
""")
KEY = bytes(range(32))  # slot 4: IO key, read and write key
DIGEST = hashlib.sha256(b"message").digest()
DATA = 2
NUM_IN = bytearray(20)
EXECUTION_ERROR = -12
BRIDGE = Bridge()


def ok(status: int) -> None:
    assert status == SUCCESS, f"status {status}"


@pytest.fixture
def blank() -> Iterator[Chip]:
    chip = Chip()
    BRIDGE.open(chip)
    yield chip
    cal.atcab_release()


@pytest.fixture
def configured(blank: Chip) -> Chip:
    """Configured and config-locked by the library, keys in place, the data zone open."""
    raw = bytearray(blank.image.config)
    raw[16:] = CONFIG
    raw[86:88] = blank.image.config[86:88]
    ok(cal.atcab_write_config_zone(raw))
    same = AtcaReference(False)
    ok(cal.atcab_cmp_config_zone(raw, same))
    assert same.value
    ok(cal.atcab_lock_config_zone())
    ok(cal.atcab_write_zone(DATA, 4, 0, 0, KEY, 32))
    ok(cal.atcab_write_zone(DATA, 10, 0, 0, (2097120).to_bytes(4, "little") * 2 + bytes(24), 32))
    return blank


@pytest.fixture
def locked(configured: Chip) -> Chip:
    for slot in (0, 2, 7):
        ok(cal.atcab_genkey(slot, bytearray(64)))
    ok(cal.atcab_lock_data_zone())
    return configured


def test_life_cycle(blank: Chip) -> None:
    number = bytearray(32)
    ok(cal.atcab_random(number))
    assert number == bytes.fromhex("ffff0000") * 8
    is_locked = AtcaReference(False)
    for zone, lock in ((0, cal.atcab_lock_config_zone), (1, cal.atcab_lock_data_zone)):
        ok(cal.atcab_is_locked(zone, is_locked))
        assert not is_locked.value
        ok(lock())
        ok(cal.atcab_is_locked(zone, is_locked))
        assert is_locked.value
    serial = bytearray(9)
    ok(cal.atcab_read_serial_number(serial))
    assert serial[:2] == b"\x01\x23"
    ok(cal.atcab_lock_data_slot(8))
    ok(cal.atcab_is_slot_locked(8, is_locked))
    assert is_locked.value


def test_locks_with_a_crc(configured: Chip) -> None:
    assert cal.atcab_lock_data_zone_crc(0x1234) == EXECUTION_ERROR
    assert configured.image.config[86] == 0x55


def test_sign_and_verify(locked: Chip) -> None:
    point, signature, verified = bytearray(64), bytearray(64), AtcaReference(False)
    ok(cal.atcab_get_pubkey(0, point))
    ok(cal.atcab_sign(0, DIGEST, signature))
    ok(cal.atcab_verify_extern(DIGEST, signature, point, verified))
    assert verified.value
    signature[5] ^= 1
    ok(cal.atcab_verify_extern(DIGEST, signature, point, verified))
    assert not verified.value


def test_verify_with_a_mac(locked: Chip) -> None:
    point, signature, verified = bytearray(64), bytearray(64), AtcaReference(False)
    ok(cal.atcab_get_pubkey(0, point))
    ok(cal.atcab_sign(0, DIGEST, signature))
    ok(cal.atcab_verify_extern_mac(DIGEST, signature, point, bytes(32), KEY, verified))
    assert verified.value
    ok(cal.atcab_verify_extern_mac(DIGEST, signature, point, bytes(32), bytes(32), verified))
    assert not verified.value, "with another IO key the MAC is another"


def test_verify_stored(configured: Chip) -> None:
    point, signature, verified = bytearray(64), bytearray(64), AtcaReference(False)
    ok(cal.atcab_genkey(0, point))
    ok(cal.atcab_write_pubkey(11, point))
    ok(cal.atcab_lock_data_zone())
    ok(cal.atcab_sign(0, DIGEST, signature))
    ok(cal.atcab_verify_stored(DIGEST, signature, 11, verified))
    assert verified.value
    ok(cal.atcab_verify_stored_mac(DIGEST, signature, 11, bytes(32), KEY, verified))
    assert verified.value
    read = bytearray(64)
    ok(cal.atcab_read_pubkey(11, read))
    assert read == point


def test_encrypted_read_and_write(locked: Chip) -> None:
    value, read = bytes(range(100, 132)), bytearray(32)
    ok(cal.atcab_write_enc(3, 0, value, KEY, 4, NUM_IN))
    ok(cal.atcab_read_enc(3, 0, read, KEY, 4, NUM_IN))
    assert read == value
    assert cal.atcab_write_enc(3, 0, value, bytes(32), 4, NUM_IN) == EXECUTION_ERROR


@pytest.mark.parametrize("lock", [False, True])
def test_priv_write(configured: Chip, lock: bool) -> None:
    key = ec.derive_private_key(12345, ec.SECP256R1())
    numbers = key.public_key().public_numbers()
    value = bytes(4) + (12345).to_bytes(32, "big")
    if lock:
        ok(cal.atcab_lock_data_zone())
        ok(cal.atcab_priv_write(7, value, 4, KEY, NUM_IN))
    else:
        ok(BRIDGE.lib.atcab_priv_write(7, value, 0, None, bytes(NUM_IN)))
    point = bytearray(64)
    ok(cal.atcab_get_pubkey(7, point))
    assert point == numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


def peer() -> tuple[ec.EllipticCurvePrivateKey, bytes]:
    key = ec.derive_private_key(54321, ec.SECP256R1())
    numbers = key.public_key().public_numbers()
    return key, numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


def secret_with(key: ec.EllipticCurvePrivateKey, point: bytes) -> bytes:
    return key.exchange(
        ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\4" + bytes(point))
    )


def test_ecdh(locked: Chip) -> None:
    key, point = peer()
    mine, secret = bytearray(64), bytearray(32)
    ok(cal.atcab_get_pubkey(2, mine))
    ok(cal.atcab_ecdh(2, point, secret))
    assert secret == secret_with(key, mine)
    ok(cal.atcab_ecdh_ioenc(2, point, secret, KEY))
    assert secret == secret_with(key, mine)


def test_ecdh_into_the_next_slot(locked: Chip) -> None:
    key, point = peer()
    mine, secret = bytearray(64), bytearray(32)
    ok(cal.atcab_get_pubkey(0, mine))
    ok(cal.atcab_ecdh_enc(0, point, secret, KEY, 4, NUM_IN))
    assert secret == secret_with(key, mine)


@pytest.mark.parametrize("encrypted", [False, True])
def test_ecdh_from_temp_key(locked: Chip, encrypted: bool) -> None:
    key, point = peer()
    mine, secret = bytearray(64), bytearray(32)
    ok(cal.atcab_genkey(0xFFFF, mine))
    if encrypted:
        ok(cal.atcab_ecdh_tempkey_ioenc(point, secret, KEY))
    else:
        ok(cal.atcab_ecdh_tempkey(point, secret))
    assert secret == secret_with(key, mine)


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 130, 200])
def test_sha(locked: Chip, size: int) -> None:
    message, digest = bytes(size), bytearray(32)
    ok(cal.atcab_hw_sha2_256(message, size, digest))
    assert digest == hashlib.sha256(message).digest()
    ok(cal.atcab_sha_hmac(message, size, 4, digest, 0xC0))
    assert digest == hmac.digest(KEY, message, "sha256")


def test_sha_contexts(locked: Chip) -> None:
    digest, context, size = bytearray(32), bytearray(130), AtcaReference(130)
    ok(cal.atcab_sha_start())
    ok(BRIDGE.lib.atcab_sha_base(1, 5, b"12345", None, None))
    ok(cal.atcab_sha_read_context(context, size))
    ok(cal.atcab_sha_start())
    ok(cal.atcab_sha_write_context(context[: size.value], size.value))
    ok(cal.atcab_sha_end(digest, 3, b"678"))
    assert digest == hashlib.sha256(b"12345678").digest()


def test_counters(locked: Chip) -> None:
    value = AtcaReference(0)
    for expected in range(1, 40):
        ok(cal.atcab_counter_increment(1, value))
        assert value.value == expected
    ok(cal.atcab_counter_read(1, value))
    assert value.value == 39


AES_KEY = bytes(range(16))


def test_aes_ecb_and_gcm(locked: Chip) -> None:
    ok(cal.atcab_nonce_load(0, AES_KEY + bytes(16), 32))
    out = bytearray(16)
    ok(cal.atcab_aes_encrypt(0xFFFF, 0, b"0123456789abcdef", out))
    cipher = Cipher(algorithms.AES(AES_KEY), modes.ECB())
    assert out == cipher.encryptor().update(b"0123456789abcdef")
    text, aad, iv = b"t" * 40, b"additional", bytes(12)
    context, sealed, tag = cal.atca_aes_gcm_ctx(), bytearray(40), bytearray(16)
    ok(cal.atcab_aes_gcm_init(context, 0xFFFF, 0, iv, 12))
    ok(cal.atcab_aes_gcm_aad_update(context, aad, len(aad)))
    ok(cal.atcab_aes_gcm_encrypt_update(context, text, 40, sealed))
    ok(cal.atcab_aes_gcm_encrypt_finish(context, tag, 16))
    assert bytes(sealed + tag) == AESGCM(AES_KEY).encrypt(iv, text, aad)


def test_aes_cbc(locked: Chip) -> None:
    ok(cal.atcab_nonce_load(0, AES_KEY + bytes(16), 32))
    context, out = cal.atca_aes_cbc_ctx(), bytearray(16)
    ok(cal.atcab_aes_cbc_init(context, 0xFFFF, 0, bytearray(range(16))))
    ok(cal.atcab_aes_cbc_encrypt_block(context, b"0123456789abcdef", out))
    expected = Cipher(algorithms.AES(AES_KEY), modes.CBC(bytes(range(16)))).encryptor()
    assert out == expected.update(b"0123456789abcdef")


# For the next two the C functions themselves: the Python structures of their contexts are not the library's.


def test_aes_cmac(locked: Chip) -> None:
    ok(cal.atcab_nonce_load(0, AES_KEY + bytes(16), 32))
    context, mac = create_string_buffer(512), create_string_buffer(16)
    ok(BRIDGE.lib.atcab_aes_cmac_init(context, 0xFFFF, 0))
    ok(BRIDGE.lib.atcab_aes_cmac_update(context, b"m" * 20, 20))
    ok(BRIDGE.lib.atcab_aes_cmac_finish(context, mac, 16))
    expected = CMAC(algorithms.AES(AES_KEY))
    expected.update(b"m" * 20)
    assert mac.raw == expected.finalize()


def test_aes_ccm(locked: Chip) -> None:
    ok(cal.atcab_nonce_load(0, AES_KEY + bytes(16), 32))
    context, sealed, tag = create_string_buffer(512), create_string_buffer(32), create_string_buffer(16)
    nonce, text, aad = bytes(12), b"t" * 32, b"additional"
    ok(BRIDGE.lib.atcab_aes_ccm_init(context, 0xFFFF, 0, nonce, *map(c_size_t, (12, len(aad), 32, 16))))
    ok(BRIDGE.lib.atcab_aes_ccm_aad_update(context, aad, len(aad)))
    ok(BRIDGE.lib.atcab_aes_ccm_aad_finish(context))
    ok(BRIDGE.lib.atcab_aes_ccm_encrypt_update(context, text, 32, sealed))
    ok(BRIDGE.lib.atcab_aes_ccm_encrypt_finish(context, tag, byref(c_uint8(16))))
    assert sealed.raw + tag.raw == AESCCM(AES_KEY, 16).encrypt(nonce, text, aad)


def kdf(mode: int, details: int, message: bytes) -> bytearray:
    out = bytearray(32)
    ok(cal.atcab_kdf(mode, 0, details | len(message) << 24, message, out, bytearray(32)))
    return out[:32]


def test_kdf(locked: Chip) -> None:
    ok(cal.atcab_nonce_load(0, KEY, 32))
    assert kdf(0x10, 1, b"seed") == hmac.digest(KEY, hmac.digest(KEY, b"seed", "sha256") + b"seed", "sha256")
    assert kdf(0x50, 2, b"message") == hmac.digest(KEY, b"message", "sha256")
    block = Cipher(algorithms.AES(KEY[:16]), modes.ECB()).encryptor().update(bytes(16))
    assert kdf(0x30, 0, bytes(16)) == block + bytes(16)


def test_the_persistent_latch(locked: Chip) -> None:
    state = AtcaReference(False)
    ok(cal.atcab_info_get_latch(state))
    assert not state.value
    assert cal.atcab_info_set_latch(True) == EXECUTION_ERROR
    serial = bytearray(9)
    ok(cal.atcab_read_serial_number(serial))
    challenge, other = bytes(32), bytes(13)
    message = KEY + challenge + bytes(4) + bytes(8) + bytes(3) + serial[8:] + bytes(4) + serial[:2] + bytes(2)
    ok(cal.atcab_checkmac(0, 4, challenge, hashlib.sha256(message).digest(), other))
    ok(cal.atcab_info_set_latch(True))
    ok(cal.atcab_info_get_latch(state))
    assert state.value


def test_gendig_and_internal_signature(locked: Chip) -> None:
    ok(cal.atcab_nonce_rand(NUM_IN, bytearray(32)))
    ok(cal.atcab_gendig(0, 0, b"", 0))
    signature = bytearray(64)
    assert cal.atcab_sign_internal(0, False, False, signature) == EXECUTION_ERROR
    ok(cal.atcab_nonce_rand(NUM_IN, bytearray(32)))
    ok(cal.atcab_genkey_base(8, 0, b"", bytearray(64)))
    ok(cal.atcab_sign_internal(0, False, True, signature))


def test_secure_boot_with_a_mac(configured: Chip) -> None:
    """Mode 3 of the library's configuration: the digest is kept in slot 12, the vendor's key in slot 11."""
    key, point = peer()
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256

    r, s = decode_dss_signature(key.sign(DIGEST, ec.ECDSA(Prehashed(SHA256()))))
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    ok(cal.atcab_write_pubkey(11, point))
    ok(cal.atcab_lock_data_zone())
    verified = AtcaReference(False)
    for mode, sig in ((5, signature), (7, signature), (6, b"")):
        ok(cal.atcab_secureboot_mac(mode, DIGEST, sig, NUM_IN, KEY, verified))
        assert verified.value, mode


def test_self_test(locked: Chip) -> None:
    result = AtcaReference(1)
    ok(cal.atcab_selftest(0x3B, 0, result))
    assert result.value == 0


def test_bytes_of_a_slot(locked: Chip) -> None:
    data = bytes(range(72))
    ok(cal.atcab_write_bytes_zone(DATA, 13, 0, data, 72))
    read = bytearray(72)
    ok(cal.atcab_read_bytes_zone(DATA, 13, 0, read, 72))
    assert read == data

"""What the tests share: a configuration, keys, and how the library says that something went well."""

import hashlib

from chip_foreign.hal import SUCCESS
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

# The configuration of the library's own tests, bytes 16 to 127. Slot 0 (limited use by CountMatch, ECDH into slot 1),
# 2 and 7 (PrivWrite) are private keys; 4 reads and writes the others and is the IO key; 5 (behind the persistent
# latch) and 10 are AES keys; 3 and 9 take DeriveKey; 14 is a public key that 15 validates; 11 and 12 serve SecureBoot.
CONFIG = bytes.fromhex("""
C0 00 A1 00 AF 2F C4 44 87 20 C4 F4 8F 0F 0F 0F 9F 8F 83 64 C4 44 C4 64 0F 0F 0F 0F 0F 0F 0F 0F
0F 0F 0F 0F FF FF FF FF 00 00 00 00 FF FF FF FF 00 00 00 00 FF 84 03 BC 09 69 76 00 00 00 00 00
00 00 00 00 00 00 00 00 FF FF 0E 40 00 00 00 00 33 00 1C 00 13 00 1C 00 3C 00 3A 10 1C 00 33 00
1C 00 1C 00 38 00 30 00 3C 00 3C 00 32 00 30 00
""")
PRIVATE = (0, 2, 7)
LIMITED, SIGNER, WRITTEN = PRIVATE
IO_KEY_SLOT = 4
COUNT_MATCH_SLOT, MOST_USES = 10, 2_097_120
KEY = bytes(range(32))  # of slot 4
AES_KEY = bytes(range(16))
DIGEST = hashlib.sha256(b"message").digest()
NUM_IN = bytes(range(20))
CONFIG_ZONE, OTP_ZONE, DATA_ZONE = range(3)
TEMP_KEY, MSG_DIG_BUF, ALT_KEY_BUF = 0x00, 0x40, 0x80  # targets of Nonce
EXECUTION_ERROR, CHECKMAC_FAILED = -12, -47


def ok(status: int) -> None:
    assert status == SUCCESS, f"status {status}"


def key_pair(scalar: int = 54321) -> tuple[ec.EllipticCurvePrivateKey, bytes]:
    """A key of the host's, and its point X||Y."""
    key = ec.derive_private_key(scalar, ec.SECP256R1())
    numbers = key.public_key().public_numbers()
    return key, numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


def sign(key: ec.EllipticCurvePrivateKey, digest: bytes) -> bytes:
    r, s = decode_dss_signature(key.sign(digest, ec.ECDSA(Prehashed(SHA256()))))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def public_key(point: bytes | bytearray) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + bytes(point))

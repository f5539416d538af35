"""A certificate request whose signature comes from elsewhere: a little DER, for that no library makes."""

import hashlib
from collections.abc import Callable

SEQUENCE, SET, INTEGER, BIT_STRING, UTF8, CONTEXT_0 = 0x30, 0x31, 0x02, 0x03, 0x0C, 0xA0
EC_PUBLIC_KEY = bytes.fromhex("06072a8648ce3d0201")
P256 = bytes.fromhex("06082a8648ce3d030107")
ECDSA_SHA256 = bytes.fromhex("06082a8648ce3d040302")
COMMON_NAME = bytes.fromhex("0603550403")


def der(tag: int, *parts: bytes) -> bytes:
    """One element; up to 65,535 bytes."""
    content = b"".join(parts)
    size = len(content)
    length = (
        bytes([size]) if size < 0x80 else bytes([0x81, size]) if size < 0x100 else b"\x82" + size.to_bytes(2)
    )
    return bytes([tag]) + length + content


def integer(value: bytes) -> bytes:
    """An unsigned number, in as few bytes as possible."""
    value = value.lstrip(b"\0")
    return der(INTEGER, value if value and value[0] < 0x80 else b"\0" + value)


def certificate_request(common_name: str, point: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """DER; `point` is X then Y, `sign` gives r then s for a SHA-256 digest."""
    name = der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8, common_name.encode()))))
    key = der(SEQUENCE, der(SEQUENCE, EC_PUBLIC_KEY, P256), der(BIT_STRING, b"\0\x04", point))
    info = der(SEQUENCE, integer(b""), name, key, der(CONTEXT_0))
    signature = sign(hashlib.sha256(info).digest())
    encoded = der(SEQUENCE, integer(signature[:32]), integer(signature[32:]))
    return der(SEQUENCE, info, der(SEQUENCE, ECDSA_SHA256), der(BIT_STRING, b"\0", encoded))

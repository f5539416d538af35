"""P-256 by `cryptography`, in the chip's formats: scalars of 32 bytes, points X||Y, signatures R||S."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256

from simchip.rng import RandomSource

CURVE = ec.SECP256R1()
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
SIZE = 32
PREHASHED = Prehashed(SHA256())


class NotOnCurve(ValueError):
    """X||Y is no point of P-256."""


def is_scalar(value: bytes) -> bool:
    return 0 < int.from_bytes(value, "big") < ORDER


def generate(rng: RandomSource) -> bytes:
    while not is_scalar(candidate := rng.take(SIZE)):
        pass
    return candidate


def _private(scalar: bytes) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(scalar, "big"), CURVE)


def _public(point: bytes) -> ec.EllipticCurvePublicKey:
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(CURVE, b"\x04" + point)
    except ValueError as error:
        raise NotOnCurve from error


def public_key(scalar: bytes) -> bytes:
    numbers = _private(scalar).public_key().public_numbers()
    return numbers.x.to_bytes(SIZE, "big") + numbers.y.to_bytes(SIZE, "big")


def sign(scalar: bytes, digest: bytes, rng: RandomSource) -> bytes:
    """A seeded chip signs by RFC 6979, to make a run repeatable; any other draws its k from the system."""
    method = ec.ECDSA(PREHASHED, deterministic_signing=rng.seeded)
    r, s = decode_dss_signature(_private(scalar).sign(digest, method))
    return r.to_bytes(SIZE, "big") + s.to_bytes(SIZE, "big")


def verify(point: bytes, digest: bytes, signature: bytes) -> bool:
    r, s = int.from_bytes(signature[:SIZE], "big"), int.from_bytes(signature[SIZE:], "big")
    key = _public(point)
    try:
        key.verify(encode_dss_signature(r, s), digest, ec.ECDSA(PREHASHED))
    except InvalidSignature:
        return False
    return True


def shared_secret(scalar: bytes, point: bytes) -> bytes:
    return _private(scalar).exchange(ec.ECDH(), _public(point))

"""P-256 public keys: 64 bytes X then Y as the chip has them, and as the rest of the world writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atecc.errors import CertificateError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes


def to_point(key: PublicKeyTypes) -> bytes:
    """X then Y of a P-256 key; empty for any other kind."""
    from cryptography.hazmat.primitives.asymmetric import ec

    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        return b""
    numbers = key.public_numbers()
    return numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


def from_point(point: bytes) -> ec.EllipticCurvePublicKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + point)
    except ValueError as error:
        raise CertificateError("The board sent a public key that is no point of P-256.") from error


def point_pem(point: bytes) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return from_point(point).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def point_der(point: bytes) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return from_point(point).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

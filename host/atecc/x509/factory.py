"""The certificates that Microchip's factory leaves in Trust&GO and TrustFLEX chips, rebuilt to the last byte.

A chip holds what differs (atecc.x509.compressed); the templates here are what is the same in all of them: names,
key usage, and the order of extensions. Which template a chip's certificate follows is not guessed: it is the one
whose bytes the signer has signed. So a certificate that comes out of here is the one that was issued.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atecc.errors import CertificateError
from atecc.x509 import library
from atecc.x509.compressed import Compressed
from atecc.x509.points import from_point, point_der
from atecc.x509.requests import key_usage

if TYPE_CHECKING:
    from cryptography import x509

DEVICE_KEY, MAC_ADDRESS, DEVICE_CERTIFICATE, SIGNER_KEY, SIGNER_CERTIFICATE = 0, 5, 10, 11, 12

ORGANIZATION = "Microchip Technology Inc"
ROOT_NAME = "Crypto Authentication Root CA 002"
# The public key of that CA, as Microchip publishes it.
ROOT_POINT = bytes.fromhex(
    "bd54e66de3875484006b53ae1580d50aa069e78adf5578d85ce2d54dd5b83029"
    "6bffdd6e6f7256fbd99ef1a116b11d33ad49103aa185873 9dcfae437e19d634e".replace(" ", "")
)
SIGNER_TEMPLATE = 1
Extension = tuple["x509.ExtensionType", bool]
Party = tuple[str, bytes]  # a common name, and the public key


@dataclass(frozen=True)
class FactorySlots:
    """What a chip says about itself: serial number, and the slots as they are read."""

    serial: str
    device_point: bytes
    device: bytes
    signer_point: bytes
    signer: bytes
    mac_address: bytes | None = None


@dataclass(frozen=True)
class FactoryChain:
    """The two certificates; `root` is the public key that verifies the upper one, if one that is known here does."""

    device: x509.Certificate
    signer: x509.Certificate
    root: bytes | None

    @property
    def genuine(self) -> bool:
        """Whether it ends at Microchip."""
        return self.root == ROOT_POINT


def rebuild(slots: FactorySlots, root: bytes = ROOT_POINT) -> FactoryChain:
    """Both certificates; a CertificateError if they are not what the signer in the chip has signed."""
    signer_point = _unpadded(slots.signer_point)
    compressed = Compressed.decode(slots.device)
    for candidate in _candidates(compressed, slots, signer_point):
        if signed_by(candidate, signer_point):
            return FactoryChain(candidate, *_signer(Compressed.decode(slots.signer), signer_point, root))
    raise CertificateError(
        f"The certificate in slot {DEVICE_CERTIFICATE} can't be rebuilt: no template known here gives the "
        f"bytes that the signer in slot {SIGNER_KEY} has signed.",
        f"It is number {compressed.template}, of chain {compressed.chain}. Certificates of one's own making "
        "in a TrustFLEX chip need a template of their own.",
    )


def _unpadded(slot: bytes) -> bytes:
    """X and Y from a public key's slot, which has four bytes in front of each."""
    if len(slot) < 72 or any(slot[0:4]) or any(slot[36:40]):
        raise CertificateError(f"Slot {SIGNER_KEY} holds no signer's public key.")
    return slot[4:36] + slot[40:72]


def signed_by(certificate: x509.Certificate, point: bytes) -> bool:
    """Whether the owner of this P-256 key has signed it."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        from_point(point).verify(certificate.signature, certificate.tbs_certificate_bytes, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


# The templates


def _signer(compressed: Compressed, point: bytes, root: bytes) -> tuple[x509.Certificate, bytes | None]:
    """The signer's certificate, and `root` if that is the key which has signed it.

    It names the root's key identifier: Microchip's own, or that of another root.
    """
    from cryptography import x509

    if compressed.template != SIGNER_TEMPLATE:
        raise CertificateError(
            f"The certificate in slot {SIGNER_CERTIFICATE} follows template {compressed.template}; a signer's "
            f"is number {SIGNER_TEMPLATE}."
        )
    extensions: list[Extension] = [
        (key_usage(["digitalSignature", "keyCertSign", "cRLSign"]), True),
        (x509.BasicConstraints(ca=True, path_length=0), True),
    ]
    subject = signer_name(compressed.signer_id), point
    by_any = [_build(compressed, (ROOT_NAME, one), subject, extensions) for one in (ROOT_POINT, root)]
    verified = [one for one in by_any if signed_by(one, root)]
    return (verified[0], root) if verified else (by_any[0], None)


def _candidates(compressed: Compressed, slots: FactorySlots, signer_point: bytes) -> list[x509.Certificate]:
    """The certificate by each template that it may follow: Trust&GO names the MAC address, others don't."""
    from cryptography import x509

    serial = slots.serial.upper()
    name = f"{serial} ATECC" if compressed.template == 2 else f"sn{serial}"
    extensions: list[Extension] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (key_usage(["digitalSignature", "keyAgreement"]), True),
    ]
    alternatives = [extensions]
    address = _mac_address(slots.mac_address)
    if address:
        alternatives.insert(0, [_mac_address_name(address), *extensions])
    signer = (signer_name(compressed.signer_id), signer_point)
    return [_build(compressed, signer, (name, slots.device_point), one) for one in alternatives]


def signer_name(signer_id: str) -> str:
    return f"Crypto Authentication Signer {signer_id}"


def _mac_address(slot: bytes | None) -> str:
    text = (slot or b"")[:12].decode("ascii", "replace")
    return text if len(text) == 12 and all(c in "0123456789ABCDEFabcdef" for c in text) else ""


def _mac_address_name(address: str) -> Extension:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    name = x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, f"eui48_{address}")])
    return x509.SubjectAlternativeName([x509.DirectoryName(name)]), False


# DER. x509.CertificateBuilder can't be used: it signs by itself, and it writes dates before 2050 as UTCTime, where
# Microchip's certificates have a GeneralizedTime.


def _build(
    compressed: Compressed, issuer: Party, subject: Party, extensions: list[Extension]
) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    (issuer_name, issuer_point), (subject_name, point) = issuer, subject
    identifiers: list[Extension] = [
        (x509.SubjectKeyIdentifier.from_public_key(from_point(point)), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(from_point(issuer_point)), False),
    ]
    to_be_signed = _tlv(
        0x30,
        _tlv(0xA0, _tlv(0x02, b"\x02")),
        _tlv(0x02, compressed.serial_number(point).to_bytes(16, "big")),
        _ECDSA_WITH_SHA256,
        _name(issuer_name),
        _tlv(0x30, _utc_time(compressed.not_before), _generalized_time(compressed.not_after)),
        _name(subject_name),
        point_der(point),
        _tlv(0xA3, _tlv(0x30, *(_extension(one, critical) for one, critical in extensions + identifiers))),
    )
    r, s = (int.from_bytes(half, "big") for half in (compressed.signature[:32], compressed.signature[32:]))
    signature = _tlv(0x03, b"\0" + encode_dss_signature(r, s))
    # A Trust&GO name has an underscore in a PrintableString: the library does not read such alternative names.
    der = _tlv(0x30, to_be_signed, _ECDSA_WITH_SHA256, signature)
    return library.certificate(der, "The certificate that was rebuilt", extensions=False)


def _tlv(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


_ECDSA_WITH_SHA256 = _tlv(0x30, _tlv(0x06, bytes.fromhex("2a8648ce3d040302")))


def _utc_time(time: dt.datetime) -> bytes:
    return _tlv(0x17, time.strftime("%y%m%d%H%M%SZ").encode())


def _generalized_time(time: dt.datetime) -> bytes:
    return _tlv(0x18, time.strftime("%Y%m%d%H%M%SZ").encode())


def _name(common_name: str) -> bytes:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION)
    return x509.Name([organization, x509.NameAttribute(NameOID.COMMON_NAME, common_name)]).public_bytes()


def _extension(extension: x509.ExtensionType, critical: bool) -> bytes:
    oid = _tlv(0x06, _OIDS[extension.oid.dotted_string])
    flag = _tlv(0x01, b"\xff") if critical else b""
    return _tlv(0x30, oid, flag, _tlv(0x04, extension.public_bytes()))


_OIDS = {f"2.5.29.{arc}": bytes([0x55, 0x1D, arc]) for arc in (14, 15, 17, 19, 35)}

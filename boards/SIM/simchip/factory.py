"""What Microchip's factory leaves in a Trust&GO or TrustFLEX chip: certificates, compressed to what varies.

A client rebuilds a certificate from a template it knows, so names, extensions and validity are those of
Microchip's CAs, and the signer's certificate carries the key identifier of Microchip's root. The keys are not
theirs: the signer is new with each chip, and the root is a stand-in, whose key anyone may have (`ROOT_POINT`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from simchip import ecc
from simchip.config import Config
from simchip.eeprom import Image
from simchip.rng import RandomSource

PRIMARY_KEY, MAC_ADDRESS, DEVICE_CERTIFICATE, SIGNER_KEY, SIGNER_CERTIFICATE = 0, 5, 10, 11, 12
ROOT_SCALAR = sha256(b"stand-in for Crypto Authentication Root CA 002").digest()
ROOT_POINT = ecc.public_key(ROOT_SCALAR)
ROOT_NAME = "Crypto Authentication Root CA 002"
# Of Microchip's own root; a key identifier of the stand-in would be another certificate than the one clients rebuild.
ROOT_KEY_ID = bytes.fromhex("7AED7D6DC6B7789DB23801A5E84A8CB0A40E2A8C")
ISSUED = datetime(2023, 2, 10, 12, tzinfo=UTC)
SERIAL_FROM_PUBLIC_KEY = 0xA0  # and format version 0
OUI = "0004A3"


@dataclass(frozen=True)
class Profile:
    """One of the templates of a chain: its number, how long it is valid, its extensions in their order."""

    template: int
    years: int
    extensions: tuple[tuple[x509.ExtensionType, bool], ...]

    @property
    def dates(self) -> bytes:
        """Issue date to the hour and years of validity, in 24 bits."""
        year = ISSUED.year - 2000
        bits = year << 19 | ISSUED.month << 15 | ISSUED.day << 10 | ISSUED.hour << 5 | self.years
        return bits.to_bytes(3, "big")


def _usage(*allowed: str) -> x509.KeyUsage:
    every = "digital_signature content_commitment key_encipherment data_encipherment key_agreement"
    names = f"{every} key_cert_sign crl_sign encipher_only decipher_only".split()
    return x509.KeyUsage(**{name: name in allowed for name in names})


def _is_ca(depth: int | None) -> tuple[x509.ExtensionType, bool]:
    return x509.BasicConstraints(ca=depth is not None, path_length=depth), True


SIGNER = Profile(1, 31, ((_usage("digital_signature", "key_cert_sign", "crl_sign"), True), _is_ca(depth=0)))
DEVICE = Profile(3, 28, (_is_ca(depth=None), (_usage("digital_signature", "key_agreement"), True)))


@dataclass(frozen=True)
class Authority:
    """Who signs: by name, key, and the key identifier that its certificates carry."""

    name: str
    scalar: bytes
    key_id: bytes


ROOT = Authority(ROOT_NAME, ROOT_SCALAR, ROOT_KEY_ID)


def _public(point: bytes) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(ecc.CURVE, b"\x04" + point)


def _name(common_name: str) -> x509.Name:
    organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Microchip Technology Inc")
    return x509.Name([organization, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _serial_number(point: bytes, dates: bytes) -> int:
    """From key and dates, made positive and of full length."""
    digest = sha256(point + dates).digest()
    return int.from_bytes(bytes([digest[0] & 0x7F | 0x40]) + digest[1:16], "big")


def _key_id(point: bytes) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(_public(point))


def _to_be_signed(name: str, point: bytes, issuer: Authority, profile: Profile) -> bytes:
    builder = x509.CertificateBuilder(
        issuer_name=_name(issuer.name),
        subject_name=_name(name),
        public_key=_public(point),
        serial_number=_serial_number(point, profile.dates),
        not_valid_before=ISSUED,
        not_valid_after=ISSUED.replace(year=ISSUED.year + profile.years),
    )
    key_ids = _key_id(point), x509.AuthorityKeyIdentifier(issuer.key_id, None, None)
    for extension, critical in (*profile.extensions, *((key_id, False) for key_id in key_ids)):
        builder = builder.add_extension(extension, critical)
    # The builder shows these bytes only in a signed certificate; the signature that counts is made elsewhere.
    return builder.sign(ec.generate_private_key(ecc.CURVE), SHA256()).tbs_certificate_bytes


def _mac_address_name(address: str) -> tuple[x509.ExtensionType, bool]:
    name = x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, f"eui48_{address}")])
    return x509.SubjectAlternativeName([x509.DirectoryName(name)]), False


def _signer_name(signer_id: bytes) -> str:
    return f"Crypto Authentication Signer {signer_id.hex().upper()}"


def _compressed(
    to_be_signed: bytes, scalar: bytes, signer_id: bytes, profile: Profile, rng: RandomSource
) -> bytes:
    signature = ecc.sign(scalar, sha256(to_be_signed).digest(), rng)
    return signature + profile.dates + signer_id + bytes([profile.template << 4, SERIAL_FROM_PUBLIC_KEY, 0])


def _store(image: Image, slot: int, data: bytes) -> None:
    image.slots[slot][:] = data.ljust(len(image.slots[slot]), b"\0")


def issue(image: Image, rng: RandomSource, *, mac_address: bool) -> None:
    """Make a signer, and certificates for it and for the primary key; with a MAC address that the second one names."""
    signer_id, scalar = rng.take(2), ecc.generate(rng)
    point = ecc.public_key(scalar)
    signer = Authority(_signer_name(signer_id), scalar, _key_id(point).digest)
    device = DEVICE
    if mac_address:
        address = OUI + rng.take(3).hex().upper()
        device = Profile(DEVICE.template, DEVICE.years, (_mac_address_name(address), *DEVICE.extensions))
        _store(image, MAC_ADDRESS, address.encode())
    device_point = ecc.public_key(bytes(image.slots[PRIMARY_KEY][4:]))
    device_name = f"sn{Config(image.config).serial.hex().upper()}"
    for slot, name, key, issuer, profile in (
        (SIGNER_CERTIFICATE, signer.name, point, ROOT, SIGNER),
        (DEVICE_CERTIFICATE, device_name, device_point, signer, device),
    ):
        to_be_signed = _to_be_signed(name, key, issuer, profile)
        _store(image, slot, _compressed(to_be_signed, issuer.scalar, signer_id, profile, rng))
    _store(image, SIGNER_KEY, bytes(4) + point[:32] + bytes(4) + point[32:])

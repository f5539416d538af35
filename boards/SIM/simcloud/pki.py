"""Certificate authorities and server certificates: good ones, and ones with the fault a test asks for."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

NO_KEY_USAGE = dict.fromkeys(
    (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ),
    False,
)


def name(**attributes: str) -> x509.Name:
    """name(common_name="x", organization_name="y"), in that order."""
    oids = {key: getattr(NameOID, key.upper()) for key in attributes}
    return x509.Name([x509.NameAttribute(oids[key], value) for key, value in attributes.items()])


@dataclass(frozen=True)
class Validity:
    not_before: datetime
    not_after: datetime

    @classmethod
    def days(cls, since: int, until: int) -> "Validity":
        """In days from now, both counted forwards: days(-30, 365)."""
        now = datetime.now(UTC).replace(microsecond=0)
        return cls(now + timedelta(days=since), now + timedelta(days=until))


@dataclass(frozen=True)
class Authority:
    """A CA: its key, its certificate, and what a server sends between its own certificate and the root."""

    key: SigningKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()

    @classmethod
    def root(cls, subject: x509.Name, key: SigningKey | None = None) -> "Authority":
        key = key or ec.generate_private_key(ec.SECP256R1())
        unsigned = ca_builder(subject, subject, key.public_key(), key.public_key(), path_length=None)
        return cls(key, unsigned.sign(key, SHA256()))

    def intermediate(self, subject: x509.Name) -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        issuer_key = self.key.public_key()
        unsigned = ca_builder(subject, self.certificate.subject, key.public_key(), issuer_key, path_length=0)
        certificate = unsigned.sign(self.key, SHA256())
        return Authority(key, certificate, (certificate, *self.chain))

    def sign(
        self,
        public_key: PublicKey,
        subject: x509.Name,
        validity: Validity,
        extensions: tuple[tuple[x509.ExtensionType, bool], ...] = (),
    ) -> x509.Certificate:
        """An end entity's certificate; each extension comes with whether it is critical."""
        builder = base_builder(subject, self.certificate.subject, public_key, self.key.public_key(), validity)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        usage = x509.KeyUsage(**{**NO_KEY_USAGE, "digital_signature": True})
        builder = builder.add_extension(usage, critical=True)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, SHA256())


def base_builder(
    subject: x509.Name, issuer: x509.Name, public_key: PublicKey, issuer_key: PublicKey, validity: Validity
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity.not_before)
        .not_valid_after(validity.not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def ca_builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: PublicKey,
    issuer_key: PublicKey,
    path_length: int | None,
) -> x509.CertificateBuilder:
    usage = x509.KeyUsage(**{**NO_KEY_USAGE, "key_cert_sign": True, "crl_sign": True})
    return (
        base_builder(subject, issuer, public_key, issuer_key, Validity.days(-365, 3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(usage, critical=True)
    )


@dataclass(frozen=True)
class ServerIdentity:
    """The files that a TLS server needs: its certificate with the chain behind it, and its key."""

    certificate_file: Path
    key_file: Path


def server_certificate(
    directory: Path,
    authority: Authority,
    *names: str,
    validity: Validity | None = None,
    stem: str = "server",
) -> ServerIdentity:
    """A key and a certificate for these IP addresses and DNS names, as STEM.crt.pem and STEM.key.pem.

    The first name becomes the subject. Wrong names, an authority that nobody trusts, or a validity in the
    past or the future give the certificates that a device must refuse.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    extensions = (
        (x509.SubjectAlternativeName([general_name(each) for each in names]), False),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
    )
    certificate = authority.sign(
        key.public_key(), name(common_name=names[0]), validity or Validity.days(-30, 365), extensions
    )
    identity = ServerIdentity(directory / f"{stem}.crt.pem", directory / f"{stem}.key.pem")
    identity.certificate_file.write_bytes(pem(certificate, *authority.chain))
    write_secret(identity.key_file, private_pem(key))
    return identity


def general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def private_pem(key: SigningKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def write_secret(path: Path, content: bytes) -> None:
    """Readable by its owner alone, from the first byte on."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)

"""One's own certificate authority: a key and a certificate in files, judged before the chip makes a key."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from atecc.errors import ArgumentError, CertificateError
from atecc.x509 import library
from atecc.x509.keyfile import AskPassword, load_private_key, read_certificates
from atecc.x509.names import Rdns, from_x509, to_x509
from atecc.x509.proof import Proof, check_issuer_path
from atecc.x509.purposes import MARK, purposes_of, tls_purposes
from atecc.x509.requests import der, general_name, key_usage, same_key, when

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

# A certificate made a moment ago must be valid on a board whose clock is a little slow.
BACKDATED = dt.timedelta(minutes=5)
MOST_DAYS = 36500
LEAST_RSA_BITS = 2048


@dataclass(frozen=True)
class LocalCA:
    """A CA that has passed every check; `warnings` are for the user."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    chain: list[x509.Certificate]
    root: x509.Certificate
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def load(cls, certificate_file: Path, key_file: Path, ask_password: AskPassword) -> LocalCA:
        certificates, unreadable = read_certificates(certificate_file)
        key = _supported(load_private_key(key_file, ask_password), key_file)
        mine = [c for c in certificates if same_key(c.public_key(), key.public_key())]
        if not mine and unreadable:
            raise unreadable[0]
        if not mine:
            raise CertificateError(
                f"The key in {key_file} does not belong to the certificate in {certificate_file}.",
                f"The certificate is {from_x509(certificates[0].subject)}; its key is another one.",
            )
        return cls._usable_of(mine, key, certificates)

    @classmethod
    def _usable_of(
        cls,
        mine: list[x509.Certificate],
        key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
        certificates: list[x509.Certificate],
    ) -> LocalCA:
        """The first of the key's certificates that can be used: a CA may have been renewed, with both in one file."""
        failed = []
        for certificate in mine:
            try:
                return cls._usable(certificate, key, certificates)
            except CertificateError as error:
                failed.append((certificate.not_valid_after_utc, error))
        raise max(failed, key=lambda one: one[0])[1]

    @classmethod
    def _usable(
        cls,
        certificate: x509.Certificate,
        key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
        certificates: list[x509.Certificate],
    ) -> LocalCA:
        _check_dates(certificate)
        warnings = _check_is_ca(certificate)
        chain, root = _chain(certificate, certificates)
        check_issuer_path([der(one) for one in _up(certificate, chain, root)])
        return cls(certificate, key, chain, root, warnings)

    def rehearse(self, subject: Rdns, san: list[str], days: int) -> None:
        """Issue for a key that nobody keeps: what would be refused is known before there is a real one."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        builder = x509.CertificateSigningRequestBuilder().subject_name(to_x509(subject))
        key = ec.generate_private_key(ec.SECP256R1())
        with library.reading("A certificate request with these names"):
            request = builder.sign(key, hashes.SHA256())
        self.issue(request, days, names=[general_name(one) for one in san])

    def has_issued(self, certificate: x509.Certificate) -> bool:
        return _issued(certificate, self.certificate)

    def refuse_operators(self) -> None:
        """CertificateError if this CA is there for operators: what it issues must not be a device's."""
        if MARK in purposes_of(self.certificate):
            raise CertificateError(
                f"{from_x509(self.certificate.subject)} is a CA of operators: a device that trusts it lets in who has "
                "a certificate of it.",
                "Devices need a CA of their own: `openssl req -x509` makes one.",
            )

    def validity(self, days: int) -> tuple[dt.datetime, dt.datetime, str]:
        """From when to when, and a sentence if it is shorter than asked for."""
        if not 0 < days <= MOST_DAYS:
            raise ArgumentError(
                f"A certificate can't be valid for {days} days.", f"From 1 to {MOST_DAYS} make sense."
            )
        now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        start = max(now - BACKDATED, self.certificate.not_valid_before_utc)
        end, last = now + dt.timedelta(days=days), self.certificate.not_valid_after_utc
        if end <= last:
            return start, end, ""
        return (
            start,
            last,
            f"The CA is valid until {when(last)} only: the certificate ends then too, before {days} days "
            "are over.",
        )

    def issue(
        self,
        request: x509.CertificateSigningRequest,
        days: int,
        purposes: list[x509.ObjectIdentifier] | None = None,
        names: Sequence[x509.GeneralName] = (),
    ) -> x509.Certificate:
        """An X.509 v3 certificate for `purposes` (its extended key usage); default: a device's, for TLS.

        Of the request it takes key and subject. What else the request wants is its author's wish: `names` are the
        alternative names. A device is a client of its broker and, on wss://, a server, which Mbed TLS does not let it
        be without serverAuth. So no device may get the name of another server whose clients trust this CA.
        """
        from cryptography import x509

        uses = purposes or tls_purposes(server=True)
        if not any(use.dotted_string == MARK for use in uses):
            self.refuse_operators()
        start, end, _ = self.validity(days)
        builder = (
            x509.CertificateBuilder()
            .subject_name(request.subject)
            .issuer_name(self.certificate.subject)
            .public_key(request.public_key())
            .serial_number(secrets.randbits(128) | 1)
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(["digitalSignature"]), critical=True)
            .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(request.public_key()), critical=False)
            .add_extension(_authority_key(self.certificate), critical=False)
        )
        if names:
            others = x509.SubjectAlternativeName(names)
            builder = builder.add_extension(others, critical=not list(request.subject))
        with library.reading("What is to be signed"):
            certificate = builder.sign(self.key, _hash_for(self.key))
        Proof([der(one) for one in [certificate, *_up(self.certificate, self.chain, self.root)]]).check()
        return certificate


def make_ca(subject: Rdns, days: int) -> tuple[bytes, bytes]:
    """A CA for devices, as brokers and AWS IoT take it: its certificate and its key, in PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    if not 0 < days <= MOST_DAYS:
        raise ArgumentError(f"A CA can't be valid for {days} days.", f"From 1 to {MOST_DAYS} make sense.")
    key, name = ec.generate_private_key(ec.SECP256R1()), to_x509(subject)
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(secrets.randbits(128) | 1)
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(key_usage(["keyCertSign", "cRLSign"]), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM), private


def _up(
    certificate: x509.Certificate, chain: list[x509.Certificate], root: x509.Certificate
) -> list[x509.Certificate]:
    """The CA's certificate and all that are above it, each once."""
    path: list[x509.Certificate] = []
    for one in [certificate, *chain, root]:
        if one not in path:
            path.append(one)
    return path


def _supported(key: object, path: Path) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if isinstance(key, ec.EllipticCurvePrivateKey):
        if not isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1 | ec.SECP521R1):
            raise CertificateError(
                f"The key in {path} is on curve {key.curve.name}, which AWS IoT and most TLS libraries "
                "don't take.",
                "P-256 is the usual one: `openssl ecparam -name prime256v1 -genkey -out ca.key.pem`.",
            )
        return key
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size < LEAST_RSA_BITS:
            raise CertificateError(
                f"The RSA key in {path} has {key.key_size} bits: too few to be trusted.", "2048 is the least."
            )
        return key
    kind = type(key).__name__.removesuffix("PrivateKey").removeprefix("_")
    raise CertificateError(
        f"The key in {path} is a {kind} key, not EC or RSA: brokers don't accept its signatures."
    )


def _check_dates(certificate: x509.Certificate) -> None:
    now = dt.datetime.now(dt.UTC)
    clock = f"This computer's clock says {when(now)}."
    if now > certificate.not_valid_after_utc:
        raise CertificateError(
            f"The CA certificate expired on {when(certificate.not_valid_after_utc)}.", clock
        )
    if now < certificate.not_valid_before_utc:
        raise CertificateError(
            f"The CA certificate is not valid before {when(certificate.not_valid_before_utc)}.",
            f"{clock} Is that right?",
        )


def _check_is_ca(certificate: x509.Certificate) -> list[str]:
    """Refuse what says it is no CA; a v1 certificate can't say, which AWS doesn't accept and brokers do."""
    from cryptography import x509

    basic = _find(certificate.extensions, x509.BasicConstraints)
    usage = _find(certificate.extensions, x509.KeyUsage)
    if certificate.version == x509.Version.v1:
        return [
            "The CA certificate is X.509 v1, without CA:TRUE. A mosquitto broker trusts it; AWS IoT "
            "would not register it "
            "as a CA (it wants v3 with CA:TRUE). Carrying on."
        ]
    if not isinstance(basic, x509.BasicConstraints) or not basic.ca:
        raise CertificateError(
            "The CA certificate says that it is no CA (CA:FALSE, or no basicConstraints in a v3 "
            "certificate).",
            "Every TLS library would refuse what it signs. Make it with `openssl req -x509`, which adds "
            "CA:TRUE.",
        )
    if isinstance(usage, x509.KeyUsage) and not usage.key_cert_sign:
        raise CertificateError(
            "The CA certificate's key usage does not allow signing certificates (no keyCertSign)."
        )
    return []


def _find(extensions: x509.Extensions, kind: type[x509.ExtensionType]) -> x509.ExtensionType | None:
    found = [extension.value for extension in extensions if isinstance(extension.value, kind)]
    return found[0] if found else None


def _chain(
    certificate: x509.Certificate, others: list[x509.Certificate]
) -> tuple[list[x509.Certificate], x509.Certificate]:
    """What a device sends beside its own certificate, and what a broker's certificate is trusted by."""
    if certificate.issuer == certificate.subject:
        return [], certificate
    chain, last = [certificate], certificate
    for _ in others:
        issuers = [c for c in others if c.subject == last.issuer and c not in chain and _issued(last, c)]
        if not issuers:
            break
        last = next(filter(_is_valid_now, issuers), issuers[0])
        if last.issuer == last.subject:
            return chain, last
        chain.append(last)
    return chain, last


def _is_valid_now(certificate: x509.Certificate) -> bool:
    return certificate.not_valid_before_utc <= dt.datetime.now(dt.UTC) <= certificate.not_valid_after_utc


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    child, parent = (library.anatomy(der(one), "A CA's certificate") for one in (certificate, issuer))
    return library.verifies(child, parent)


def _authority_key(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    from cryptography import x509

    own = _find(issuer.extensions, x509.SubjectKeyIdentifier)
    if isinstance(own, x509.SubjectKeyIdentifier):
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())  # type: ignore[arg-type]


def _hash_for(key: object) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    if isinstance(key, ec.EllipticCurvePrivateKey):
        if key.curve.key_size == 384:
            return hashes.SHA384()
        if key.curve.key_size == 521:
            return hashes.SHA512()
    return hashes.SHA256()

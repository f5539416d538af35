"""Certificate requests and certificates, judged before anything relies on them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING

from atecc.errors import CertificateError
from atecc.x509 import library
from atecc.x509.names import Rdns, comparable, from_x509, to_x509
from atecc.x509.points import to_point
from atecc.x509.textfile import is_pkcs7, is_pkcs12, nothing_there, pem_blocks, plain

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes


KEY_USAGES = (
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
)


def check_csr(
    der: bytes,
    pubkey: bytes,
    subject: Rdns,
    san: list[str] | None = None,
    key_usage: list[str] | None = None,
) -> x509.CertificateSigningRequest:
    """The request, if it is for this P-256 key, signed by it, and says what was asked for."""
    request = library.request(der, "The board's certificate request")
    if to_point(request.public_key()) != pubkey:
        raise CertificateError("The certificate request is not for the key that the chip reports.")
    if not library.is_signed(request):
        raise CertificateError(
            "The certificate request's signature is wrong: it was not signed by the key it names."
        )
    if comparable(request.subject) != comparable(to_x509(subject)):
        raise CertificateError(
            f"The certificate request says {from_x509(request.subject)}, asked for was "
            f"{from_x509(to_x509(subject))}."
        )
    _check_san(request, san or [])
    _check_key_usage(request, key_usage or [])
    return request


def _check_san(request: x509.CertificateSigningRequest, wanted: list[str]) -> None:
    if set(names_in(request)) != {general_name(text) for text in wanted}:
        raise CertificateError("The certificate request's alternative names are not the ones asked for.")


def _check_key_usage(request: x509.CertificateSigningRequest, wanted: list[str]) -> None:
    from cryptography import x509

    try:
        present = request.extensions.get_extension_for_class(x509.KeyUsage).value.public_bytes()
    except x509.ExtensionNotFound:
        present = b""
    if present != (key_usage(wanted).public_bytes() if wanted else b""):
        raise CertificateError("The certificate request's key usage is not the one asked for.")


def key_usage(names: list[str]) -> x509.KeyUsage:
    """As cryptography has it, from the names of RFC 5280."""
    from cryptography import x509

    digital, repudiation, encipher, data, agree, sign, crl, only_e, only_d = (n in names for n in KEY_USAGES)
    try:
        return x509.KeyUsage(digital, repudiation, encipher, data, agree, sign, crl, only_e, only_d)
    except ValueError as error:
        raise CertificateError(f"That key usage is not possible: {error}.") from error


def general_name(text: str) -> x509.GeneralName:
    """DNS:…, IP:…, URI:… or email:… as cryptography has it."""
    import ipaddress

    from cryptography import x509

    kind, _, value = text.partition(":")
    try:
        if kind.upper() == "IP":
            return x509.IPAddress(ipaddress.ip_address(value))
        makers: dict[str, Callable[[str], x509.GeneralName]] = {
            "DNS": x509.DNSName,
            "URI": x509.UniformResourceIdentifier,
            "EMAIL": x509.RFC822Name,
        }
        if not value:
            raise ValueError("it has no value")
        return makers[kind.upper()](value)
    except KeyError:
        raise CertificateError(
            f"{text!r} is no alternative name.", "DNS:…, IP:…, URI:… and email:… are."
        ) from None
    except ValueError as error:
        raise CertificateError(f"{text!r} is no alternative name: {error}.") from error


def names_in(document: x509.CertificateSigningRequest | x509.Certificate) -> list[x509.GeneralName]:
    """Its alternative names."""
    from cryptography import x509

    with library.reading("What it says of its names"):
        try:
            return list(document.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        except x509.ExtensionNotFound:
            return []


def name_text(name: x509.GeneralName) -> str:
    """As `general_name` takes it; other kinds of names in brackets, whole."""
    from cryptography import x509

    kinds = {
        x509.DNSName: "DNS",
        x509.IPAddress: "IP",
        x509.UniformResourceIdentifier: "URI",
        x509.RFC822Name: "email",
    }
    kind = kinds.get(type(name))
    return f"{kind}:{name.value}" if kind else f"[{name!r}]"


def check_certificate(certificate: x509.Certificate, request: x509.CertificateSigningRequest) -> None:
    """A certificate that came back must be for the request's key, and valid now."""
    if not same_key(certificate.public_key(), request.public_key()):
        raise CertificateError(
            "The certificate that came back is for another key than the chip's: nothing was written to "
            "the board."
        )
    now = dt.datetime.now(dt.UTC)
    if now < certificate.not_valid_before_utc - dt.timedelta(minutes=10):
        raise CertificateError(
            f"The certificate that came back is valid only from {when(certificate.not_valid_before_utc)} on.",
            f"This computer's clock says {when(now)}: is that right?",
        )
    if now > certificate.not_valid_after_utc:
        raise CertificateError(
            f"The certificate that came back expired on {when(certificate.not_valid_after_utc)}.",
            f"This computer's clock says {when(now)}: is that right?",
        )


def same_key(one: CertificatePublicKeyTypes, other: CertificatePublicKeyTypes) -> bool:
    return spki(one) == spki(other)


def spki(key: CertificatePublicKeyTypes) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def pem(certificate: x509.Certificate | x509.CertificateSigningRequest) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM).decode()


def der(certificate: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)


def when(time: dt.datetime) -> str:
    return time.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")


def load_csr(data: bytes, origin: str) -> x509.CertificateSigningRequest:
    """Somebody's request, PEM with any text around it or DER, if it is signed by the key that it is for."""
    data = plain(data)
    pems = [block for label, block in pem_blocks(data) if label.endswith("CERTIFICATE REQUEST")]
    if not pems and (data[:1] != b"\x30" or is_pkcs12(data) or is_pkcs7(data)):
        takes = "It takes PEM (text around it is fine) or DER."
        raise nothing_there(data, "certificate request", origin, takes)
    request = library.request((pems or [data])[0], f"The certificate request in {origin}")
    if not library.is_signed(request):
        raise CertificateError(
            f"The signature of the certificate request in {origin} is wrong: who made it does not have its key, "
            "or it was changed since."
        )
    return request

"""What a certificate is for: its extended key usage, and in that the operators' mark."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509

# The operators' mark, an extended key usage (X.667: a UUID as an OID): devices let in nobody without it. A CA that is
# there for operators alone has it too.
MARK = "2.25.274449194123620572914822031769018701066"


def purposes_of(certificate: x509.Certificate) -> set[str]:
    """The extended key usages, as dotted OIDs; none without that extension."""
    from cryptography import x509

    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return set()
    return {usage.dotted_string for usage in usages}


_WORDS = {
    "1.3.6.1.5.5.7.3.1": "serverAuth",
    "1.3.6.1.5.5.7.3.2": "clientAuth",
    MARK: "operator",
}


def purpose_words(certificate: x509.Certificate) -> list[str]:
    """The extended key usages for people (RFC 5280, 4.2.1.12); a dotted OID where there is no word."""
    return sorted(_WORDS.get(purpose, purpose) for purpose in purposes_of(certificate))


def tls_purposes(server: bool) -> list[x509.ObjectIdentifier]:
    """For a TLS client, which may be a server as well."""
    from cryptography.x509.oid import ExtendedKeyUsageOID

    return [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if server else [])]


def operators_purposes() -> list[x509.ObjectIdentifier]:
    """For an operator's certificate, and for the CA that issues it."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    return [ExtendedKeyUsageOID.CLIENT_AUTH, x509.ObjectIdentifier(MARK)]


def is_operators(certificate: x509.Certificate, ca: x509.Certificate | None) -> bool:
    """Whether a device that trusts `ca` takes its holder for an operator (firmware/rpc/operators.py)."""
    from cryptography.x509.oid import ExtendedKeyUsageOID as Oid

    purposes = purposes_of(certificate)
    servers = {Oid.SERVER_AUTH.dotted_string, Oid.ANY_EXTENDED_KEY_USAGE.dotted_string}
    only_client = Oid.CLIENT_AUTH.dotted_string in purposes and not purposes & servers
    return MARK in purposes or (only_client and ca is not None and MARK in purposes_of(ca))

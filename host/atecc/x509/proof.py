"""Would a broker accept what this CA issues? RFC 5280's path validation as OpenSSL does it, on the bytes.

Made by one way, checked by another: nothing here is shared with what signs (authority.py). mosquitto and most brokers
use OpenSSL; it refuses what it does not understand, and a name constraint is a refusal that comes after the CA has
signed.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from atecc.errors import CertificateError
from atecc.x509.algorithms import (
    ALTERNATIVE_NAMES,
    AUTHORITY_KEY,
    BASIC_CONSTRAINTS,
    EC,
    EXTENDED_KEY_USAGE,
    EXTENSION_NAMES,
    KEY_USAGE,
    NAME_CONSTRAINTS,
    NETSCAPE_TYPE,
    OTHER_KEYS,
    POLICIES,
    RSA,
    SIGNATURES,
    STRONG_HASHES,
    SUBJECT_KEY,
)
from atecc.x509.anatomy import Anatomy, dissect
from atecc.x509.constraints import violated
from atecc.x509.library import verifies
from atecc.x509.parts import CERT_SIGN, CLIENT_AUTH, basic_constraints, has_usage, purposes, same_name
from atecc.x509.tlv import OID, DerError, read

# Extensions that OpenSSL takes when they are critical (x509v3_cache_extensions, X509_supported_extension).
_SUPPORTED = (
    *(
        NETSCAPE_TYPE,
        KEY_USAGE,
        ALTERNATIVE_NAMES,
        BASIC_CONSTRAINTS,
        POLICIES,
        NAME_CONSTRAINTS,
        EXTENDED_KEY_USAGE,
    ),
    *("2.5.29.31", "2.5.29.36", "2.5.29.33", "2.5.29.54"),
)
LEAST_RSA_BITS = 2048


@dataclass(frozen=True)
class Proof:
    """From the certificate (or, before there is one, from its issuer) up to the root, each in DER."""

    certificates: list[bytes]

    def check(self, now: dt.datetime | None = None) -> None:
        """A CertificateError that says why a broker would refuse it."""
        now = now or dt.datetime.now(dt.UTC)
        try:
            path = [dissect(one) for one in self.certificates]
            for depth, one in enumerate(path):
                _check_one(one, depth, now)
                if depth:
                    _check_issuer(path[depth - 1], one, path[1:depth], is_root=depth == len(path) - 1)
            _check_constraints(path)
        except DerError as error:
            raise CertificateError(f"The chain of certificates can't be judged: {error}.") from error


def check_issuer_path(certificates: list[bytes]) -> None:
    """The same for a CA that has issued nothing yet: itself, and what is above it."""
    own, *above = (dissect(one) for one in certificates)
    _check_key(own)
    _check_critical(own)
    _check_purposes(own)
    if above:
        Proof(certificates).check()
        self_issued = [one for one in above if same_name(one.subject, one.issuer)]
        for depth, one in enumerate(above):
            most = basic_constraints(one)[1]
            between = 1 + sum(other not in self_issued for other in above[:depth])
            if most is not None and between > most:
                raise _too_deep(one, most)


def _who(one: Anatomy) -> str:
    return one.subject_text


def _check_one(one: Anatomy, depth: int, now: dt.datetime) -> None:
    if not one.not_before - dt.timedelta(minutes=10) <= now <= one.not_after:
        when = f"{one.not_before:%Y-%m-%d} to {one.not_after:%Y-%m-%d}"
        raise CertificateError(f"The certificate of {_who(one)} is valid from {when}, and not now.")
    _check_critical(one)
    _check_strength(one)
    if depth:
        _check_purposes(one)


def _check_critical(one: Anatomy) -> None:
    for extension in one.extensions:
        if extension.critical and extension.oid not in _SUPPORTED:
            name = EXTENSION_NAMES.get(extension.oid, extension.oid)
            raise CertificateError(
                f"The certificate of {_who(one)} has a critical extension {name}, which TLS libraries don't "
                "understand: they refuse what comes from it.",
                "Make the CA without it, or not critical.",
            )


def _check_strength(one: Anatomy) -> None:
    if one.key_algorithm[0] != RSA:
        return
    bits = read(one.key).parts()[0].integer.bit_length()
    if bits < LEAST_RSA_BITS:
        raise CertificateError(
            f"The key in the certificate of {_who(one)} has {bits} bits: TLS libraries want {LEAST_RSA_BITS} of an "
            "RSA key.",
            "Make a longer key.",
        )


def _check_key(one: Anatomy) -> None:
    oid, parameters = one.key_algorithm
    if oid == EC and (parameters is None or parameters.tag != OID):
        raise CertificateError(
            f"The key in the certificate of {_who(one)} has explicit curve parameters: TLS libraries don't take it.",
            "Write the key with the curve's name, `openssl ec -in KEY -param_enc named_curve -out NEW`, and make the "
            "certificate anew.",
        )
    if oid not in (EC, RSA):
        raise CertificateError(
            f"The key in the certificate of {_who(one)} is an {OTHER_KEYS.get(oid, oid)} key: a board can't read what "
            "such a key signs, and brokers often can't.",
            "Make a CA with an EC or a plain RSA key: `openssl req -x509 -newkey rsa:2048 …`.",
        )


def _check_purposes(one: Anatomy) -> None:
    """An extended key usage in a CA holds for what it issues."""
    found = purposes(one)
    if found and CLIENT_AUTH not in found:  # "any" does not count for OpenSSL
        raise CertificateError(
            f"The CA {_who(one)} may not issue certificates for TLS clients: its extended key usage lacks clientAuth."
        )


def _check_issuer(child: Anatomy, issuer: Anatomy, between: list[Anatomy], is_root: bool) -> None:
    if not same_name(child.issuer, issuer.subject):
        raise CertificateError(
            f"The certificate of {_who(child)} names {child.issuer_text} as its issuer, and not {_who(issuer)}."
        )
    if not verifies(child, issuer):
        raise CertificateError(
            f"The signature of {_who(issuer)} on the certificate of {_who(child)} does not verify."
        )
    is_ca, most = basic_constraints(issuer)
    if not is_ca and not (issuer.version < 3 and is_root):
        raise CertificateError(f"The certificate of {_who(issuer)} says that it is no CA.")
    if not has_usage(issuer, CERT_SIGN):
        raise CertificateError(
            f"The key usage of {_who(issuer)} does not allow signing certificates (no keyCertSign)."
        )
    below = sum(not same_name(one.subject, one.issuer) for one in between)
    if most is not None and below > most:
        raise _too_deep(issuer, most)
    _, digest = SIGNATURES.get(child.inner_algorithm[0], ("", "SHA-256"))
    if digest not in STRONG_HASHES:
        raise CertificateError(
            f"The certificate of {_who(child)} is signed over {digest}: TLS libraries don't accept that any more.",
            "Have it issued anew, over SHA-256.",
        )
    _check_authority_key(child, issuer)


def _too_deep(issuer: Anatomy, most: int) -> CertificateError:
    return CertificateError(
        f"The CA {_who(issuer)} allows {most or 'no'} CAs below itself (its pathlen): what this one issues is refused."
    )


def _check_authority_key(child: Anatomy, issuer: Anatomy) -> None:
    named, own = child.extension(AUTHORITY_KEY), issuer.extension(SUBJECT_KEY)
    if named is None or own is None:
        return
    key = next((part.content for part in read(named.value).parts() if part.tag == 0x80), None)
    if key is not None and key != read(own.value).content:
        raise CertificateError(
            f"The certificate of {_who(child)} names another key of {_who(issuer)} than that one has (its "
            "authorityKeyIdentifier)."
        )


def _check_constraints(path: list[Anatomy]) -> None:
    for depth, one in enumerate(path[1:], 1):
        extension = one.extension(NAME_CONSTRAINTS)
        for below in path[:depth] if extension else []:
            if below is not path[0] and same_name(below.subject, below.issuer):
                continue
            why = violated(extension.value, below) if extension else ""
            if why:
                raise CertificateError(
                    f"The CA {_who(one)} may not issue for {_who(below)}: {why} (its nameConstraints).",
                    "Choose a subject and alternative names within them, or another CA.",
                )

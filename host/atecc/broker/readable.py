"""Which certificates the board's TLS library can read at all: Mbed TLS 3.6, x509_crt.c and x509.c, as configured there.

The configurations differ: MicroPython's own (extmod/mbedtls; the simulated board has it) leaves out what ESP-IDF's
(esp_config.h) has. What only some can read is a Flaw that says so.
"""

from __future__ import annotations

from atecc.broker.flaws import Flaw
from atecc.x509.algorithms import (
    ALTERNATIVE_NAMES,
    ANY_POLICY,
    AUTHORITY_KEY,
    BRAINPOOL,
    CURVES,
    EC,
    ECDH,
    EXTENSION_NAMES,
    OTHER_KEYS,
    OTHER_SIGNATURES,
    POLICIES,
    RSA,
    RSA_PSS,
    SIGNATURES,
    UNDERSTOOD,
    WEAK_CURVES,
)
from atecc.x509.anatomy import Anatomy
from atecc.x509.tlv import BMP, IA5, NULL, PRINTABLE, T61, UNIVERSAL, UTF8, DerError, Element, read

_NAME_TAGS = (BMP, UTF8, T61, PRINTABLE, IA5, UNIVERSAL, 0x03)
_MOST_RSA_BITS = 8192
# What the extension may be made of, by its tags: a key's ID, an issuer's names and a number, or all of it.
_AUTHORITY_KEYS = ([0x80], [0xA1, 0x82], [0x80, 0xA1, 0x82])


def unreadable(one: Anatomy, whose: str) -> Flaw | None:
    """Why the board can't read it; `whose` is how a sentence names it."""
    flaw = _signature(one, whose) or _key(one, whose) or _names(one, whose)
    if flaw is None:
        flaw = _extensions(one, whose)
    return flaw


def _flaw(whose: str, what: str, hint: str = "", of_some: bool = False) -> Flaw:
    verb = "not every board's TLS library can read" if of_some else "a board's TLS library can't read"
    return Flaw("unreadable", f"{whose} {what}, which {verb}.", hint, of_some)


def unknown_signature(one: Anatomy) -> bool:
    """Mbed TLS leaves such a certificate out of a chain, and does not fail for it."""
    return one.inner_algorithm[0] not in SIGNATURES and one.inner_algorithm[0] != RSA_PSS


def _signature(one: Anatomy, whose: str) -> Flaw | None:
    oid, parameters = one.inner_algorithm
    if oid == RSA_PSS:
        return _flaw(whose, "is signed with RSASSA-PSS", "PKCS #1 v1.5 and ECDSA can be read.", of_some=True)
    if unknown_signature(one):
        return _flaw(whose, f"is signed with {OTHER_SIGNATURES.get(oid, oid)}", "ECDSA and RSA can be read.")
    if parameters is not None and parameters.tag != NULL:
        return _flaw(whose, "has parameters in its signature algorithm")
    if _shown(one.algorithm) != _shown(one.inner_algorithm):
        return _flaw(whose, "names two different signature algorithms")
    return None


def _shown(algorithm: tuple[str, Element | None]) -> tuple[str, bytes]:
    return algorithm[0], algorithm[1].whole if algorithm[1] else b""


def _key(one: Anatomy, whose: str) -> Flaw | None:
    oid, parameters = one.key_algorithm
    if oid in (EC, ECDH):
        return _ec_key(one, parameters, whose)
    if oid != RSA:
        kind = OTHER_KEYS.get(oid, oid)
        article = "an" if kind[0] in "EXR" else "a"
        return _flaw(
            whose, f"has {article} {kind} key", "EC keys on P-256, P-384, P-521 and RSA keys can be read."
        )
    if rsa_bits(one) > _MOST_RSA_BITS:
        return _flaw(whose, f"has an RSA key of {rsa_bits(one)} bits", f"{_MOST_RSA_BITS} bits are the most.")
    return None


def _ec_key(one: Anatomy, parameters: Element | None, whose: str) -> Flaw | None:
    if parameters is None or parameters.tag != 0x06:
        hint = "Make the key with a named curve: `openssl ecparam -name prime256v1 -genkey -param_enc named_curve`."
        return _flaw(whose, "has an EC key with explicit curve parameters", hint, of_some=True)
    curve = parameters.oid
    if curve in BRAINPOOL:
        return _flaw(whose, f"has a key on {BRAINPOOL[curve]}", "P-256 is the usual curve.", of_some=True)
    if curve not in CURVES and curve not in WEAK_CURVES:
        return _flaw(
            whose, f"has a key on a curve that is not known there ({curve})", "P-256 is the usual curve."
        )
    if one.key[:1] != b"\x04":
        return _flaw(whose, "has an EC key whose point is compressed", of_some=True)
    return None


def rsa_bits(one: Anatomy) -> int:
    try:
        return read(one.key).parts()[0].integer.bit_length()
    except (DerError, IndexError):
        return 0


def curve_name(one: Anatomy) -> str:
    parameters = one.key_algorithm[1]
    oid = parameters.oid if parameters is not None and parameters.tag == 0x06 else ""
    return (CURVES | WEAK_CURVES | BRAINPOOL).get(oid, oid or "explicit parameters")


def _names(one: Anatomy, whose: str) -> Flaw | None:
    if not one.issuer:
        return _flaw(whose, "names no issuer")
    for attribute in [*one.issuer, *one.subject]:
        if attribute.tag not in _NAME_TAGS:
            return _flaw(whose, f"has a name whose value is of an unusual type (tag 0x{attribute.tag:02x})")
    return None


def _extensions(one: Anatomy, whose: str) -> Flaw | None:
    if one.extensions and one.version < 3:
        return _flaw(whose, f"is of version {one.version} and has extensions")
    seen: list[str] = []
    for extension in one.extensions:
        name = EXTENSION_NAMES.get(extension.oid, extension.oid)
        if extension.oid in seen:
            return _flaw(whose, f"has the extension {name} twice")
        if extension.critical and not _understood(extension.oid, extension.value):
            return _flaw(
                whose,
                f"has a critical extension {name}",
                "Only extensions that are not critical are passed over.",
            )
        if not _well_formed(extension.oid, extension.value):
            return _flaw(whose, f"has an extension {name} that is malformed")
        if extension.oid in UNDERSTOOD:
            seen.append(extension.oid)
    return None


def _well_formed(oid: str, value: bytes) -> bool:
    """What people's certificates have wrong, of all that x509_get_crt_ext looks at."""
    try:
        parts = read(value).parts() if oid in (ALTERNATIVE_NAMES, AUTHORITY_KEY) else []
    except DerError:
        return False
    if oid == AUTHORITY_KEY:
        return [part.tag for part in parts] in _AUTHORITY_KEYS
    return all(len(part.content) in (4, 16) for part in parts if part.tag == 0x87)


def _understood(oid: str, value: bytes) -> bool:
    if oid != POLICIES:
        return oid in UNDERSTOOD
    try:
        return all(policy.parts()[0].oid == ANY_POLICY for policy in read(value).parts())
    except (DerError, IndexError):
        return False

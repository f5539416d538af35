"""PKCS#10 certification requests (RFC 2986) for a key that only a chip can use."""

import lazily

from atecc608.context import ecdsa_signature

from . import der

_EC_PUBLIC_KEY = "1.2.840.10045.2.1"
_PRIME256V1 = "1.2.840.10045.3.1.7"
_ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2"
_EXTENSION_REQUEST = "1.2.840.113549.1.9.14"
_SUBJECT_ALT_NAME = "2.5.29.17"
_KEY_USAGE = "2.5.29.15"

# RFC 5280, 4.2.1.3: bit 0 first.
_USAGES = (
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


def public_key_info(public_key):
    """SubjectPublicKeyInfo (RFC 5480) of a P-256 key given as X then Y, 64 bytes."""
    algorithm = der.sequence(der.oid(_EC_PUBLIC_KEY), der.oid(_PRIME256V1))
    return der.sequence(algorithm, der.bit_string(b"\x04" + bytes(public_key)))


def _key_usage(usages):
    bits = 0
    for usage in usages:
        if usage not in _USAGES:
            raise ValueError("key_usage: %s is none of %s" % (usage, " ".join(_USAGES)))
        bits |= 0x8000 >> _USAGES.index(usage)
    if not bits:
        raise ValueError("key_usage: empty")
    # A named bit list ends with its last 1 bit (X.690, 11.2.2).
    unused = 0
    while not bits >> unused & 1:
        unused += 1
    data = bits.to_bytes(2, "big")
    return der.bit_string(data[:1], unused - 8) if unused >= 8 else der.bit_string(data, unused)


def _extension(dotted, value, critical=False):
    return der.sequence(
        der.oid(dotted), der.tlv(der.BOOLEAN, b"\xff") if critical else b"", der.octet_string(value)
    )


def _attributes(subject_is_empty, san, key_usage):
    extensions = []
    if key_usage:
        extensions.append(_extension(_KEY_USAGE, _key_usage(key_usage), critical=True))
    if san:
        # RFC 5280, 4.2.1.6: critical where the subject says nothing.
        general_names = lazily.load("identity.names").general_names(san)
        extensions.append(_extension(_SUBJECT_ALT_NAME, general_names, critical=subject_is_empty))
    if not extensions:
        return der.context(0)
    values = der.set_of(der.sequence(*extensions))
    return der.context(0, der.sequence(der.oid(_EXTENSION_REQUEST), values))


def request_info(subject, public_key, san=(), key_usage=()):
    """CertificationRequestInfo: what gets signed.

    subject: list of RDNs (see names.encode); public_key: X then Y, 64 bytes; san: `DNS:…` and the like; key_usage:
    RFC 5280 names. ValueError says what is wrong with any of them.
    """
    return der.sequence(
        der.unsigned(b"\x00"),
        lazily.load("identity.names").encode(subject),
        public_key_info(public_key),
        _attributes(not subject, san, key_usage),
    )


def request(info, signature):
    """The CertificationRequest (DER) of `info` with `signature` (r then s, 64 bytes) over its SHA-256."""
    return der.sequence(
        info, der.sequence(der.oid(_ECDSA_WITH_SHA256)), der.bit_string(ecdsa_signature(signature))
    )

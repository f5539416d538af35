"""What a certificate's extensions say, and whether two names are one: read from the bytes, for all who judge."""

from __future__ import annotations

from atecc.x509.algorithms import BASIC_CONSTRAINTS, EXTENDED_KEY_USAGE, KEY_USAGE
from atecc.x509.anatomy import Anatomy, Attribute
from atecc.x509.tlv import BIT_STRING, BOOLEAN, INTEGER, PRINTABLE, UTF8, DerError, read

# Bits of keyUsage, and purposes (RFC 5280, 4.2.1.3 and 4.2.1.12).
DIGITAL_SIGNATURE, CERT_SIGN = 0, 5
SERVER_AUTH, CLIENT_AUTH, ANY_USE = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "2.5.29.37.0"


def same_name(one: list[Attribute], other: list[Attribute]) -> bool:
    """As x509_name_cmp compares: attribute by attribute, in order; case counts not between UTF8 and Printable."""
    return len(one) == len(other) and all(
        a.oid == b.oid and a.joined == b.joined and _same_value(a, b) for a, b in zip(one, other, strict=True)
    )


def _same_value(a: Attribute, b: Attribute) -> bool:
    if (a.tag, a.value) == (b.tag, b.value):
        return True
    both = a.tag in (UTF8, PRINTABLE) and b.tag in (UTF8, PRINTABLE)
    return both and a.value.lower() == b.value.lower()


def basic_constraints(one: Anatomy) -> tuple[bool, int | None]:
    """(cA, pathLenConstraint)."""
    extension = one.extension(BASIC_CONSTRAINTS)
    try:
        parts = read(extension.value).parts() if extension else []
        is_ca = bool(parts) and parts[0].tag == BOOLEAN and any(parts[0].content)
        lengths = [part.integer for part in parts if part.tag == INTEGER]
    except DerError:
        return False, None
    return is_ca, lengths[0] if lengths else None


def has_usage(one: Anatomy, bit: int) -> bool:
    """Whether its key usage has this bit; what says nothing allows everything."""
    extension = one.extension(KEY_USAGE)
    if extension is None:
        return True
    try:
        bits = read(extension.value).must_be(BIT_STRING).content[1:]
    except DerError:
        return False
    return bit // 8 < len(bits) and bool(bits[bit // 8] & (0x80 >> bit % 8))


def purposes(one: Anatomy) -> set[str]:
    """The extended key usages, as dotted OIDs; none without that extension, or if it is malformed."""
    extension = one.extension(EXTENDED_KEY_USAGE)
    try:
        return {part.oid for part in read(extension.value).parts()} if extension else set()
    except DerError:
        return set()

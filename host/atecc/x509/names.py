"""Subjects as people write them: /C=IE/L=Dublin as openssl takes it, C=IE,L=Dublin as RFC 4514 writes it.

The order is kept as written in both. A subject is a list of RDNs, each a list of (type, value), as
Identity.Begin takes it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from atecc.errors import ArgumentError

if TYPE_CHECKING:
    from cryptography import x509

Rdns = list[list[tuple[str, str]]]

OIDS = {
    "CN": "2.5.4.3",
    "SN": "2.5.4.4",
    "serialNumber": "2.5.4.5",
    "C": "2.5.4.6",
    "L": "2.5.4.7",
    "ST": "2.5.4.8",
    "street": "2.5.4.9",
    "O": "2.5.4.10",
    "OU": "2.5.4.11",
    "title": "2.5.4.12",
    "GN": "2.5.4.42",
    "UID": "0.9.2342.19200300.100.1.1",
    "DC": "0.9.2342.19200300.100.1.25",
    "emailAddress": "1.2.840.113549.1.9.1",
}
_LONG = {
    "commonname": "CN",
    "countryname": "C",
    "localityname": "L",
    "stateorprovincename": "ST",
    "organizationname": "O",
    "organizationalunitname": "OU",
    "surname": "SN",
    "givenname": "GN",
    "userid": "UID",
    "domaincomponent": "DC",
    "email": "emailAddress",
    "e": "emailAddress",
    "s": "ST",
    "streetaddress": "street",
}
_BY_LOWER = {name.lower(): name for name in OIDS} | _LONG
_NAMES = {oid: name for name, oid in OIDS.items()}
_OID = re.compile(r"(?:OID\.)?([0-2](?:\.(?:0|[1-9]\d*))+)$", re.IGNORECASE)


def parse_subject(text: str) -> Rdns:
    """The RDNs of a subject in either notation; an ArgumentError says what is wrong with it."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ArgumentError(f"The subject {text!r} is not text in UTF-8.") from error
    stripped = text.lstrip()
    if not stripped.strip():
        raise ArgumentError(
            "The subject is empty.", "Write it as /C=IE/O=ACME/CN=device-1 or C=IE,O=ACME,CN=device-1."
        )
    slashed = stripped.startswith("/")
    parts = _split(stripped[1:].rstrip(), "/") if slashed else _split(stripped, ",")
    if slashed and parts[-1] == "":
        parts.pop()
    rdns = [[_attribute(item, slashed) for item in _split(part, "+")] for part in parts]
    if not rdns:
        raise ArgumentError(f"There is nothing in the subject {text!r}.")
    to_x509(rdns)
    return rdns


def to_x509(rdns: Rdns) -> x509.Name:
    """As cryptography has it, which knows the limits of each type."""
    from cryptography import x509

    try:
        return x509.Name(
            [
                x509.RelativeDistinguishedName(
                    [
                        x509.NameAttribute(x509.ObjectIdentifier(OIDS.get(kind, kind)), value)
                        for kind, value in rdn
                    ]
                )
                for rdn in rdns
            ]
        )
    except ValueError as error:
        raise ArgumentError(f"The subject {to_text(rdns)} is not possible: {error}.") from error


def comparable(name: x509.Name) -> list[set[tuple[str, str]]]:
    """What makes two names the same, whatever string types they were encoded with."""
    return [{(a.oid.dotted_string, str(a.value)) for a in rdn} for rdn in name.rdns]


def from_x509(name: x509.Name) -> str:
    """A name for people, in the order it is encoded."""
    return to_text(rdns_of(name))


def rdns_of(name: x509.Name) -> Rdns:
    """As `parse_subject` gives it."""
    return [[(type_name(a.oid.dotted_string), str(a.value)) for a in r] for r in name.rdns]


def type_name(oid: str) -> str:
    """CN for 2.5.4.3; an OID without a name stays one."""
    return _NAMES.get(oid, oid)


def to_text(rdns: Rdns) -> str:
    return ",".join("+".join(f"{kind}={_escape(value)}" for kind, value in rdn) for rdn in rdns)


def _escape(value: str) -> str:
    return re.sub(r'([,+"\\<>;])', r"\\\1", value)


def _split(text: str, separator: str) -> list[str]:
    """Split where the separator isn't escaped or quoted; escapes stay for later."""
    parts, current, quoted, escaped = [], "", False, False
    for char in text:
        if not escaped and not quoted and char == separator:
            parts.append(current)
            current = ""
            continue
        if char == '"' and not escaped and separator != "/":
            quoted = not quoted
        escaped = char == "\\" and not escaped
        current += char
    return [*parts, current]


def _attribute(text: str, slashed: bool) -> tuple[str, str]:
    kind, equals, value = text.partition("=")
    if not equals or not kind.strip():
        raise ArgumentError(
            f"{text.strip()!r} in the subject is not TYPE=VALUE.",
            "A separator inside a value is written with \\ before it.",
        )
    plain = _unescape(value, slashed)
    if not plain:
        raise ArgumentError(f"{kind.strip()} in the subject has no value.")
    return _kind(kind.strip()), plain


def _kind(text: str) -> str:
    oid = _OID.match(text)
    if oid:
        return _NAMES.get(oid[1], oid[1])
    if text.lower() not in _BY_LOWER:
        raise ArgumentError(
            f"{text!r} is not a subject's type that is known here.", f"Known: {' '.join(OIDS)}, or an OID."
        )
    return _BY_LOWER[text.lower()]


def _unescape(value: str, slashed: bool) -> str:
    if slashed:
        return re.sub(r"\\(.)", r"\1", value)
    value = re.sub(r"(?<!\\)((?:\\\\)*) +$", r"\1", value.lstrip(" "))
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    octets = re.sub(
        rb"\\([0-9A-Fa-f]{2})|\\(.)", lambda m: bytes.fromhex(m[1].decode()) if m[1] else m[2], value.encode()
    )
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        raise ArgumentError(f"{value!r} in the subject is not UTF-8 once unescaped.") from error

"""A certificate's parts as its bytes have them (RFC 5280, 4.1): nothing is judged here, and nothing normalised."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

from atecc.x509.tlv import (
    BIT_STRING,
    BMP,
    BOOLEAN,
    GENERALIZED_TIME,
    INTEGER,
    OCTET_STRING,
    SEQUENCE,
    SET,
    T61,
    UNIVERSAL,
    UTC_TIME,
    DerError,
    Element,
    read,
)

COMMON_NAME = "2.5.4.3"


@dataclass(frozen=True, slots=True)
class Attribute:
    """TYPE=VALUE in a name; `joined` with the one behind it in a RelativeDistinguishedName of several."""

    oid: str
    tag: int
    value: bytes
    joined: bool

    @property
    def text(self) -> str:
        codec = {BMP: "utf-16-be", UNIVERSAL: "utf-32-be", T61: "latin-1"}.get(self.tag, "utf-8")
        return self.value.decode(codec, "replace")


@dataclass(frozen=True, slots=True)
class Extension:
    oid: str
    critical: bool
    value: bytes


@dataclass(frozen=True)
class Anatomy:
    """The parts of one certificate. Algorithms are (OID, parameters or None); `spki`: the public key's part, whole."""

    der: bytes
    tbs: bytes
    version: int
    serial: bytes
    inner_algorithm: tuple[str, Element | None]
    algorithm: tuple[str, Element | None]
    signature: bytes
    issuer: list[Attribute]
    subject: list[Attribute]
    not_before: dt.datetime
    not_after: dt.datetime
    spki: bytes
    key_algorithm: tuple[str, Element | None]
    key: bytes
    extensions: list[Extension]

    def extension(self, oid: str) -> Extension | None:
        return next((one for one in self.extensions if one.oid == oid), None)

    @cached_property
    def subject_text(self) -> str:
        return name_text(self.subject)

    @cached_property
    def issuer_text(self) -> str:
        return name_text(self.issuer)


def dissect(der: bytes) -> Anatomy:
    """The parts; DerError if these bytes are no certificate."""
    tbs, outer, signature = _parts(read(der).must_be(SEQUENCE), 3)
    rest = tbs.must_be(SEQUENCE).parts()
    version = 1
    if rest and rest[0].tag == 0xA0:
        version = _only(rest.pop(0)).integer + 1
    if len(rest) < 6:
        raise DerError("a certificate that lacks a part")
    serial, inner, issuer, validity, subject, spki, *more = rest
    key_algorithm, key = _parts(spki.must_be(SEQUENCE), 2)
    not_before, not_after = _parts(validity.must_be(SEQUENCE), 2)
    return Anatomy(
        der=der,
        tbs=tbs.whole,
        version=version,
        serial=serial.must_be(INTEGER).content,
        inner_algorithm=_algorithm(inner),
        algorithm=_algorithm(outer),
        signature=_bits(signature),
        issuer=_name(issuer),
        subject=_name(subject),
        not_before=_time(not_before),
        not_after=_time(not_after),
        spki=spki.whole,
        key_algorithm=_algorithm(key_algorithm),
        key=_bits(key),
        extensions=_extensions(more),
    )


def dissect_name(der: bytes) -> list[Attribute]:
    """The parts of a name alone; DerError if it is none."""
    return _name(read(der))


def name_text(name: list[Attribute]) -> str:
    """A name for people."""
    from atecc.x509.names import to_text, type_name

    return to_text([[(type_name(one.oid), one.text)] for one in name]) or "(no name)"


def _parts(element: Element, count: int) -> list[Element]:
    parts = element.parts()
    if len(parts) != count:
        raise DerError(f"{len(parts)} parts where {count} belong")
    return parts


def _only(element: Element) -> Element:
    return _parts(element, 1)[0]


def _algorithm(element: Element) -> tuple[str, Element | None]:
    oid, *parameters = element.must_be(SEQUENCE).parts() or [element]
    return oid.oid, parameters[0] if parameters else None


def _bits(element: Element) -> bytes:
    content = element.must_be(BIT_STRING).content
    if not content or content[0]:
        raise DerError("a bit string that is no number of bytes")
    return content[1:]


def _name(element: Element) -> list[Attribute]:
    out = []
    for rdn in element.must_be(SEQUENCE).parts():
        attributes = [_parts(one.must_be(SEQUENCE), 2) for one in rdn.must_be(SET).parts()]
        for place, (kind, value) in enumerate(attributes, 1):
            out.append(Attribute(kind.oid, value.tag, value.content, place < len(attributes)))
    return out


def _time(element: Element) -> dt.datetime:
    formats = {UTC_TIME: "%y%m%d%H%M%S", GENERALIZED_TIME: "%Y%m%d%H%M%S"}
    if element.tag not in formats:
        raise DerError("a time that is none")
    text = element.content.decode("ascii", "replace").removesuffix("Z")
    try:
        time = dt.datetime.strptime(text, formats[element.tag]).replace(tzinfo=dt.UTC)
    except ValueError:
        raise DerError(f"{text!r} is no time") from None
    # RFC 5280, 4.1.2.5.1: two digits are 1950 to 2049; Python's are 1969 to 2068.
    return time.replace(year=time.year - 100) if element.tag == UTC_TIME and time.year >= 2050 else time


def _extensions(rest: list[Element]) -> list[Extension]:
    """Behind the key may stand unique identifiers, [1] and [2], and extensions, [3]."""
    found = [one for one in rest if one.tag == 0xA3]
    if any(one.tag & 0xDF not in (0x81, 0x82, 0x83) for one in rest) or len(found) > 1:
        raise DerError("something behind the key that does not belong there")
    return [_extension(one) for one in _only(found[0]).must_be(SEQUENCE).parts()] if found else []


def _extension(element: Element) -> Extension:
    oid, *flag, value = element.must_be(SEQUENCE).parts() or [element, element]
    if len(flag) > 1 or (flag and flag[0].tag != BOOLEAN):
        raise DerError("an extension that is none")
    return Extension(oid.oid, bool(flag and any(flag[0].content)), value.must_be(OCTET_STRING).content)

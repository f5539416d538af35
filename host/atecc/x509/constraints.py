"""Name constraints (RFC 5280, 4.2.1.10): which names a CA's certificates may bear, and which not."""

from __future__ import annotations

from collections.abc import Iterator

from atecc.x509.algorithms import ALTERNATIVE_NAMES
from atecc.x509.anatomy import COMMON_NAME, Anatomy
from atecc.x509.tlv import DerError, Element, first, read

EMAIL, DNS, DIRECTORY, URI, IP = 0x81, 0x82, 0xA4, 0x86, 0x87
_EMAIL_ADDRESS = "1.2.840.113549.1.9.1"
_KINDS = {EMAIL: "e-mail address", DNS: "DNS name", DIRECTORY: "name", URI: "URI", IP: "IP address"}
Name = tuple[int, bytes]


def violated(constraints: bytes, one: Anatomy) -> str:
    """Which name of the certificate is outside, as a clause; empty if all are within."""
    permitted: list[Name] = []
    excluded: list[Name] = []
    for part in read(constraints).parts():
        listed = permitted if part.tag == 0xA0 else excluded
        listed += [_base(subtree) for subtree in part.parts()]
    for kind, name in _names(one):
        bases = [base for tag, base in permitted if tag == kind]
        if bases and not any(_within(kind, name, base) for base in bases):
            return f"the {_shown(kind, name)} is none of those that it permits"
        if any(_within(kind, name, base) for tag, base in excluded if tag == kind):
            return f"the {_shown(kind, name)} is one that it excludes"
    unknown = {tag for tag, _ in [*permitted, *excluded]} - set(_KINDS)
    return "it constrains names of a kind that TLS libraries don't compare" if unknown else ""


def _base(subtree: Element) -> Name:
    base = subtree.parts()[0]
    return base.tag, base.content


def _names(one: Anatomy) -> Iterator[Name]:
    """The subject, e-mail addresses in it, alternative names; the CN where no DNS name is among them (OpenSSL)."""
    subject = _subject(one)
    if one.subject:
        yield DIRECTORY, subject
    yield from ((EMAIL, attribute.value) for attribute in one.subject if attribute.oid == _EMAIL_ADDRESS)
    extension = one.extension(ALTERNATIVE_NAMES)
    listed = [(name.tag, name.content) for name in (read(extension.value).parts() if extension else [])]
    yield from listed
    if not any(tag == DNS for tag, _ in listed):
        for attribute in one.subject:
            if attribute.oid == COMMON_NAME and _like_dns(attribute.text):
                yield DNS, attribute.text.encode()


def _subject(one: Anatomy) -> bytes:
    """The subject's DER: it stands behind serial, algorithm, issuer and validity."""
    parts = read(one.tbs).parts()
    return parts[5 if parts[0].tag == 0xA0 else 4].whole


def _like_dns(text: str) -> bool:
    labels = text.split(".")
    return len(labels) > 1 and all(
        label
        and label.isascii()
        and label.strip("-") == label
        and label.replace("-", "").replace("_", "").isalnum()
        for label in labels
    )


def _within(kind: int, name: bytes, base: bytes) -> bool:
    if kind == DIRECTORY:
        return _directory(name)[: len(_directory(base))] == _directory(base)
    if kind == IP:
        return _ip_within(name, base)
    lower, wanted = name.lower(), base.lower()
    if kind == DNS:
        return not wanted or lower == wanted or lower.endswith(b"." + wanted.removeprefix(b"."))
    if kind == URI:
        lower = _host(lower)
    elif b"@" in wanted:
        return lower == wanted
    host = lower.rpartition(b"@")[2]
    return host.endswith(wanted) if wanted.startswith(b".") else host == wanted


def _ip_within(name: bytes, base: bytes) -> bool:
    address, mask = base[: len(base) // 2], base[len(base) // 2 :]
    return len(address) == len(name) and all(
        a & m == b & m for a, b, m in zip(name, address, mask, strict=False)
    )


def _host(uri: bytes) -> bytes:
    return uri.partition(b"://")[2].partition(b"/")[0].rpartition(b"@")[2].partition(b":")[0]


def _directory(name: bytes) -> list[tuple[tuple[str, bytes], ...]]:
    """RDNs, comparable: types, and values without case and with single blanks."""
    try:
        return [
            tuple(sorted((kind.oid, b" ".join(value.content.lower().split())) for kind, value in _pairs(rdn)))
            for rdn in first(name).parts()
        ]
    except DerError:
        return [(("", name),)]


def _pairs(rdn: Element) -> list[tuple[Element, Element]]:
    return [(one.parts()[0], one.parts()[1]) for one in rdn.parts()]


def _shown(kind: int, name: bytes) -> str:
    what = _KINDS.get(kind, "name")
    if kind in (EMAIL, DNS, URI):
        return f"{what} {name.decode('ascii', 'replace')}"
    return "IP address" if kind == IP else "subject"

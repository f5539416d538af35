"""What is wrong with a certificate that the library refuses: looked up in its bytes, not in the library's words."""

from __future__ import annotations

import contextlib

from atecc.x509.algorithms import (
    ALTERNATIVE_NAMES,
    EC,
    EXTENSION_NAMES,
)
from atecc.x509.anatomy import Anatomy, Attribute, dissect
from atecc.x509.tlv import OID, PRINTABLE, T61, UTF8, DerError, Element, read

_ANEW = "Make it anew from the same key: `openssl req -x509 -utf8 -key FILE -out FILE …`."
_PRINTABLE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?*&@_")
_NAME_KINDS = {0xA3: "an X.400 address", 0xA5: "an EDI party name"}


def diagnose(der: bytes) -> tuple[str, str]:
    """(what is in the way, behind a colon; what to do); both empty if nothing is found."""
    try:
        one = dissect(der)
    except DerError as error:
        return f"it is damaged, or no certificate ({error})", ""
    for look in (_version, _doubled, _names, _key, _alternative_names):
        with contextlib.suppress(DerError):
            found = look(one)
            if found:
                return found, _HINTS[look.__name__]
    return "", ""


def _version(one: Anatomy) -> str:
    return "" if one.version in (1, 3) else f"it is of X.509 version {one.version}, where 3 and 1 are in use"


def _doubled(one: Anatomy) -> str:
    oids = [extension.oid for extension in one.extensions]
    twice = next((oid for oid in oids if oids.count(oid) > 1), "")
    return (
        f"it has the extension {EXTENSION_NAMES.get(twice, twice)} twice, which RFC 5280 forbids"
        if twice
        else ""
    )


def _names(one: Anatomy) -> str:
    for attribute in [*one.subject, *one.issuer]:
        kind = _misencoded(attribute)
        if kind:
            return f"the name {attribute.text!r} in it is {kind}"
    return ""


def _misencoded(attribute: Attribute) -> str:
    if attribute.tag == T61 and not attribute.value.isascii():
        return "in Latin-1 (a T61String, as OpenSSL made it long ago), which this tool does not read"
    if attribute.tag == PRINTABLE and not set(attribute.value) <= _PRINTABLE:
        return "called a PrintableString, and has characters that such a one can't have"
    if attribute.tag == UTF8:
        try:
            attribute.value.decode()
        except UnicodeDecodeError:
            return "called UTF-8, and is not"
    return ""


def _key(one: Anatomy) -> str:
    oid, parameters = one.key_algorithm
    if oid == EC and (parameters is None or parameters.tag != OID):
        return "its key has explicit curve parameters instead of a curve's name"
    return ""


def _alternative_names(one: Anatomy) -> str:
    extension = one.extension(ALTERNATIVE_NAMES)
    for name in read(extension.value).parts() if extension else []:
        found = _wrong_name(name)
        if found:
            return f"among its alternative names is {found}"
    return ""


def _wrong_name(name: Element) -> str:
    if name.tag in _NAME_KINDS:
        return f"{_NAME_KINDS[name.tag]}, which this tool does not read"
    if name.tag == 0x87 and len(name.content) not in (4, 16):
        return f"an IP address of {len(name.content)} bytes, where 4 or 16 are possible"
    if name.tag in (0x81, 0x82, 0x86) and not name.content.isascii():
        return "one with characters beyond ASCII"
    return ""


_HINTS = {
    "_version": _ANEW,
    "_doubled": "Look for the second one in the configuration it was made with, and make it anew.",
    "_names": _ANEW,
    "_key": "`openssl ec -in KEY -param_enc named_curve -out NEW` writes the key with the curve's name; then make the "
    "certificate anew.",
    "_alternative_names": _ANEW,
}

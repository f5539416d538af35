"""Whether a certificate is for this host, as Mbed TLS 3.6 decides (x509_crt_verify_name).

Alternative names count alone where there are any, of whatever type; the CN only where there are none, and it may be an
IP address. `*.` stands for one label, the first.
"""

from __future__ import annotations

import ipaddress

from atecc.x509.algorithms import ALTERNATIVE_NAMES
from atecc.x509.anatomy import COMMON_NAME, Anatomy
from atecc.x509.tlv import DerError, Element, read

DNS, URI, IP = 0x82, 0x86, 0x87


def is_for(one: Anatomy, host: str) -> bool:
    if one.extension(ALTERNATIVE_NAMES) is None:
        return any(_matches(a.value, host) for a in one.subject if a.oid == COMMON_NAME)
    names = _alternative_names(one)
    if any(name.tag == DNS and _matches(name.content, host) for name in names):
        return True
    if any(name.tag == IP and name.content == _packed(host) for name in names):
        return True
    return any(name.tag == URI and name.content == host.encode() for name in names)


def names_of(one: Anatomy) -> str:
    """The names that count, for people."""
    if one.extension(ALTERNATIVE_NAMES) is None:
        common = [a.text for a in one.subject if a.oid == COMMON_NAME]
        return " and ".join(f"CN {name}" for name in common) or "no name at all"
    shown = [text for name in _alternative_names(one) if (text := _shown(name))]
    return ", ".join(shown[:6]) + (" …" if len(shown) > 6 else "") or "alternative names that are no host's"


def _alternative_names(one: Anatomy) -> list[Element]:
    extension = one.extension(ALTERNATIVE_NAMES)
    try:
        return read(extension.value).parts() if extension else []
    except DerError:
        return []


def _matches(pattern: bytes, host: str) -> bool:
    name, wanted = pattern.lower(), host.encode().lower()
    if name == wanted:
        return True
    label, dot, rest = wanted.partition(b".")
    return bool(label and dot) and len(name) >= 3 and name.startswith(b"*.") and name[2:] == rest


def _packed(host: str) -> bytes:
    try:
        return ipaddress.ip_address(host).packed
    except ValueError:
        return b"no address"


def _shown(name: Element) -> str:
    if name.tag == IP:
        try:
            return str(ipaddress.ip_address(name.content))
        except ValueError:
            return "an IP address that is none"
    return name.content.decode("ascii", "replace") if name.tag in (DNS, URI) else ""

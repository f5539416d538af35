"""Names of hosts: what DNS can't have is said here, before a socket is asked for it."""

from __future__ import annotations

import ipaddress
import re

_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?")
LONGEST_LABEL, LONGEST_NAME = 63, 253  # RFC 1035, 2.3.4, without the root's dot


class HostError(ValueError):
    """Why it is no host's name, to be read behind a colon."""


def dns_name(host: str) -> str:
    """The name as DNS has it (IDNA beyond ASCII), or an IP address as it was written."""
    if is_ip(host):
        return host
    if not host:
        raise HostError("its host is empty")
    if re.search(r"[\s/]", host):
        raise HostError("a name has no blanks and no slashes in it")
    if "@" in host:
        raise HostError("a user does not stand in it")
    name = _ascii(host).removesuffix(".")
    for label in name.split("."):
        _check(label)
    if len(name) > LONGEST_NAME:
        raise HostError(f"a host's name has at most {LONGEST_NAME} characters")
    return name


def is_ip(host: str, version: int | None = None) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return version is None or address.version == version


def _ascii(host: str) -> str:
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        raise HostError("its name can't be written for DNS (IDNA)") from None


def _check(label: str) -> None:
    if not label:
        raise HostError("nothing stands between two of its dots")
    if len(label) > LONGEST_LABEL:
        raise HostError(
            f"{label[:20]}… has {len(label)} characters, and between two dots {LONGEST_LABEL} is the most"
        )
    if not _LABEL.fullmatch(label):
        raise HostError(f"{label!r} is not made of letters, digits and hyphens")

"""What a server's certificate is for: key usage and extended key usage, as Mbed TLS looks at them (ssl_tls.c)."""

from __future__ import annotations

from atecc.broker.flaws import Flaw
from atecc.broker.path import has_usage
from atecc.x509.algorithms import EXTENDED_KEY_USAGE
from atecc.x509.anatomy import Anatomy
from atecc.x509.tlv import DerError, read

DIGITAL_SIGNATURE = 0
SERVER_AUTH, ANY_USE = "1.3.6.1.5.5.7.3.1", "2.5.29.37.0"


def usage_flaws(leaf: Anatomy) -> list[Flaw]:
    flaws = []
    if not has_usage(leaf, DIGITAL_SIGNATURE):
        flaws.append(
            Flaw(
                "usage",
                "The broker's certificate has a key usage without digitalSignature: a board does not take it for TLS.",
            )
        )
    if not _may_serve(leaf):
        flaws.append(
            Flaw(
                "usage",
                "The broker's certificate is not for a server: its extended key usage lacks serverAuth.",
            )
        )
    return flaws


def _may_serve(leaf: Anatomy) -> bool:
    extension = leaf.extension(EXTENDED_KEY_USAGE)
    if extension is None:
        return True
    try:
        return any(one.oid in (SERVER_AUTH, ANY_USE) for one in read(extension.value).parts())
    except DerError:
        return False

"""What a server's certificate is for: key usage and extended key usage, as Mbed TLS looks at them (ssl_tls.c)."""

from __future__ import annotations

from atecc.broker.flaws import Flaw
from atecc.x509.algorithms import EXTENDED_KEY_USAGE
from atecc.x509.anatomy import Anatomy
from atecc.x509.parts import ANY_USE, DIGITAL_SIGNATURE, SERVER_AUTH, has_usage, purposes


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
    return leaf.extension(EXTENDED_KEY_USAGE) is None or bool(purposes(leaf) & {SERVER_AUTH, ANY_USE})

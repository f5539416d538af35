"""What AWS IoT allows as the name of a thing."""

from __future__ import annotations

import re

from atecc.errors import ArgumentError
from atecc.x509.names import Rdns

_THING_NAME = re.compile(r"[a-zA-Z0-9:_-]{1,128}")
_CN_MAX = 64  # RFC 5280, ub-common-name


def check_thing(thing: str) -> None:
    """An ArgumentError for a name that AWS gives no thing, or that would be allowed all things' topics."""
    if not _THING_NAME.fullmatch(thing):
        raise ArgumentError(
            f"{thing!r} is not possible as a thing's name.",
            "AWS allows 1 to 128 of these: letters, digits, colon, underscore, hyphen.",
        )
    if thing == "things":
        raise ArgumentError(
            "A thing can't be called things: the topics of all things are below things/.",
            "Give it another name.",
        )


def default_subject(thing: str) -> Rdns:
    """CN=THING, or an ArgumentError for a name that no thing can have.

    A longer name than a CN can hold is cut: AWS puts a subject of its own into the certificate.
    """
    check_thing(thing)
    return [[("CN", thing[:_CN_MAX])]]

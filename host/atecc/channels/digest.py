"""Digest authentication inside frames, as Mongoose OS's clients do it (RFC 7616 with SHA-256 and a fixed method).

A 401 error's message is the challenge, a JSON text. The answer is good for the one request that it goes with.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from atecc.bounded import parse
from atecc.errors import ChannelError

REALM = "RPC"
DEFAULT_USER = "admin"
_HA2_OF = "dummy_method:dummy_uri"


def ha1(user: str, password: str, realm: str = REALM) -> str:
    """What a device keeps instead of the password."""
    return _hash(f"{user}:{realm}:{password}")


def challenge_in(reply: bytes) -> dict[str, Any] | None:
    """The challenge, if this reply is one; a ChannelError if it is one that can't be answered."""
    try:
        error = parse(reply)["error"]
        if error["code"] != 401:
            return None
        challenge = parse(error["message"])
    except (ValueError, TypeError, KeyError):
        return None
    if not isinstance(challenge, dict) or not (
        isinstance(challenge.get("nonce"), int | str) and isinstance(challenge.get("realm"), str)
    ):
        raise ChannelError("The device asks for a password, but not in a way that makes sense.")
    if challenge.get("auth_type", "digest") != "digest" or challenge.get("algorithm") != "SHA-256":
        raise ChannelError(
            "The device asks for the password in another way than digest with SHA-256: it was not sent."
        )
    return challenge


def answer(challenge: dict[str, Any], user: str, password: str) -> dict[str, Any]:
    """The `auth` of a frame that is sent once more."""
    cnonce = secrets.token_hex(8)
    realm, nonce, count = challenge["realm"], challenge["nonce"], challenge.get("nc", 1)
    response = _hash(f"{ha1(user, password, realm)}:{nonce}:{count}:{cnonce}:auth:{_hash(_HA2_OF)}")
    return {
        "realm": realm,
        "username": user,
        "nonce": nonce,
        "cnonce": cnonce,
        "algorithm": "SHA-256",
        "response": response,
        "opaque": challenge.get("opaque", ""),
    }


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

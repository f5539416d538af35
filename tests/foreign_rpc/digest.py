"""RFC 7616 digests by hand, SHA-256 only, as in frames and over HTTP."""

import hashlib
import re
from typing import Any

REALM = "RPC"
CNONCE = 0x5EED


def h(text: str, algorithm: str = "sha256") -> str:
    return hashlib.new(algorithm, text.encode()).hexdigest()


def ha1(user: str, password: str, realm: str = REALM) -> str:
    return h(f"{user}:{realm}:{password}")


def in_frame(challenge: dict[str, Any], user: str, password: str, cnonce: int = CNONCE) -> dict[str, Any]:
    """The `auth` member that answers a challenge."""
    nonce = challenge["nonce"]
    ha2 = h("dummy_method:dummy_uri")
    return {
        "realm": challenge["realm"],
        "username": user,
        "nonce": nonce,
        "cnonce": cnonce,
        "algorithm": challenge["algorithm"],
        "response": h(f"{ha1(user, password, challenge['realm'])}:{nonce}:1:{cnonce}:auth:{ha2}"),
        "opaque": "",
    }


def http_challenge(header: str) -> dict[str, str]:
    """The fields of a WWW-Authenticate header; the algorithm has to be the last."""
    scheme, _, rest = header.partition(" ")
    assert scheme == "Digest", header
    fields = re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', rest)
    assert [name for name, *_ in fields][-1] == "algorithm", header
    return {name: quoted or bare for name, quoted, bare in fields}


def authorization(
    challenge: dict[str, str], user: str, password: str, method: str, path: str, **fields: str
) -> str:
    """The Authorization header that answers a challenge; `fields` replaces what it says."""
    nonce, cnonce, qop = challenge["nonce"], f"{CNONCE:08x}", challenge["qop"]
    response = h(
        f"{ha1(user, password, challenge['realm'])}:{nonce}:00000001:{cnonce}:{qop}:{h(f'{method}:{path}')}"
    )
    said = {
        "username": f'"{user}"',
        "realm": f'"{challenge["realm"]}"',
        "nonce": f'"{nonce}"',
        "uri": f'"{path}"',
        "algorithm": challenge["algorithm"],
        "qop": qop,
        "nc": "00000001",
        "cnonce": f'"{cnonce}"',
        "response": f'"{response}"',
    } | fields
    return "Digest " + ", ".join(f"{name}={value}" for name, value in said.items() if value)

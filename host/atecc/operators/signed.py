"""Requests that an operator signs, and replies that a device signs (firmware/rpc/README.md, "Signed requests").

So nobody need believe the broker between them. A payload is `atecc-signed-1`, a line with the signature, and the frame.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atecc import whole
from atecc.bounded import parse, read_path
from atecc.errors import CertificateError
from atecc.operators.known import fingerprint, locked
from atecc.x509.points import from_point
from atecc.x509.requests import der

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

MAGIC = b"atecc-signed-1\n"
_REQUEST = b"atecc-signed-1 request\n"
_REPLY = b"atecc-signed-1 reply\n"
SIDE = 32


class Counters:
    """The number of the last request to each device, in a file: none takes one that is not larger than those before.

    Each device has numbers of its own: one that names a very high one as the next does harm to nobody else.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def next(self, device: str, least: int = 1) -> int:
        """A number that nobody on this computer has used for `device`, `least` or more."""
        with locked(self._path.with_suffix(".lock")):
            last = self._read()
            number = last[device] = max(last.get(device, 0) + 1, least)
            data = json.dumps({"last": last}, indent=2, sort_keys=True).encode() + b"\n"
            whole.write(self._path, data, secret=True, over=True)
        return number

    def _read(self) -> dict[str, int]:
        try:
            return {str(name): int(last) for name, last in json.loads(read_path(self._path))["last"].items()}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise CertificateError(f"{self._path} can't be read: {error.strerror}.") from error
        except (ValueError, KeyError, TypeError, AttributeError):
            return {}  # a device says which number is its next


class Signer:
    """Signs what goes to one device, with a certificate and its key; `counters` number it."""

    def __init__(
        self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, counters: Counters, device: str
    ) -> None:
        self._certificate = base64.b64encode(der(certificate)).decode()
        self._key = key
        self._counters = counters
        self._device = device

    def sign(self, head: dict[str, Any], frame: bytes, least: int = 1) -> tuple[bytes, bytes]:
        """(payload, the hash that the reply is going to be bound to); `head` is the `id` and `src` of the frame."""
        now, number = int(time.time()), self._counters.next(self._device, least)
        message = _REQUEST + f"{self._device}\n{now} {number}\n".encode() + frame
        signature = base64.b64encode(_sign(self._key, message)).decode()
        head = head | {"operator": self._certificate, "time": now, "counter": number, "signature": signature}
        line = json.dumps(head, separators=(",", ":")).encode()
        return MAGIC + line + b"\n" + frame, hashlib.sha256(message).digest()


def opened(payload: bytes, digest: bytes) -> tuple[bytes, str] | None:
    """(frame, the SHA-256 of the device's key) of a reply that is signed, for the request with this hash; else None."""
    try:
        magic, line, frame = payload.split(b"\n", 2)
        head = parse(line)
        point, signature = (base64.b64decode(head[name], validate=True) for name in ("key", "signature"))
        if magic + b"\n" != MAGIC or not _verifies(point, signature, _REPLY + digest + frame):
            return None
        return frame, fingerprint(point)
    except (ValueError, KeyError, TypeError, CertificateError):
        return None


def _sign(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256

    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA256())))
    return r.to_bytes(SIDE, "big") + s.to_bytes(SIDE, "big")


def _verifies(point: bytes, signature: bytes, message: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256

    r, s = (int.from_bytes(half, "big") for half in (signature[:SIDE], signature[SIDE:]))
    try:
        from_point(point).verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return len(signature) == 2 * SIDE

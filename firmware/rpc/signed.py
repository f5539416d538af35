"""Requests and replies over MQTT that need no belief in the broker: both are signed (README.md, "Over MQTT").

A signed payload has three parts, each but the last a line of its own:

    atecc-signed-1
    {"id", "src", "operator", "time", "counter", "signature"}       in a reply {"key", "signature"}
    {the frame}

What is signed begins with words of its own, so that no signature for anything else can stand for it, or the other way.
"""

import binascii
import json
from hashlib import sha256

from micropython import const

from .errors import RpcError
from .frame import SIZE_MAX, is_head, load
from .params import encode

MAGIC = b"atecc-signed-1\n"
_REQUEST = MAGIC[:-1] + b" request\n"
_REPLY = MAGIC[:-1] + b" reply\n"
_HEAD_MAX = const(3072)
_CERTIFICATE_MAX = const(2048)
COUNTER_MAX = const(9007199254740991)  # 2^53 - 1: beyond it JSON's numbers are not exact everywhere


class Signed:
    """A signed request, of which nothing is verified; RpcError if it has not the form of one.

    Attributes: head (its `id` and `src`), operator (a certificate, DER), time (Unix seconds), counter, signature (r
    then s), frame (memoryview).
    """

    def __init__(self, payload):
        end = payload.find(b"\n", len(MAGIC), len(MAGIC) + _HEAD_MAX)
        if end < 0 or len(payload) > len(MAGIC) + _HEAD_MAX + SIZE_MAX:
            raise RpcError("frame", "a signed request has a line of at most %d bytes in front" % _HEAD_MAX)
        head = load(payload[len(MAGIC) : end])
        if not is_head(head):
            raise RpcError("frame", "a signed request begins with its id and src")
        self.head = {name: head[name] for name in ("id", "src") if name in head}
        self.operator = _binary(head, "operator", 1, _CERTIFICATE_MAX)
        self.signature = _binary(head, "signature", 64, 64)
        self.time = _number(head, "time")
        self.counter = _number(head, "counter")
        self.frame = memoryview(payload)[end + 1 :]

    def digest(self, name):
        """What the operator has signed for the device with this name (SHA-256)."""
        told = sha256(_REQUEST + name.encode() + b"\n%d %d\n" % (self.time, self.counter))
        told.update(self.frame)
        return told.digest()


def _binary(head, name, least, most):
    try:
        data = binascii.a2b_base64(head.get(name))
    except (ValueError, TypeError):
        data = b""
    if not least <= len(data) <= most:
        raise RpcError("frame", "%s: base64 of %d to %d bytes" % (name, least, most))
    return data


def _number(head, name):
    value = head.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= COUNTER_MAX:
        raise RpcError("frame", "%s: a whole number from 0 to %d" % (name, COUNTER_MAX))
    return value


class Seal:
    """Signs replies with the key of the active identity of `store`, in `chip`."""

    def __init__(self, chip, store):
        self._chip = chip
        self._store = store
        self._key = None, None, None  # of which switch, which slot, and the public key

    def key(self):
        """(slot, public key) of the identity that is active now: it is the one by which a caller knows the device."""
        switch = self._store.switch
        if self._key[0] != switch:
            self._key = (switch,) + self._store.key()
        return self._key[1:]

    def close(self, reply, digest, key):
        """`reply` (str) to the request with this digest, signed by `key`."""
        slot, public = key
        told = sha256(_REPLY + digest)
        told.update(reply.encode())
        signature = self._chip.Sign(slot, told.digest())
        head = json.dumps({"key": encode(public), "signature": encode(signature)})
        return MAGIC.decode() + head + "\n" + reply

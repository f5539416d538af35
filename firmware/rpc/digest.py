"""Digest authentication (RFC 7616, SHA-256 only), in frames as Mongoose OS does it and in HTTP headers.

A nonce is a number that the device can tell to be its own, and recent, without remembering it: however many are asked
for, no memory goes. What it remembers is which of the last ones were used; a nonce is good for one answer.
"""

import json
import os
from hashlib import sha256

import _thread
from micropython import const

import uptime

from .errors import RpcError

REALM = "RPC"
_NONCE_MAX = const(24)  # digits
_TICK_MS = const(16384)
_TICKS_VALID = const(4)  # about a minute
_WINDOW = const(64)


def _hex(text):
    return sha256(text.encode()).digest().hex()


class Nonces:
    """Numbers for one use each: a counter, the time and a check that only this device can compute.

    Of the time there are 8 bits to see. The rest is in the check: what was made 256 ticks ago, or longer, has another.
    """

    def __init__(self):
        self._secret = os.urandom(32)
        self._counter = 0
        self._newest = 0  # of the used ones
        self._used = 0  # a bit for each of the _WINDOW counters up to the newest

    @staticmethod
    def _tick():
        return uptime.ms() // _TICK_MS

    def _sealed(self, counter, tick):
        inner = sha256(self._secret + b"%d %d" % (counter, tick)).digest()
        seal = sha256(self._secret + inner).digest()[:3]
        return (counter << 8 | tick & 0xFF) << 24 | int.from_bytes(seal, "big")

    def make(self):
        self._counter += 1
        return self._sealed(self._counter, self._tick())

    def is_fresh(self, nonce):
        """Whether `nonce` was made here, lately, and is not used yet."""
        now = self._tick()
        counter, made = nonce >> 32, now - ((now - (nonce >> 24)) & 0xFF)
        if nonce < 0 or nonce != self._sealed(counter, made) or now - made > _TICKS_VALID:
            return False
        age = self._newest - counter
        return age < 0 or (age < _WINDOW and not self._used >> age & 1)

    def use(self, nonce):
        counter = nonce >> 32
        age = self._newest - counter
        if age < 0:
            self._used = (self._used << min(-age, _WINDOW)) & ((1 << _WINDOW) - 1)
            self._newest = counter
            age = 0
        self._used |= 1 << age


class Digest:
    """Checks answers against the user and the password that `access` knows."""

    def __init__(self, access):
        self._access = access
        self._nonces = Nonces()
        self._lock = _thread.allocate_lock()

    # In frames.

    def challenge(self):
        """The RpcError with the challenge, for a frame that came without an answer, or with a wrong one."""
        what = {"auth_type": "digest", "nonce": self._nonces.make(), "nc": 1, "realm": REALM}
        return RpcError("auth", json.dumps(what | {"algorithm": "SHA-256"}))

    def accepts_frame(self, auth):
        """Whether a frame's `auth` object is right."""
        if not isinstance(auth, dict) or not isinstance(auth.get("nonce"), int):
            return False
        if isinstance(auth.get("cnonce"), int):  # as Mongoose OS's client sends it
            auth = auth | {"cnonce": str(auth["cnonce"])}
        return self._check(auth, auth["nonce"], "1", "auth", _hex("dummy_method:dummy_uri"))

    # In HTTP.

    def http_challenge(self):
        """The value of WWW-Authenticate."""
        return 'Digest qop="auth", realm="%s", nonce="%d", algorithm=SHA-256' % (REALM, self._nonces.make())

    def accepts_http(self, method, uri, header):
        """Whether the value of Authorization is right for this request; `uri` as it stands in the request line."""
        if not header or header[:7].lower() != "digest ":
            return False
        given = _fields(header[7:])
        nonce = given.get("nonce", "")
        if not nonce.isdigit() or len(nonce) > _NONCE_MAX or given.get("uri", uri) != uri:
            return False
        counted = given.get("nc", "00000001")
        return self._check(
            given, int(nonce), counted, given.get("qop", "auth"), _hex("%s:%s" % (method, uri))
        )

    def _check(self, given, nonce, counted, qop, ha2):
        plain = self._access.plain
        user, ha1 = plain["username"], plain["ha1"]
        words = ("username", "cnonce", "realm", "response")
        if not (plain["enable"] and ha1) or any(not isinstance(given.get(word), str) for word in words):
            return False
        if given.get("algorithm", "SHA-256") != "SHA-256" or given["realm"] != REALM:
            return False
        expected = _hex("%s:%d:%s:%s:%s:%s" % (ha1, nonce, counted, given["cnonce"], qop, ha2))
        right = _same(expected, given["response"]) and _same(user, given["username"])
        with self._lock:
            if not right or not self._nonces.is_fresh(nonce):
                return False
            self._nonces.use(nonce)
            return True


def _same(ours, theirs):
    """Whether two texts are equal, in a time that does not tell where they differ."""
    ours, theirs = sha256(ours.encode()).digest(), sha256(theirs.encode()).digest()
    difference = 0
    for a, b in zip(ours, theirs):
        difference |= a ^ b
    return difference == 0


def _fields(header):
    """The name=value pairs of an Authorization header; values may be quoted, and hold commas then."""
    fields = {}
    while header and len(fields) < 16:
        name, sep, header = header.partition("=")
        if not sep:
            break
        if header[:1] == '"':
            value, _, header = header[1:].partition('"')
            header = header.partition(",")[2]
        else:
            value, _, header = header.partition(",")
        fields[name.strip().lower()] = value.strip()
    return fields

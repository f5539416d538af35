"""Signed requests over MQTT, written from the contract (firmware/rpc/README.md, "Signed requests")."""

import hashlib
import json
import time
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from foreign_rpc.frames import BadReply, text
from foreign_rpc.mos import b64, unb64
from foreign_rpc.mqttchannel import MqttChannel
from simcloud.pki import Authority, Validity, name

MARK = x509.ObjectIdentifier("2.25.274449194123620572914822031769018701066")
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH


class Operator:
    """A key and its certificate, and the number of its last request; every detail may be replaced."""

    def __init__(
        self,
        ca: Authority,
        usages: tuple[x509.ObjectIdentifier, ...] = (CLIENT, MARK),
        validity: Validity | None = None,
        curve: ec.EllipticCurve | None = None,
    ) -> None:
        self.key = ec.generate_private_key(curve or ec.SECP256R1())
        extensions = ((x509.ExtendedKeyUsage(usages), False),) if usages else ()
        validity = validity or Validity.days(-1, 10)
        self.certificate = ca.sign(self.key.public_key(), name(common_name="alice"), validity, extensions)
        self.counter = 0

    def sign(self, message: bytes) -> bytes:
        r, s = decode_dss_signature(self.key.sign(message, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def signed(self, device: str, frame: bytes, **instead: Any) -> tuple[bytes, bytes]:
        """(payload, the digest that it is signed over); `instead` replaces fields of the head."""
        self.counter += 1
        plain = json.loads(frame)
        head = {name: plain[name] for name in ("id", "src") if name in plain}
        head |= {"time": int(time.time()), "counter": self.counter}
        head |= {name: instead[name] for name in ("time", "counter") if name in instead}
        message = f"atecc-signed-1 request\n{device}\n{head['time']} {head['counter']}\n".encode() + frame
        head["operator"] = b64(self.certificate.public_bytes(Encoding.DER))
        head["signature"] = b64(self.sign(message))
        payload = b"atecc-signed-1\n" + text(head | instead) + b"\n" + frame
        return payload, hashlib.sha256(message).digest()


def opened(payload: bytes, digest: bytes) -> tuple[dict[str, Any], bytes]:
    """(reply, the device's key as X then Y), if the device has signed it for that request."""
    magic, head, frame = payload.split(b"\n", 2)
    if magic != b"atecc-signed-1":
        raise BadReply(f"not signed: {payload[:80]!r}")
    told = json.loads(head)
    point, signature = unb64(told["key"]), unb64(told["signature"])
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\4" + point)
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    try:
        key.verify(encode_dss_signature(r, s), b"atecc-signed-1 reply\n" + digest + frame, ec.ECDSA(SHA256()))
    except InvalidSignature:
        raise BadReply("not signed by that key, or for another request") from None
    return json.loads(frame), point


class SignedChannel:
    """A channel for Mos, through `channel`, that signs; `keys` are those by which the device has signed."""

    def __init__(self, channel: MqttChannel, operator: Operator) -> None:
        self.channel, self.operator = channel, operator
        self.src = channel.src
        self.keys: list[bytes] = []

    def exchange(self, frame: dict[str, Any], timeout: float = 10, **instead: Any) -> dict[str, Any]:
        """The reply; a number that is too low is followed by the next one, unless `instead` has it."""
        plain = text(frame | {"src": self.src})
        payload, digest = self.operator.signed(self.channel.device, plain, **instead)
        self.channel.send(payload)
        reply, key = opened(self.channel.raw(timeout), digest)
        self.keys.append(key)
        least = reply.get("error", {}).get("next")
        if least is None or "counter" in instead:
            return reply
        self.operator.counter = least - 1
        return self.exchange(frame, timeout, **instead)

    def close(self) -> None:
        self.channel.close()

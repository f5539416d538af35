"""A device's side of signed requests over MQTT, written from the contract (firmware/rpc/README.md)."""

import base64
import hashlib
import json

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_der_x509_certificate


def opened(payload, name):
    """(head, frame, digest) of a request to the device with this name; its signature must be right."""
    magic, line, frame = payload.split(b"\n", 2)
    head = json.loads(line)
    message = f"atecc-signed-1 request\n{name}\n{head['time']} {head['counter']}\n".encode() + frame
    r, s = (int.from_bytes(base64.b64decode(head["signature"])[at : at + 32], "big") for at in (0, 32))
    key = load_der_x509_certificate(base64.b64decode(head["operator"])).public_key()
    key.verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    request = json.loads(frame)
    assert (magic, head["id"], head["src"]) == (b"atecc-signed-1", request["id"], request["src"])
    return head, frame, hashlib.sha256(message).digest()


def point_of(key):
    numbers = key.public_key().public_numbers()
    return numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


def sealed(frame, digest, key):
    """The reply `frame`, signed by the device's `key` for the request with that digest."""
    r, s = decode_dss_signature(key.sign(b"atecc-signed-1 reply\n" + digest + frame, ec.ECDSA(SHA256())))
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    head = {"key": _b64(point_of(key)), "signature": _b64(signature)}
    return b"atecc-signed-1\n" + json.dumps(head).encode() + b"\n" + frame


def _b64(data):
    return base64.b64encode(data).decode()

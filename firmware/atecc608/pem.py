"""Certificates out of a file: DER, or PEM (RFC 7468) with any text and any other objects around them."""

import binascii

_BEGIN = b"-----BEGIN CERTIFICATE-----"
_END = b"-----END CERTIFICATE-----"


def certificates(data):
    """The certificates in `data` (bytes) as a list of DER; ValueError if there is none, or one that is damaged."""
    if data[:1] == b"\x30" and _BEGIN not in data:
        return [data]
    out = []
    at = data.find(_BEGIN)
    while at >= 0:
        end = data.find(_END, at)
        if end < 0:
            raise ValueError("a certificate in it has no end")
        try:
            out.append(binascii.a2b_base64(data[at + len(_BEGIN) : end]))
        except ValueError:
            raise ValueError("a certificate in it is no base64")
        at = data.find(_BEGIN, end)
    if not out:
        raise ValueError("there is no certificate in it")
    return out

"""Certificates from DER pieces: what people's certificates are like, down to encodings that no library makes."""

import base64
import datetime as dt
import functools
import ipaddress
import textwrap

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

UTF8, PRINTABLE, T61, BMP, NUMERIC = 0x0C, 0x13, 0x14, 0x1E, 0x12


def tlv(tag, *parts):
    content = b"".join(parts)
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


seq = functools.partial(tlv, 0x30)


def oid(dotted):
    first, second, *rest = map(int, dotted.split("."))
    out = bytearray()
    for arc in (first * 40 + second, *rest):
        groups = [arc & 127]
        while arc := arc >> 7:
            groups.insert(0, arc & 127 | 128)
        out += bytes(groups)
    return tlv(6, bytes(out))


def name(*pairs):
    """name(("2.5.4.3", UTF8, b"x"), …): one RDN each."""
    return seq(*(tlv(0x31, seq(oid(kind), tlv(tag, value))) for kind, tag, value in pairs))


def cn(text, tag=UTF8):
    return name(("2.5.4.3", tag, text.encode()))


def utc(time):
    return tlv(0x17, time.strftime("%y%m%d%H%M%SZ").encode())


def generalized(time):
    return tlv(0x18, time.strftime("%Y%m%d%H%M%SZ").encode())


def days(count):
    return dt.datetime.now(dt.UTC) + dt.timedelta(days=count)


# Extensions


def ext(dotted, value, critical=False):
    return seq(oid(dotted), tlv(1, b"\xff") if critical else b"", tlv(4, value))


def basic(ca=True, pathlen=None):
    parts = [tlv(1, b"\xff")] if ca else []
    return ext("2.5.29.19", seq(*parts, *([] if pathlen is None else [tlv(2, bytes([pathlen]))])), True)


def usage(*bits):
    """usage(0): digitalSignature; 2 keyEncipherment, 5 keyCertSign, 6 cRLSign."""
    value = sum(0x80 >> bit for bit in bits)
    return ext("2.5.29.15", tlv(3, b"\0" + bytes([value])), True)


def extended(*purposes):
    return ext("2.5.29.37", seq(*map(oid, purposes)))


def san(*names):
    """san("DNS:x", "IP:127.0.0.1", "email:a@b"); bytes are taken as they are."""
    tags = {"DNS": 0x82, "URI": 0x86, "email": 0x81}
    out = []
    for one in names:
        kind, _, value = one.partition(":")
        content = ipaddress.ip_address(value).packed if kind == "IP" else value.encode()
        out.append(tlv(0x87 if kind == "IP" else tags[kind], content))
    return ext("2.5.29.17", seq(*out))


CA = (basic(), usage(5, 6))
SERVER_AUTH, CLIENT_AUTH, ANY = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "2.5.29.37.0"

# Keys, made once: an RSA key takes its time.


def ec_key(curve=ec.SECP256R1):
    return ec.generate_private_key(curve())


@functools.cache
def rsa_key(bits=2048, which=0):
    return rsa.generate_private_key(65537, bits)


def ed_key():
    return ed25519.Ed25519PrivateKey.generate()


_HASHES = {"MD5": hashes.MD5, "SHA1": hashes.SHA1, "SHA224": hashes.SHA224}
_HASHES |= {"SHA256": hashes.SHA256, "SHA384": hashes.SHA384, "SHA512": hashes.SHA512}
_RSA = {"MD5": 4, "SHA1": 5, "SHA224": 14, "SHA256": 11, "SHA384": 12, "SHA512": 13}
_ECDSA = {"SHA1": "1.2.840.10045.4.1", "SHA224": "1.2.840.10045.4.3.1"}
_ECDSA |= {"SHA256": "1.2.840.10045.4.3.2", "SHA384": "1.2.840.10045.4.3.3", "SHA512": "1.2.840.10045.4.3.4"}


def _pss(size):
    sha256 = seq(oid("2.16.840.1.101.3.4.2.1"), tlv(5))
    mgf = seq(oid("1.2.840.113549.1.1.8"), sha256)
    return seq(
        oid("1.2.840.113549.1.1.10"), seq(tlv(0xA0, sha256), tlv(0xA1, mgf), tlv(0xA2, tlv(2, bytes([size]))))
    )


def signer(key, digest="SHA256", pss=False):
    """(AlgorithmIdentifier, sign) for a key."""
    algorithm = _HASHES[digest]()
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return seq(oid("1.3.101.112")), key.sign
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return seq(oid(_ECDSA[digest])), lambda data: key.sign(data, ec.ECDSA(algorithm))
    if pss:
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        return _pss(32), lambda data: key.sign(data, scheme, hashes.SHA256())
    identifier = seq(oid(f"1.2.840.113549.1.1.{_RSA[digest]}"), tlv(5))
    return identifier, lambda data: key.sign(data, padding.PKCS1v15(), algorithm)


def spki(key):
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def cert(
    subject,
    key,
    issuer=None,
    issuer_key=None,
    *,
    exts=(),
    version=3,
    since=-1,
    until=30,
    dates=None,
    serial=b"\x01",
    digest="SHA256",
    pss=False,
    key_info=None,
):
    """One certificate in DER, signed by `issuer_key` or by its own. subject, issuer: text for a CN, or DER."""
    subject, issuer = (cn(one) if isinstance(one, str) else one for one in (subject, issuer or subject))
    algorithm, sign = signer(issuer_key or key, digest, pss)
    validity = dates or (utc(days(since)), utc(days(until)))
    tbs = seq(
        tlv(0xA0, tlv(2, bytes([version - 1]))) if version > 1 else b"",
        tlv(2, serial),
        algorithm,
        issuer,
        seq(*validity),
        subject,
        key_info or spki(key),
        tlv(0xA3, seq(*exts)) if exts else b"",
    )
    return seq(tbs, algorithm, tlv(3, b"\0", sign(tbs)))


def csr(subject, key, exts=(), digest="SHA256"):
    algorithm, sign = signer(key, digest)
    wanted = seq(oid("1.2.840.113549.1.9.14"), tlv(0x31, seq(*exts))) if exts else b""
    info = seq(
        tlv(2, b"\0"), cn(subject) if isinstance(subject, str) else subject, spki(key), tlv(0xA0, wanted)
    )
    return seq(info, algorithm, tlv(3, b"\0", sign(info)))


def pem(der, label="CERTIFICATE"):
    text = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
    return f"-----BEGIN {label}-----\n{text}\n-----END {label}-----\n"


def key_pem(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

"""Server set-ups, row by row: certificates, how they are served, which CAs the board has, which name it asks for."""

import ssl
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from derpki import (
    ANY,
    BMP,
    CA,
    CLIENT_AUTH,
    NUMERIC,
    PRINTABLE,
    SERVER_AUTH,
    T61,
    UTF8,
    basic,
    cert,
    cn,
    days,
    ec_key,
    ed_key,
    ext,
    extended,
    generalized,
    name,
    oid,
    rsa_key,
    san,
    seq,
    tlv,
    usage,
)
from servers import SERVER_HELLO, closing, dying, resetting, saying

NAME = "broker.acme.ie"
TLS10, TLS11, TLS12, TLS13 = (getattr(ssl.TLSVersion, f"TLSv1{v}") for v in ("", "_1", "_2", "_3"))


@dataclass
class Row:
    """`accepted` is what the board says (tests compare); None where builds of the firmware differ."""

    accepted: bool | None
    chain: list[bytes] = field(default_factory=list)
    key: Any = None
    cas: list[bytes] = field(default_factory=list)
    host: str = NAME
    says: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    serve: Any = None


ROOT = ec_key()
ROOT_CERT = cert("Root", ROOT, exts=CA)
KEY = ec_key()


def leaf(*names, key=KEY, ca=ROOT, issuer="Root", exts=None, subject="broker", **more):
    """A server's certificate by the root, for these alternative names."""
    if exts is None:
        exts = (san(*names),) if names else ()
    return cert(subject, key, issuer, ca, exts=exts, **more)


def row(accepted, says="", *, chain=None, key=KEY, cas=None, host=NAME, serve=None, **options):
    return Row(accepted, chain or [], key, [ROOT_CERT] if cas is None else cas, host, says, options, serve)


def named(accepted, host, *names, says="another name", subject="broker", exts=None):
    return row(
        accepted, "" if accepted else says, chain=[leaf(*names, subject=subject, exts=exts)], host=host
    )


GOOD = f"DNS:{NAME}"

NAMES = {
    "DNS name": named(True, NAME, GOOD),
    "upper case": named(True, "Broker.ACME.ie", GOOD),
    "IP address as such": named(True, "127.0.0.1", "IP:127.0.0.1"),
    "IP address as DNS name": named(True, "127.0.0.1", "DNS:127.0.0.1"),
    "another IP address": named(False, "127.0.0.1", "IP:127.0.0.2"),
    "CN alone": named(True, NAME, subject=NAME),
    "CN alone, an IP address": named(True, "127.0.0.1", subject="127.0.0.1"),
    "CN beside alternative names": named(False, NAME, "DNS:other.ie", subject=NAME),
    "CN beside an e-mail address": named(False, NAME, "email:a@acme.ie", subject=NAME),
    "two CNs": named(True, NAME, subject=name(("2.5.4.3", UTF8, b"x"), ("2.5.4.3", UTF8, NAME.encode()))),
    "CN in BMPString": named(False, NAME, subject=name(("2.5.4.3", BMP, NAME.encode("utf-16-be")))),
    "wildcard": named(True, NAME, "DNS:*.acme.ie"),
    "wildcard for two labels": named(False, "a.b.acme.ie", "DNS:*.acme.ie"),
    "wildcard for none": named(False, "acme.ie", "DNS:*.acme.ie"),
    "wildcard in the CN": named(True, NAME, subject="*.acme.ie"),
    "wildcard within a label": named(False, NAME, "DNS:b*.acme.ie"),
    "wildcard that is all": named(False, "localhost", "DNS:*"),
    "wildcard over an IP address": named(True, "127.0.0.1", "DNS:*.0.0.1"),
    "URI": named(True, NAME, f"URI:{NAME}"),
    "no name": named(False, NAME, subject=name(("2.5.4.10", UTF8, b"ACME")), says="no name at all"),
    "trailing dot in the certificate": named(False, NAME, f"DNS:{NAME}."),
    "empty subject": named(True, NAME, GOOD, subject=seq()),
}

I1, I2 = ec_key(), ec_key()
I1_CERT = cert("I1", I1, "Root", ROOT, exts=CA)
I2_CERT = cert("I2", I2, "I1", I1, exts=CA)
OTHER = ec_key()
EXPIRED = {"since": -20, "until": -10}


SELF = cert("broker", KEY, exts=(san(GOOD),))
LEAF = leaf(GOOD)


def below(issuer, key, **more):
    return leaf(GOOD, issuer=issuer, ca=key, **more)


def root_of(accepted, says="", **how):
    """A root that is made in this way, and a certificate by it."""
    exts = how.pop("exts", CA)
    made = cert("Root", ROOT, exts=exts, **how)
    return row(accepted, says, chain=[leaf(GOOD)], cas=[made])


CHAINS = {
    "an intermediate": row(True, chain=[below("I1", I1), I1_CERT]),
    "two intermediates": row(True, chain=[below("I2", I2), I2_CERT, I1_CERT]),
    "intermediates in the wrong order": row(
        False, "does not come from the CA", chain=[below("I2", I2), I1_CERT, I2_CERT]
    ),
    "the intermediate is not sent": row(False, "does not come from the CA", chain=[below("I1", I1)]),
    "the root is sent too": row(True, chain=[below("I1", I1), I1_CERT, ROOT_CERT]),
    "another's certificate between": row(True, chain=[below("I1", I1), cert("x", OTHER), I1_CERT]),
    "the intermediate is what is trusted": row(True, chain=[below("I1", I1)], cas=[I1_CERT]),
    "the intermediate is trusted, and sent": row(True, chain=[below("I1", I1), I1_CERT], cas=[I1_CERT]),
    "another root": row(
        False, "does not come from the CA", chain=[leaf(GOOD)], cas=[cert("Other", OTHER, exts=CA)]
    ),
    "a root of the same name": row(
        False, "not signed by", chain=[leaf(GOOD)], cas=[cert("Root", OTHER, exts=CA)]
    ),
    "roots of one name, the right one last": row(
        True, chain=[leaf(GOOD)], cas=[cert("Root", OTHER, exts=CA), ROOT_CERT]
    ),
    "a renewed root, the old one first": row(
        True, chain=[leaf(GOOD)], cas=[cert("Root", ROOT, exts=CA, **EXPIRED), ROOT_CERT]
    ),
    "a renewed root, the old one last": row(
        True, chain=[leaf(GOOD)], cas=[ROOT_CERT, cert("Root", ROOT, exts=CA, **EXPIRED)]
    ),
    "two roots, one of them needed": row(
        True, chain=[leaf(GOOD)], cas=[cert("Other", OTHER, exts=CA), ROOT_CERT]
    ),
    "names differ in case": row(True, chain=[below("ROOT", ROOT)]),
    "names differ in type": row(True, chain=[below(cn("Root", PRINTABLE), ROOT)]),
    "names differ in type, Latin-1": row(
        False, "does not come from the CA", chain=[below(cn("Root", T61), ROOT)]
    ),
    "one name for root and server": row(True, chain=[leaf(GOOD, subject="Root")]),
    "an expired root": root_of(False, "The CA CN=Root has expired", **EXPIRED),
    "a root of tomorrow": root_of(False, "not valid before", since=1),
    "an expired intermediate": row(
        False,
        "The CA CN=I1 has expired",
        chain=[below("I1", I1), cert("I1", I1, "Root", ROOT, exts=CA, **EXPIRED)],
    ),
    "an expired certificate": row(
        False, "The broker's certificate has expired", chain=[leaf(GOOD, **EXPIRED)]
    ),
    "a certificate of tomorrow": row(False, "not valid before", chain=[leaf(GOOD, since=1)]),
    "valid from 1970 to 9999": row(
        True, chain=[leaf(GOOD, dates=(tlv(0x17, b"700101000000Z"), tlv(0x18, b"99991231235959Z")))]
    ),
    "a v1 root": root_of(True, exts=(), version=1),
    "a v2 root": root_of(True, exts=(), version=2),
    "a v1 intermediate": row(
        False, "does not come from the CA", chain=[below("I1", I1), cert("I1", I1, "Root", ROOT, version=1)]
    ),
    "a v1 certificate": row(True, chain=[leaf(subject=NAME, version=1)]),
    "a v3 root without basicConstraints": root_of(False, "it is no CA", exts=(usage(5),)),
    "a root with CA:FALSE": root_of(False, "it is no CA", exts=(basic(False),)),
    "a root without keyCertSign": root_of(False, "keyCertSign", exts=(basic(), usage(0))),
    "a root without key usage": root_of(True, exts=(basic(),)),
    "pathlen 0 at the root": root_of(True, exts=(basic(pathlen=0), usage(5))),
    "pathlen 0 above an intermediate": row(
        False,
        "pathlen",
        chain=[below("I1", I1), I1_CERT],
        cas=[cert("Root", ROOT, exts=(basic(pathlen=0), usage(5)))],
    ),
    "an intermediate whose signature is wrong": row(
        False, "did not sign it", chain=[below("I1", I1), cert("I1", OTHER, "Root", ROOT, exts=CA)]
    ),
    "self-signed, and trusted": row(True, chain=[SELF], cas=[SELF]),
    "self-signed, and not trusted": row(False, "does not come from the CA", chain=[SELF]),
    "the server's own certificate is what is trusted": row(False, "it is no CA", chain=[LEAF], cas=[LEAF]),
}


def deep(count):
    """A chain of so many intermediates, from the leaf up."""
    keys = [ROOT] + [ec_key() for _ in range(count)]
    names = ["Root"] + [f"D{i}" for i in range(1, count + 1)]
    made = [cert(names[i], keys[i], names[i - 1], keys[i - 1], exts=CA) for i in range(1, count + 1)]
    return [below(names[-1], keys[-1]), *reversed(made)]


def large(size):
    """An intermediate with a comment of so many bytes."""
    comment = ext("2.16.840.1.113730.1.13", tlv(0x16, b"x" * size))
    return [below("I1", I1), cert("I1", I1, "Root", ROOT, exts=(*CA, comment))]


CHAINS |= {
    "eight intermediates": row(True, chain=deep(8)),
    "nine intermediates": row(False, "too long", chain=deep(9)),
    "a chain of 12 KB": row(True, chain=large(12000)),
    "a chain of 17 KB": row(False, "too large", chain=large(17000)),
}


def keyed(accepted, key, says="", **more):
    return row(accepted, says, chain=[leaf(GOOD, key=key)], key=key, **more)


def by(accepted, key, says="", digest="SHA256", pss=False):
    """A root with this key, and a certificate by it."""
    root = cert("Root", key, exts=CA, digest=digest, pss=pss)
    return row(accepted, says, chain=[leaf(GOOD, ca=key, digest=digest, pss=pss)], cas=[root])


def signed(accepted, says="", **how):
    """A good root; only the certificate is signed in this way."""
    root = rsa_key() if how.pop("rsa", False) else ROOT
    return row(accepted, says, chain=[leaf(GOOD, ca=root, **how)], cas=[cert("Root", root, exts=CA)])


ALGORITHMS = {
    "P-384": keyed(True, ec_key(ec.SECP384R1)),
    "P-521": keyed(True, ec_key(ec.SECP521R1)),
    "P-224": keyed(False, ec_key(ec.SECP224R1), "P-224"),
    "secp256k1": keyed(False, ec_key(ec.SECP256K1), "secp256k1"),
    "brainpoolP256r1": keyed(None, ec_key(ec.BrainpoolP256R1), "brainpoolP256r1"),
    "RSA 2048": keyed(True, rsa_key()),
    "RSA 3072": keyed(True, rsa_key(3072)),
    "RSA 1024": keyed(False, rsa_key(1024), "1024 bits"),
    "Ed25519": keyed(False, ed_key(), "an Ed25519 key"),
    "a root on P-384, SHA-384": by(True, ec_key(ec.SECP384R1), digest="SHA384"),
    "a root on P-521, SHA-512": by(True, ec_key(ec.SECP521R1), digest="SHA512"),
    "a root on secp256k1": by(False, ec_key(ec.SECP256K1), "secp256k1"),
    "an RSA root": by(True, rsa_key()),
    "an RSA root of 1024 bits": by(False, rsa_key(1024), "1024 bits"),
    "an Ed25519 root": by(False, ed_key(), "The CA CN=Root is signed with Ed25519"),
    "a root signed over SHA-1": root_of(True, digest="SHA1"),
    "a certificate signed over SHA-1": signed(False, "SHA-1", digest="SHA1"),
    "a certificate signed over SHA-1, RSA": signed(False, "SHA-1", digest="SHA1", rsa=True),
    "a certificate signed over MD5": signed(False, "MD5", digest="MD5", rsa=True),
    "a certificate signed over SHA-224": signed(False, "SHA-224", digest="SHA224"),
    "a certificate signed over SHA-512": signed(True, digest="SHA512"),
    "a certificate signed with RSA-PSS": signed(None, "RSASSA-PSS", pss=True, rsa=True),
    "a root signed with RSA-PSS": by(None, rsa_key(), "RSASSA-PSS", pss=True),
}

MUST_STAPLE, CONSTRAINTS = "1.3.6.1.5.5.7.1.24", "2.5.29.30"
UNKNOWN = "1.3.6.1.4.1.99999.1"
dns_constraint = seq(tlv(0xA0, seq(tlv(0x82, b"other.ie"))))


def extended_by(accepted, says="", *exts):
    return row(accepted, says, chain=[leaf(exts=(san(GOOD), *exts))])


POLICY, ANY_POLICY = (ext("2.5.29.32", seq(seq(oid(which))), True) for which in ("1.3.5.8", "2.5.29.32.0"))
EXTENSIONS = {
    "digitalSignature": extended_by(True, "", usage(0)),
    "keyEncipherment alone": extended_by(False, "digitalSignature", usage(2)),
    "serverAuth": extended_by(True, "", extended(SERVER_AUTH)),
    "clientAuth alone": extended_by(False, "serverAuth", extended(CLIENT_AUTH)),
    "any extended key usage": extended_by(True, "", extended(ANY)),
    "critical and unknown": extended_by(False, "critical extension", ext(UNKNOWN, tlv(5), True)),
    "unknown": extended_by(True, "", ext(UNKNOWN, tlv(5))),
    "critical name constraints at the root": root_of(
        False, "critical extension nameConstraints", exts=(*CA, ext(CONSTRAINTS, dns_constraint, True))
    ),
    "name constraints at the root": root_of(True, exts=(*CA, ext(CONSTRAINTS, dns_constraint))),
    "critical policy": extended_by(False, "critical extension certificatePolicies", POLICY),
    "critical any policy": extended_by(True, "", ANY_POLICY),
    "must staple": extended_by(True, "", ext(MUST_STAPLE, seq(tlv(2, b"\x05")))),
    "a root with the same extension twice": root_of(False, "twice", exts=(*CA, basic())),
    "an unknown extension twice": extended_by(True, "", ext(UNKNOWN, tlv(5)), ext(UNKNOWN, tlv(5))),
    "a negative serial number": row(True, chain=[leaf(GOOD, serial=b"\xff")]),
    "serial number 0": row(True, chain=[leaf(GOOD, serial=b"\0")]),
    "a Latin-1 name": row(True, chain=[leaf(GOOD, subject=name(("2.5.4.10", T61, b"Soci\xe9t\xe9")))]),
    "a NumericString name": row(
        False, "unusual type", chain=[leaf(GOOD, subject=name(("2.5.4.3", NUMERIC, b"12")))]
    ),
    "dates before 2050 as GeneralizedTime": row(
        True, chain=[leaf(GOOD, dates=(generalized(days(-1)), generalized(days(9))))]
    ),
}
EXTENSIONS["an IP address of three bytes"] = row(
    False,
    "malformed",
    chain=[leaf(exts=(ext("2.5.29.17", seq(tlv(0x82, NAME.encode()), tlv(0x87, b"abc"))),))],
)
_DIRECTORY = tlv(0xA4, cn("Root"))
EXTENSIONS |= {
    "an authority key identifier of all three parts": extended_by(
        True, "", ext("2.5.29.35", seq(tlv(0x80, b"key"), tlv(0xA1, _DIRECTORY), tlv(0x82, b"\x01")))
    ),
    "an authority key identifier without its serial number": extended_by(
        False, "malformed", ext("2.5.29.35", seq(tlv(0xA1, _DIRECTORY)))
    ),
    "other kinds of names": row(
        True,
        chain=[leaf(exts=(ext("2.5.29.17", seq(tlv(0x82, NAME.encode()), _DIRECTORY, tlv(0x88, b"\x2a"))),))],
    ),
}


def served(accepted, says="", **options):
    return row(accepted, says, chain=[leaf(GOOD)], **options)


DIED = "in the middle of the TLS handshake"
RSA_LEAF = {"chain": [leaf(GOOD, key=rsa_key())], "key": rsa_key()}
SERVERS = {
    "wants a client's certificate": served(True, client_ca=ROOT_CERT),
    "TLS 1.3 too": served(True, versions=(TLS12, TLS13)),
    "TLS 1.3 only": served(False, "TLS 1.3 only", versions=(TLS13, TLS13)),
    "TLS 1.1 at most": served(False, "TLS 1.1 at most", versions=(TLS10, TLS11)),
    "AES-256 only": served(False, "ECDHE-ECDSA-AES256-GCM-SHA384", ciphers="ECDHE-ECDSA-AES256-GCM-SHA384"),
    "no forward secrecy": row(False, "AES128-GCM-SHA256", ciphers="AES128-GCM-SHA256", **RSA_LEAF),
    "RSA, its suite": row(True, ciphers="ECDHE-RSA-AES128-GCM-SHA256", **RSA_LEAF),
    "RSA, keyEncipherment alone": row(
        False, "digitalSignature", chain=[leaf(exts=(san(GOOD), usage(2)), key=rsa_key())], key=rsa_key()
    ),
    "P-521 for the key exchange": served(True, group="secp521r1"),
    "X25519 for the key exchange": served(None, "X25519", group="X25519"),
    "a Brainpool curve for the key exchange": served(None, "Brainpool", group="brainpoolP256r1"),
    "no TLS: closes": row(False, "closes the connection when TLS begins", serve=closing),
    "no TLS: resets": row(False, "closes the connection when TLS begins", serve=resetting),
    "dies after its ServerHello": row(False, DIED, serve=dying(SERVER_HELLO)),
    "is reset after its ServerHello": row(False, DIED, serve=dying(SERVER_HELLO, reset=True)),
    "dies in the middle of a record": row(False, DIED, serve=dying(SERVER_HELLO[:30])),
    "dies in the middle of a record's head": row(False, DIED, serve=dying(SERVER_HELLO + b"\x16\x03")),
    "no TLS: HTTP": row(False, "speaks HTTP", serve=saying(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
    "no TLS: SSH": row(False, "does not speak TLS", serve=saying(b"SSH-2.0-OpenSSH_9.2\r\n")),
    "an alert: unrecognized name": row(
        False, "does not know the name", serve=saying(b"\x15\x03\x03\0\x02\x02\x70")
    ),
    "an alert: handshake failure": row(
        False, "handshake failure", serve=saying(b"\x15\x03\x03\0\x02\x02\x28")
    ),
    "half a ServerHello": row(False, "out of order", serve=saying(b"\x16\x03\x03\0\x60\x02\0\0\x5c\x03\x03")),
}

ROWS = NAMES | CHAINS | ALGORITHMS | EXTENSIONS | SERVERS

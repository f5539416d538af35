"""X.509 certificates, read (RFC 5280): what the store and the RPC have to know of them.

In a handshake signatures are TLS's business. Elsewhere the chip verifies them: ECDSA with SHA-256 on P-256, no other.
"""

from hashlib import sha256

import lazily

from . import der

_EXTENDED_KEY_USAGE = b"\x55\x1d\x25"
# serverAuth and anyExtendedKeyUsage (RFC 5280, 4.2.1.12)
_SERVER = (b"\x2b\x06\x01\x05\x05\x07\x03\x01", b"\x55\x1d\x25\x00")
_CLIENT = b"\x2b\x06\x01\x05\x05\x07\x03\x02"
# The operators' mark: 2.25.274449194123620572914822031769018701066, a UUID as an OID (X.667). Among the purposes of its
# extended key usage a certificate says by it that its holder may call devices, a CA's that it is a CA of operators.
_OPERATOR = b"\x69\x83\x9c\xf8\xfe\xfe\xed\xaa\xaa\x93\xa7\xbf\x84\x8a\xa0\xed\xb7\xe8\xaa\x0a"
_ECDSA_WITH_SHA256 = b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"
_P256_KEY = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"


def _days(year, month, day):
    """Days since 1970-01-01 in the Gregorian calendar; time.mktime's epoch differs between ports."""
    if month <= 2:
        year -= 1
        month += 12
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day - 719469


def unix_time(tag, value):
    """Seconds since 1970 from a UTCTime or GeneralizedTime as RFC 5280, 4.1.2.5 wants it (ends in Z, with seconds)."""
    text = bytes(value).decode()
    digits = 2 if tag == der.UTC_TIME else 4
    if len(text) != digits + 11 or text[-1] != "Z" or not text[:-1].isdigit():
        raise ValueError("a date in the certificate has no form that RFC 5280 allows: %s" % text)
    year = int(text[:digits])
    if digits == 2:
        year += 2000 if year < 50 else 1900
    month, day, hour, minute, second = [int(text[i : i + 2]) for i in range(digits, digits + 10, 2)]
    return ((_days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second


def _time(reader):
    tag = reader.tag
    if tag not in (der.UTC_TIME, der.GENERALIZED_TIME):
        raise ValueError("the certificate's validity holds no dates")
    return unix_time(tag, reader.next(tag, "date"))


def _extended_key_usage(tbs):
    """The purposes (OIDs, encoded) among the extensions that `tbs` still holds; None without that extension."""
    while tbs.more and tbs.tag != 0xA3:
        tbs.skip()
    if not tbs.more:
        return None
    extensions = tbs.enter(0xA3, "extensions").enter(der.SEQUENCE, "extensions")
    while extensions.more:
        extension = extensions.enter(der.SEQUENCE, "extension")
        if bytes(extension.next(der.OID, "extnID")) == _EXTENDED_KEY_USAGE:
            if extension.tag == der.BOOLEAN:
                extension.skip()
            purposes = extension.enter(der.OCTET_STRING, "extnValue").enter(der.SEQUENCE, "extKeyUsage")
            out = []
            while purposes.more:
                out.append(bytes(purposes.next(der.OID, "KeyPurposeId")))
            return out
    return None


class Certificate:
    """One certificate (DER). ValueError if it isn't one.

    Attributes: der; sha256 of the DER (hex); serial (hex); issuer and subject (text); not_before and not_after (Unix
    seconds); public_key (X then Y, 64 bytes; None if the key is no P-256 key); may_serve: whether its extended key
    usage lets a TLS server show it; only_client: whether it is for TLS clients alone; marked: whether it bears the
    operators' mark.
    """

    def __init__(self, data):
        self.der = bytes(data)
        self.sha256 = sha256(self.der).digest().hex()
        outer = der.Reader(self.der)
        body = outer.enter(der.SEQUENCE, "certificate")
        outer.end("certificate")
        signed = body.raw()
        tbs = der.Reader(signed).enter(der.SEQUENCE, "tbsCertificate")
        if tbs.tag == 0xA0:
            tbs.skip()  # version; a v1 certificate has none
        self.serial = tbs.integer("serialNumber").hex()
        tbs.skip()  # signature algorithm
        issuer = tbs.next(der.SEQUENCE, "issuer")
        names = lazily.load("identity.names")
        self.issuer = names.decode(issuer)
        validity = tbs.enter(der.SEQUENCE, "validity")
        self.not_before = _time(validity)
        self.not_after = _time(validity)
        subject = tbs.next(der.SEQUENCE, "subject")
        self.subject = names.decode(subject)
        self.public_key = self._key(tbs.enter(der.SEQUENCE, "subjectPublicKeyInfo"))
        usages = _extended_key_usage(tbs)
        self.may_serve = usages is None or any(usage in _SERVER for usage in usages)
        self.only_client = usages is not None and _CLIENT in usages and not self.may_serve
        self.marked = usages is not None and _OPERATOR in usages
        algorithm = body.next(der.SEQUENCE, "signatureAlgorithm")
        signature = body.next(der.BIT_STRING, "signature")
        body.end("certificate")
        self._parts = signed, issuer, subject, algorithm, signature  # views of `der`

    def names(self, ca):
        """Whether it says that `ca` (Certificate) is its issuer. Names have to be the same byte by byte."""
        return bytes(self._parts[1]) == bytes(ca._parts[2])

    def is_by(self, ca, verify):
        """Whether `ca` (Certificate) has signed this one; verify(public_key, signature, digest) is the chip's.

        ValueError where the chip can't tell: another signature than ECDSA with SHA-256, another key than a P-256 one.
        """
        signed, _, _, algorithm, signature = self._parts
        if not self.names(ca):
            return False
        if ca.public_key is None or bytes(algorithm) != _ECDSA_WITH_SHA256:
            raise ValueError(
                "it is not signed with ECDSA and SHA-256 by a P-256 key, and the chip verifies no other"
            )
        return verify(ca.public_key, der.raw_signature(signature[1:]), sha256(signed).digest())

    def is_for(self, name):
        """Whether the DNS name `name` (in small letters) is among its alternative names (RFC 5280, 4.2.1.6)."""
        wanted = bytes((0x82, len(name) & 0x7F)) + name.encode()
        return len(name) < 128 and wanted.lower() in self.der.lower()

    @staticmethod
    def _key(info):
        algorithm = bytes(info.next(der.SEQUENCE, "algorithm"))
        key = bytes(info.next(der.BIT_STRING, "subjectPublicKey"))
        if algorithm == _P256_KEY and len(key) == 66 and key[:2] == b"\x00\x04":
            return key[2:]
        return None

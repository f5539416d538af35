"""Distinguished names and alternative names (RFC 5280, sections 4.1.2.4 and 4.2.1.6)."""

from . import der

# Short name: OID and string type. X.520 demands PrintableString for two of them, IA5String for two more.
ATTRIBUTES = {
    "CN": ("2.5.4.3", der.UTF8_STRING),
    "SN": ("2.5.4.4", der.UTF8_STRING),
    "serialNumber": ("2.5.4.5", der.PRINTABLE_STRING),
    "C": ("2.5.4.6", der.PRINTABLE_STRING),
    "L": ("2.5.4.7", der.UTF8_STRING),
    "ST": ("2.5.4.8", der.UTF8_STRING),
    "street": ("2.5.4.9", der.UTF8_STRING),
    "O": ("2.5.4.10", der.UTF8_STRING),
    "OU": ("2.5.4.11", der.UTF8_STRING),
    "title": ("2.5.4.12", der.UTF8_STRING),
    "GN": ("2.5.4.42", der.UTF8_STRING),
    "UID": ("0.9.2342.19200300.100.1.1", der.UTF8_STRING),
    "DC": ("0.9.2342.19200300.100.1.25", der.IA5_STRING),
    "emailAddress": ("1.2.840.113549.1.9.1", der.IA5_STRING),
}

_PRINTABLE = " '()+,-./:=?"


def _attribute(kind, value):
    if not isinstance(kind, str) or not isinstance(value, str) or not value:
        raise ValueError("subject: each attribute is [type, value], two non-empty strings")
    if kind in ATTRIBUTES:
        dotted, tag = ATTRIBUTES[kind]
    elif "." in kind:
        dotted, tag = kind, der.UTF8_STRING
    else:
        raise ValueError(
            "subject: %s is neither a known attribute (%s) nor an OID" % (kind, " ".join(sorted(ATTRIBUTES)))
        )
    if kind == "C" and len(value) != 2:
        raise ValueError("subject: C is a country code of two letters, not %r" % value)
    if tag == der.PRINTABLE_STRING and not all(
        c in _PRINTABLE or (ord(c) < 128 and (c.isalpha() or c.isdigit())) for c in value
    ):
        raise ValueError("subject: %s may only hold letters, digits and %s" % (kind, _PRINTABLE.strip()))
    if tag == der.IA5_STRING and any(ord(c) > 127 for c in value):
        raise ValueError("subject: %s may only hold ASCII" % kind)
    return der.sequence(der.oid(dotted), der.tlv(tag, value.encode()))


def encode(rdns):
    """A Name from a list of RDNs, each a list of [type, value]."""
    if not isinstance(rdns, list) or not all(isinstance(rdn, list) and rdn for rdn in rdns):
        raise ValueError("subject: a list of RDNs, each a list of [type, value]")
    out = []
    for rdn in rdns:
        if not all(isinstance(pair, list) and len(pair) == 2 for pair in rdn):
            raise ValueError("subject: each attribute is [type, value]")
        out.append(der.set_of(*[_attribute(kind, value) for kind, value in rdn]))
    return der.sequence(*out)


def decode(name):
    """The content of a Name as text in the order it stands there, `C=IE,O=ACME`."""
    short = {bytes(der.oid(dotted)): kind for kind, (dotted, _) in ATTRIBUTES.items()}
    out = []
    reader = der.Reader(name)
    while reader.more:
        rdn = reader.enter(der.SET, "RDN")
        parts = []
        while rdn.more:
            pair = rdn.enter(der.SEQUENCE, "attribute")
            kind = bytes(pair.raw())
            value = bytes(pair.next(pair.tag, "attribute value"))
            parts.append("%s=%s" % (short.get(kind) or "#" + kind.hex(), _text(value)))
        out.append("+".join(parts))
    return ",".join(out)


def _text(value):
    try:
        return value.decode()
    except UnicodeError:
        return "#" + value.hex()


def _ip(text):
    """The 4 or 16 bytes of an IP address."""
    try:
        if ":" not in text:
            parts = [int(p) for p in text.split(".")]
            if len(parts) == 4:
                return bytes(parts)
        else:
            head, _, tail = text.partition("::")
            groups = [[int(g, 16) for g in side.split(":")] if side else [] for side in (head, tail)]
            missing = 8 - len(groups[0]) - len(groups[1])
            if missing == 0 if "::" not in text else missing > 0:
                return b"".join(g.to_bytes(2, "big") for g in groups[0] + [0] * missing + groups[1])
    except (ValueError, OverflowError):
        pass
    raise ValueError("san: %s is not an IP address" % text)


_GENERAL_NAMES = {"email": 1, "DNS": 2, "URI": 6}


def general_names(names):
    """GeneralNames from `DNS:…`, `IP:…`, `URI:…`, `email:…`."""
    out = []
    for name in names:
        kind, _, value = name.partition(":") if isinstance(name, str) else ("", "", "")
        if kind == "IP" and value:
            out.append(der.context(7, _ip(value), constructed=False))
        elif kind in _GENERAL_NAMES and value and all(ord(c) < 128 for c in value):
            out.append(der.context(_GENERAL_NAMES[kind], value.encode(), constructed=False))
        else:
            raise ValueError("san: %r is none of DNS:name, IP:address, URI:uri, email:address" % (name,))
    return der.sequence(*out)

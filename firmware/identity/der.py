"""DER, as much as certificates and requests need (ITU-T X.690). Encoders return bytes; Reader takes them apart.

The decoder is strict: minimal lengths, minimal integers, nothing after the end. Whatever is wrong is a ValueError.
"""

from micropython import const

BOOLEAN = const(0x01)
INTEGER = const(0x02)
BIT_STRING = const(0x03)
OCTET_STRING = const(0x04)
OID = const(0x06)
UTF8_STRING = const(0x0C)
PRINTABLE_STRING = const(0x13)
IA5_STRING = const(0x16)
UTC_TIME = const(0x17)
GENERALIZED_TIME = const(0x18)
SEQUENCE = const(0x30)
SET = const(0x31)


def tlv(tag, *parts):
    """One element: `tag` (int), the length, and the concatenation of `parts` (bytes)."""
    content = b"".join(parts)
    n = len(content)
    if n < 0x80:
        head = bytes((tag, n))
    elif n < 0x100:
        head = bytes((tag, 0x81, n))
    elif n < 0x10000:
        head = bytes((tag, 0x82, n >> 8, n & 0xFF))
    else:
        raise ValueError("a DER element of more than 65535 bytes")
    return head + content


def context(number, *parts, constructed=True):
    """A context-specific element, `[number]`."""
    return tlv((0xA0 if constructed else 0x80) | number, *parts)


def sequence(*parts):
    return tlv(SEQUENCE, *parts)


def set_of(*parts):
    """A SET OF: DER wants its elements sorted by their encoding (X.690, 11.6)."""
    return tlv(SET, *sorted(parts))


def unsigned(data):
    """An INTEGER from big-endian bytes that stand for a non-negative number."""
    start = 0
    while start < len(data) - 1 and data[start] == 0:
        start += 1
    data = bytes(data[start:])
    return tlv(INTEGER, b"\x00" if data[0] & 0x80 else b"", data)


def bit_string(data, unused=0):
    return tlv(BIT_STRING, bytes((unused,)), data)


def octet_string(data):
    return tlv(OCTET_STRING, data)


def oid(dotted):
    """An OBJECT IDENTIFIER from `1.2.840.10045`."""
    try:
        arcs = [int(a) for a in dotted.split(".")]
    except ValueError:
        arcs = []
    if len(arcs) < 2 or arcs[0] > 2 or min(arcs) < 0 or (arcs[0] < 2 and arcs[1] > 39):
        raise ValueError("%s is not an object identifier" % dotted)
    out = bytearray()
    for arc in [arcs[0] * 40 + arcs[1]] + arcs[2:]:
        out.extend(_base128(arc))
    return tlv(OID, bytes(out))


def _base128(arc):
    """Seven bits a byte, all but the last marked by their top bit (X.690, 8.19.2)."""
    septets = [arc & 0x7F]
    while arc > 0x7F:
        arc >>= 7
        septets.insert(0, arc & 0x7F | 0x80)
    return bytes(septets)


def raw_signature(encoded, size=32):
    """r then s, `size` bytes each, from an ECDSA-Sig-Value; ValueError if it is none, or a number is larger."""
    outer = Reader(encoded)
    pair = outer.enter(SEQUENCE, "signature")
    outer.end("signature")
    out = _padded(pair.integer("r"), size) + _padded(pair.integer("s"), size)
    pair.end("signature")
    return out


def _padded(number, size):
    start = 1 if number[0] == 0 else 0
    if len(number) - start > size:
        raise ValueError("signature: a number is too large for this curve")
    return bytes(size - len(number) + start) + number[start:]


class Reader:
    """Walks over the elements of `data`. `next` takes one, `enter` opens a constructed one."""

    def __init__(self, data):
        self._data = memoryview(data)
        self._at = 0

    @property
    def more(self):
        return self._at < len(self._data)

    @property
    def tag(self):
        """The tag of the next element; None at the end."""
        return self._data[self._at] if self.more else None

    def _header(self):
        """Start and end of the next element's content."""
        data, at = self._data, self._at
        if len(data) - at < 2:
            raise ValueError("DER ends too early")
        if data[at] & 0x1F == 0x1F:
            raise ValueError("DER tags above 30 are not used in certificates")
        length = data[at + 1]
        at += 2
        if length & 0x80:
            size = length & 0x7F
            if not 1 <= size <= 2 or len(data) - at < size:
                raise ValueError("DER length is not usable")
            length = int.from_bytes(data[at : at + size], "big")
            at += size
            if length < (0x80 if size == 1 else 0x100):
                raise ValueError("DER length is not minimal")
        if length > len(data) - at:
            raise ValueError("DER ends too early")
        return at, at + length

    def next(self, tag, name="element"):
        """The content (memoryview) of the next element, which must have `tag`."""
        if self.tag != tag:
            found = "nothing" if self.tag is None else "0x%02X" % self.tag
            raise ValueError("%s: expected DER tag 0x%02X, found %s" % (name, tag, found))
        start, end = self._header()
        self._at = end
        return self._data[start:end]

    def enter(self, tag, name="element"):
        return Reader(self.next(tag, name))

    def skip(self):
        self.raw()

    def raw(self):
        """The next element whole, header included (memoryview)."""
        begin = self._at
        self._at = self._header()[1]
        return self._data[begin : self._at]

    def integer(self, name="INTEGER"):
        """The content of an INTEGER (bytes, big-endian, minimal, non-negative)."""
        data = bytes(self.next(INTEGER, name))
        if not data or data[0] & 0x80 or (len(data) > 1 and data[0] == 0 and not data[1] & 0x80):
            raise ValueError("%s: not a minimal non-negative DER integer" % name)
        return data

    def end(self, name="element"):
        if self.more:
            raise ValueError("%s: something follows its end" % name)

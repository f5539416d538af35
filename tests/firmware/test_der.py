"""identity.der on MicroPython, against cryptography and X.690."""

import random

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

# r or s with leading zero bytes, with the top bit set, of a single byte: where peers' encoders went wrong.
EDGES = [1, 0x7F, 0x80, 0xFF, 0x100, 2**127, 2**247, 2**248 - 1, 2**255, 2**256 - 2**32]


def test_signatures_are_minimal_der(micropython):
    chance = random.Random(608)
    pairs = [(r, s) for r in EDGES for s in EDGES]
    pairs += [
        (chance.getrandbits(256) >> chance.choice((0, 0, 8, 9, 16)), chance.getrandbits(256))
        for _ in range(50)
    ]
    code = "[ecdsa_signature(bytes.fromhex(x)).hex() for x in given]"
    for some in (pairs[i : i + 25] for i in range(0, len(pairs), 25)):
        raw = [(r.to_bytes(32, "big") + s.to_bytes(32, "big")).hex() for r, s in some]
        encoded = micropython.value(code, "from atecc608.context import ecdsa_signature", given=raw)
        assert encoded == [encode_dss_signature(r, s).hex() for r, s in some]


@pytest.mark.parametrize(
    ("dotted", "encoded"),
    [
        ("2.5.4.3", "0603550403"),
        ("1.2.840.10045.3.1.7", "06082a8648ce3d030107"),
        ("0.9.2342.19200300.100.1.25", "060a0992268993f22c640119"),
        ("2.999.3", "0603883703"),  # X.690, 8.19.5
    ],
)
def test_object_identifiers(micropython, dotted, encoded):
    assert micropython.value("der.oid(given).hex()", "from identity import der", given=dotted) == encoded


@pytest.mark.parametrize("text", ["", "1", "3.1", "1.40", "1.2.x", "1.-2", "1..2"])
def test_nonsense_is_no_object_identifier(micropython, text):
    assert "not an object identifier" in micropython.error(
        "der.oid(given)", "from identity import der", given=text
    )


@pytest.mark.parametrize("length", [0, 1, 127, 128, 255, 256, 10000])
def test_lengths_round_trip(micropython, length):
    setup = "from identity import der\nelement = der.octet_string(bytes(given))"
    assert micropython.value("len(der.Reader(element).next(4))", setup, given=length) == length


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ("02", "too early"),
        ("0202", "too early"),
        ("020201", "too early"),
        ("02810101", "not minimal"),
        ("0282000101", "not minimal"),
        ("0280", "not usable"),
        ("02830000010101", "not usable"),
        ("0200", "not a minimal"),
        ("02020001", "not a minimal"),
        ("020180", "not a minimal"),  # negative
        ("0301", "expected DER tag 0x02, found 0x03"),
        ("1f1f01", "expected DER tag"),
        ("", "found nothing"),
    ],
)
def test_the_decoder_refuses(micropython, data, complaint):
    code = "der.Reader(bytes.fromhex(given)).integer()"
    assert complaint in micropython.error(code, "from identity import der", given=data)

"""What a certificate may be like for the board's TLS library to read it: the board (on SIM) and the host say it."""

import base64

import pytest
from atecc.broker.readable import curve_name, rsa_bits, unreadable
from atecc.x509.anatomy import dissect
from atecc.x509.tlv import DerError
from cryptography.hazmat.primitives.asymmetric import ec
from derpki import cert, ec_key, ed_key, ext, name, oid, rsa_key, san, seq, spki, tlv
from repl import Repl
from simboard import Board

KEY = ec_key()
EC, RSA, ECDH = "1.2.840.10045.2.1", "1.2.840.113549.1.1.1", "1.3.132.1.12"
AUTHORITY_KEY, POLICIES, NAMES = "2.5.29.35", "2.5.29.32", "2.5.29.17"
ID, ISSUER, SERIAL = tlv(0x80, b"id"), tlv(0xA1, b""), tlv(0x82, b"\1")


def rsa_info(bits):
    """A public key of so many bits, to which there is no private one."""
    modulus = tlv(2, b"\0" * (bits % 8 == 0) + (1 << bits - 1 | 1).to_bytes((bits + 7) // 8, "big"))
    return seq(seq(oid(RSA), tlv(5)), tlv(3, b"\0", seq(modulus, tlv(2, b"\1\0\1"))))


def ec_info(parameters, point, kind=EC):
    return seq(seq(oid(kind), parameters), tlv(3, b"\0", point))


def point(key, form=b"\4"):
    numbers = key.public_key().public_numbers()
    x, y = (one.to_bytes(32, "big") for one in (numbers.x, numbers.y))
    return form + x + (y if form == b"\4" else b"")


def with_extension(dotted, *parts, critical=False):
    return cert("x", KEY, exts=[ext(dotted, seq(*parts), critical)])


def with_algorithms(inner, outer):
    """The certificate says it twice by which algorithm it is signed."""
    whole = seq(oid("1.2.840.10045.4.3.2"))
    plain = cert("x", KEY)
    assert plain.count(whole) == 2
    first = plain.index(whole)
    tbs_end = plain.index(whole, first + 1)
    tbs = plain[4:tbs_end]
    body = tbs[4:].replace(whole, inner)
    return seq(seq(body), outer, plain[tbs_end + len(whole) :])


SHA256, SHA384 = "1.2.840.10045.4.3.2", "1.2.840.10045.4.3.3"
P256 = oid("1.2.840.10045.3.1.7")
CASES = {
    **{f"a name of tag {tag:#x}": cert(name(("2.5.4.3", tag, b"xx")), KEY) for tag in range(1, 0x1F)},
    "no issuer": cert("x", KEY, seq()),
    "no subject": cert(seq(), KEY, "x"),
    **{f"version {n} without extensions": cert("x", KEY, version=n) for n in (1, 2, 3)},
    **{f"version {n} with one": cert("x", KEY, version=n, exts=[san("DNS:x")]) for n in (1, 2, 3)},
    "the issuer's key by its ID": with_extension(AUTHORITY_KEY, ID),
    "by all": with_extension(AUTHORITY_KEY, ID, ISSUER, SERIAL),
    "by name and number": with_extension(AUTHORITY_KEY, ISSUER, SERIAL),
    "by nothing": with_extension(AUTHORITY_KEY),
    "by an ID, twice": with_extension(AUTHORITY_KEY, ID, ID),
    "by all, the ID last": with_extension(AUTHORITY_KEY, ISSUER, SERIAL, ID),
    "by a name": with_extension(AUTHORITY_KEY, ID, ISSUER),
    "by a number": with_extension(AUTHORITY_KEY, ID, SERIAL),
    "by a name of another tag": with_extension(AUTHORITY_KEY, tlv(0xA2, b""), SERIAL),
    "by a number of another tag": with_extension(AUTHORITY_KEY, ISSUER, tlv(0x83, b"\1")),
    "the issuer's key is no sequence": cert("x", KEY, exts=[ext(AUTHORITY_KEY, b"x")]),
    **{
        f"an address of {n} bytes": with_extension(NAMES, tlv(0x87, bytes(n)))
        for n in (3, 4, 5, 8, 15, 16, 17)
    },
    "a registered ID": with_extension(NAMES, tlv(0x88, b"\x2a\x03\x04")),
    "a host's name": with_extension(NAMES, tlv(0x82, b"broker")),
    "critical host's names": with_extension(NAMES, tlv(0x82, b"broker"), critical=True),
    "an unknown extension": with_extension("1.2.3.4"),
    "it twice": cert("x", KEY, exts=[ext("1.2.3.4", seq())] * 2),
    "it, critical": with_extension("1.2.3.4", critical=True),
    "host's names twice": cert("x", KEY, exts=[san("DNS:x"), san("DNS:y")]),
    "any policy": with_extension(POLICIES, seq(oid("2.5.29.32.0"))),
    "a policy": with_extension(POLICIES, seq(oid("1.2.3.4"))),
    "any policy, critical": with_extension(POLICIES, seq(oid("2.5.29.32.0")), critical=True),
    "a policy, critical": with_extension(POLICIES, seq(oid("1.2.3.4")), critical=True),
    "any and one, critical": with_extension(
        POLICIES, seq(oid("2.5.29.32.0")), seq(oid("1.2.3.4")), critical=True
    ),
    "critical policies that are none": cert("x", KEY, exts=[ext(POLICIES, b"x", critical=True)]),
    "RSA": cert("x", rsa_key()),
    **{f"RSA, {bits} bits": cert("x", KEY, key_info=rsa_info(bits)) for bits in (8191, 8192, 8193)},
    "Ed25519": cert("x", ed_key()),
    "an Ed25519 key": cert("x", KEY, key_info=spki(ed_key())),
    "P-521": cert("x", ec_key(ec.SECP521R1)),
    "secp256k1": cert("x", ec_key(ec.SECP256K1)),
    "secp224r1": cert("x", ec_key(ec.SECP224R1)),
    "a curve nobody knows": cert("x", KEY, key_info=ec_info(oid("1.2.3.4"), point(KEY))),
    "a curve, for ECDH": cert("x", KEY, key_info=ec_info(P256, point(KEY), ECDH)),
    **{
        digest: cert("x", rsa_key(), digest=digest)
        for digest in ("MD5", "SHA1", "SHA224", "SHA384", "SHA512")
    },
    "two algorithms": with_algorithms(seq(oid(SHA256)), seq(oid(SHA384))),
    "a parameter of null": with_algorithms(seq(oid(SHA256), tlv(5)), seq(oid(SHA256), tlv(5))),
    "null in one of two": with_algorithms(seq(oid(SHA256), tlv(5)), seq(oid(SHA256))),
    "a parameter of the algorithm": with_algorithms(
        seq(oid(SHA256), oid("1.2.3")), seq(oid(SHA256), oid("1.2.3"))
    ),
    "an algorithm nobody knows": with_algorithms(seq(oid("1.2.3.4")), seq(oid("1.2.3.4"))),
}
# What boards differ in.
OF_SOME = {
    "RSASSA-PSS": cert("x", rsa_key(), pss=True),
    "Brainpool": cert("x", ec_key(ec.BrainpoolP256R1)),
    "compressed": cert("x", KEY, key_info=ec_info(P256, point(KEY, b"\2"))),
    "explicit curve parameters": cert("x", KEY, key_info=ec_info(seq(), point(KEY))),
    "no curve parameters": cert("x", KEY, key_info=ec_info(b"", point(KEY))),
}
READ = """
import binascii, tls
def reads(der):
    try:
        tls.SSLContext(tls.PROTOCOL_TLS_CLIENT).load_verify_locations(binascii.a2b_base64(der))
    except ValueError as e:
        return False
    return True
"""


@pytest.fixture(scope="module")
def board():
    """What it reads, by the names above."""
    given = {case: base64.b64encode(der).decode() for case, der in CASES.items()}
    with Board(chip=False) as board, Repl(board.port) as repl:
        return repl.value("{case: reads(der) for case, der in given.items()}", READ, given)


def told(der):
    """What the host says of it, if it can't be read."""
    try:
        return unreadable(dissect(der), "It")
    except DerError as error:
        return error


@pytest.mark.parametrize("case", CASES)
def test_host_and_board_agree(case, board):
    assert board[case] is (told(CASES[case]) is None), told(CASES[case])


def test_about_half_of_it_can_be_read(board):
    """Else all that was compared might be the same mistake."""
    assert 0.3 < sum(board.values()) / len(board) < 0.7


@pytest.mark.parametrize("case", CASES)
def test_what_no_board_reads_is_told_so(case):
    flaw = told(CASES[case])
    if flaw is not None and not isinstance(flaw, DerError):
        assert not flaw.of_some and "which a board's TLS library can't read" in flaw.message


@pytest.mark.parametrize("case", OF_SOME)
def test_what_some_boards_read_is_told_so(case):
    flaw = told(OF_SOME[case])
    assert flaw.of_some and "which not every board's TLS library can read" in flaw.message


@pytest.mark.parametrize(
    ("der", "curve"),
    [
        (CASES["P-521"], "P-521"),
        (OF_SOME["Brainpool"], "brainpoolP256r1"),
        (CASES["a curve nobody knows"], "1.2.3.4"),
        (OF_SOME["explicit curve parameters"], "explicit parameters"),
        (OF_SOME["no curve parameters"], "explicit parameters"),
    ],
)
def test_the_name_of_a_curve(der, curve):
    assert curve_name(dissect(der)) == curve


@pytest.mark.parametrize(
    ("case", "article"), [("an Ed25519 key", "an Ed25519 key"), ("RSA, 8193 bits", "an RSA key of 8193 bits")]
)
def test_which_key_it_has(case, article):
    assert f"It has {article}, which" in told(CASES[case]).message


@pytest.mark.parametrize("key", [b"x", seq(), seq(tlv(4, b"x"))])
def test_a_key_that_is_none_has_no_bits(key):
    info = seq(seq(oid(RSA), tlv(5)), tlv(3, b"\0", key))
    assert rsa_bits(dissect(cert("x", KEY, key_info=info))) == 0

"""Whose certificate makes an operator: the mark in it, and a signature that the chip verifies where TLS does not."""

import datetime as dt

import pytest
from atecc.x509.purposes import MARK
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from foreign_rpc.frames import Refused
from foreign_rpc.mos import b64
from foreign_rpc.rpcbench import Device, give_identity
from simcloud.pki import Authority
from simcloud.pki import name as pki_name

NOW = dt.datetime.now(dt.UTC)
READ = """
from identity.certificate import Certificate
certificate, ca = [Certificate(bytes.fromhex(text)) for text in given]
"""


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def issued(subject, issuer, signer, key=None, usages=(), digest=None):
    key = key or ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder(name(issuer), name(subject), key.public_key(), 5)
    builder = builder.not_valid_before(NOW - dt.timedelta(1)).not_valid_after(NOW + dt.timedelta(9))
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return builder.sign(signer, digest or hashes.SHA256())


def der(certificate):
    return certificate.public_bytes(Encoding.DER)


def read(micropython, certificate, ca, expression):
    return micropython.value(expression, READ, [der(certificate).hex(), der(ca).hex()])


KEY = ec.generate_private_key(ec.SECP256R1())
CA = issued("ca", "ca", KEY, KEY)
OID = x509.ObjectIdentifier


@pytest.mark.parametrize(
    ("usages", "marked"),
    [
        ([], False),
        ([ExtendedKeyUsageOID.CLIENT_AUTH], False),
        ([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE], False),
        ([OID("2.25.274449194123620572914822031769018701067")], False),
        ([OID("2.25")], False),
        ([OID(MARK)], True),
        ([ExtendedKeyUsageOID.CLIENT_AUTH, OID(MARK), ExtendedKeyUsageOID.SERVER_AUTH], True),
    ],
)
def test_the_mark_and_nothing_like_it(micropython, usages, marked):
    certificate = issued("x", "ca", KEY, usages=usages)
    assert read(micropython, certificate, CA, "certificate.marked") is marked


def is_operator(micropython, data, *cas):
    setup = (
        "from identity.certificate import Certificate\nfrom rpc.operators import is_operator\n"
        "data, *cas = [bytes.fromhex(text) for text in given]\n"
    )
    given = [data.hex(), *(der(ca).hex() for ca in cas)]
    return micropython.value("is_operator(data, [Certificate(ca) for ca in cas])", setup, given)


CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
ANY = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
MARKED = issued("ca", "ca", KEY, KEY, usages=[CLIENT, OID(MARK)])
OTHER = issued("other", "other", KEY, KEY, usages=[OID(MARK)])


@pytest.mark.parametrize(
    ("usages", "cas", "lets_in"),
    [
        ([CLIENT, OID(MARK)], [CA], True),
        ([CLIENT], [CA], False),
        ([CLIENT], [MARKED], True),
        ([CLIENT], [OTHER, MARKED], True),
        ([CLIENT], [OTHER], False),
        ([CLIENT], [], False),
        ([CLIENT], [CA, MARKED], False),  # which of the two namesakes has issued it?
        ([CLIENT, SERVER], [MARKED], False),
        ([CLIENT, ANY], [MARKED], False),
        ([ANY], [MARKED], False),
        ([], [MARKED], False),
        ([CLIENT, SERVER, OID(MARK)], [CA], True),
    ],
)
def test_whom_the_mark_makes_an_operator(micropython, usages, cas, lets_in):
    certificate = issued("x", "ca", KEY, usages=usages)
    assert is_operator(micropython, der(certificate), *cas) is lets_in


def test_a_certificate_that_is_none_is_no_operators(micropython):
    for data in ("", "3000", "ff" * 600):
        assert is_operator(micropython, bytes.fromhex(data), MARKED) is False


def by(micropython, certificate, ca=CA):
    """True, False, or the error, of a verifier that finds every signature right."""
    setup = READ + (
        "try:\n"
        "    told = certificate.is_by(ca, lambda key, signature, digest: len(key + signature + digest) == 160)\n"
        "except ValueError as e:\n"
        "    told = str(e)\n"
    )
    return micropython.value("told", setup, [der(certificate).hex(), der(ca).hex()])


def test_who_has_issued_a_certificate(micropython):
    assert by(micropython, issued("x", "ca", KEY)) is True
    assert by(micropython, issued("x", "another", KEY)) is False
    for odd in (
        issued("x", "ca", KEY, digest=hashes.SHA384()),
        issued("x", "ca", rsa.generate_private_key(65537, 2048)),
    ):
        assert "the chip verifies no other" in by(micropython, odd)
    curve = ec.generate_private_key(ec.SECP384R1())
    assert "the chip verifies no other" in by(
        micropython, issued("x", "ca", KEY), issued("ca", "ca", curve, curve)
    )


@pytest.mark.parametrize(
    "signature", ["3006020101020100", "3006020100020101", "300602010102010100", "", "3000"]
)
def test_signatures_that_are_small_or_none(micropython, signature):
    setup = (
        "from identity.der import raw_signature\n"
        "try:\n"
        "    told = raw_signature(bytes.fromhex(given)).hex()\n"
        "except ValueError:\n"
        "    told = None\n"
    )
    expected = {"3006020101020100": "01" + "00" * 32, "3006020100020101": "00" * 32 + "01"}.get(signature)
    told = micropython.value("told", setup, signature)
    assert told == (expected and expected.rjust(128, "0"))


def test_the_chip_verifies_what_a_ca_has_signed(bench):
    board = bench(preset="tls", locked=True)
    own, other = issued("x", "ca", KEY), issued("x", "ca", ec.generate_private_key(ec.SECP256R1()))
    for _ in range(8):  # some numbers of a signature are shorter than others
        own = issued("x", "ca", KEY)
        given = [der(own).hex(), der(CA).hex()]
        assert board.value("certificate.is_by(ca, chip.Verify)", READ, given) is True
    given = [der(other).hex(), der(CA).hex()]
    assert board.value("certificate.is_by(ca, chip.Verify)", READ, given) is False


def test_the_devices_own_ca_makes_no_operators(bench):
    """Trusted, it would make each of its devices one: it is refused, and a namesake is not."""
    own, namesake = (Authority.root(pki_name(common_name="ca")) for _ in range(2))
    with Device(bench(preset="tls", locked=True)).owner() as owner:
        give_identity(owner, own, "sensor-1")
        with pytest.raises(Refused, match="operators need a CA of their own") as refused:
            owner.call("Access.Trust", {"ca": b64(der(own.certificate))})
        assert refused.value.kind == "refused"
        assert owner.call("Access.Trust", {"ca": b64(der(namesake.certificate))})["subject"] == "CN=ca"

"""Details of what the host tool reads, each by itself: numbers that IANA gave, containers, names, paddings, words."""

import datetime as dt
import ssl
from pathlib import Path

import pytest
from atecc.broker import hello
from atecc.broker.path import Path as Way
from atecc.broker.path import Step
from atecc.errors import CertificateError
from atecc.x509 import factory, keyfile, library, proof
from atecc.x509.constraints import _host
from atecc.x509.parts import has_usage
from atecc.x509.requests import der
from atecc.x509.textfile import is_pkcs7, is_pkcs12
from atecc.x509.tlv import read
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from derpki import oid, tlv

SIGNED, DATA, OTHER = oid("1.2.840.113549.1.7.2"), oid("1.2.840.113549.1.7.1"), oid("1.2.3")
# IANA's TLS alerts that Python's ssl has no names for (RFC 7507, RFC 8446, RFC 7301)
MORE_ALERTS = {86: "inappropriate fallback", 109: "missing extension", 120: "no application protocol"}


def test_alerts_have_the_numbers_that_iana_gave_them():
    named = {
        a.value: a.name.removeprefix("ALERT_DESCRIPTION_").replace("_", " ").lower()
        for a in ssl.AlertDescription
    }
    assert {number: (named | MORE_ALERTS)[number] for number in hello.ALERTS} == hello.ALERTS


def test_what_no_build_offers_is_all_that_there_is():
    assert sorted(hello.BEYOND.groups) == list(range(19, 31))
    assert len({*hello.BEYOND.signatures}) == len(hello.BEYOND.signatures)
    for less, more in ((hello.EVERY_BUILD, hello.SOME_BUILDS), (hello.SOME_BUILDS, hello.BEYOND)):
        assert {*less.groups} < {*more.groups} and {*less.signatures} < {*more.signatures}


def numbers(*values, size=2):
    data = b"".join(value.to_bytes(size, "big") for value in values)
    return len(data).to_bytes(size, "big") + data


@pytest.mark.parametrize(
    ("types", "signatures", "takes_ecdsa"),
    [
        ((64,), (0x0403,), True),
        ((1, 64), (0x0804, 0x0403), True),
        ((1,), (0x0403,), False),
        ((64,), (0x0401,), False),
    ],
)
def test_a_broker_that_wants_a_certificate(types, signatures, takes_ecdsa):
    """CertificateRequest (RFC 5246, 7.4.4)."""
    body = numbers(*types, size=1) + numbers(*signatures) + b"\0\6\0\4\x30\2ab"
    flight = hello.Flight()
    hello._take(flight, hello.CERTIFICATE_REQUEST, hello._Reader(body))
    assert (flight.wants_certificate, flight.takes_ecdsa, flight.complete) == (True, takes_ecdsa, False)
    assert flight.authorities == [b"\x30\2ab"]
    hello._take(flight, hello.HELLO_DONE, hello._Reader(b""))
    assert flight.complete


@pytest.mark.parametrize(
    ("data", "seven", "twelve"),
    [
        (tlv(0x30, SIGNED, tlv(0xA0)), True, False),
        (tlv(0x30, DATA, tlv(0xA0)), False, False),
        (tlv(0x30, tlv(0x02, b"\3"), tlv(0x30, DATA)), False, True),
        (tlv(0x30, tlv(0x02, b"\3"), tlv(0x30, SIGNED)), False, True),
        (tlv(0x30, tlv(0x02, b"\3"), tlv(0x30, OTHER)), False, False),
        (tlv(0x30, tlv(0x02, b"\2"), tlv(0x30, DATA)), False, False),
        (tlv(0x30, tlv(0x04, b"\3"), tlv(0x30, DATA)), False, False),
        (tlv(0x30, tlv(0x02, b"\3"), tlv(0x30)), False, False),
        (tlv(0x30, tlv(0x02, b"\3")), False, False),
        (tlv(0x30), False, False),
        (b"", False, False),
        (b"text", False, False),
    ],
)
def test_containers_of_certificates(data, seven, twelve):
    assert (is_pkcs7(data), is_pkcs12(data)) == (seven, twelve)


@pytest.mark.parametrize(
    "uri", ["https://a.ie", "https://a.ie/b", "https://a.ie:443/b:c", "https://u:p@a.ie:443/@"]
)
def test_the_host_of_a_uri(uri):
    assert _host(uri.encode()) == b"a.ie"


@pytest.mark.parametrize("place", [0, 1, 2, 3, 36, 37, 38, 39])
def test_a_public_keys_slot_has_four_zeros_before_x_and_before_y(place):
    slot = bytearray(4) + b"x" * 32 + bytes(4) + b"y" * 32
    assert factory._unpadded(bytes(slot)) == b"x" * 32 + b"y" * 32
    slot[place] = 1
    for bad in (bytes(slot), bytes(71)):
        with pytest.raises(CertificateError, match="holds no signer's public key"):
            factory._unpadded(bad)


class UnsupportedThing(ValueError):
    """As libraries call theirs."""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("Incorrect password, could not decrypt key"), "not the password"),
        (ValueError("bad decrypt"), "not the password"),
        (ValueError("Incorrect password"), "not the password"),
        (TypeError("Password was not given but private key is encrypted"), "an empty one was given"),
        (ValueError("Unknown cipher"), "with a cipher that is not supported"),
        (ValueError("Need bcrypt module"), "as OpenSSH does it"),
        (UnsupportedThing("Curve 1.2.3 is not supported"), "on a curve that is not supported"),
        (UnsupportedThing("key type"), "of a kind that is not supported"),
        (ValueError("curve is wrong"), "is damaged"),
        (ValueError("what?"), "is damaged"),
    ],
)
def test_why_a_key_cant_be_loaded(error, said):
    assert said in keyfile._why_no_key(error, Path("key.pem")).message


KEY = ec.generate_private_key(ec.SECP256R1())
SELF = x509.Name.from_rfc4514_string("CN=x")
NOW = dt.datetime.now(dt.UTC)


def made(*extensions, start=NOW, end=NOW + dt.timedelta(days=1)):
    builder = x509.CertificateBuilder(SELF, SELF, KEY.public_key(), 1, start, end)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return library.anatomy(der(builder.sign(KEY, hashes.SHA256())), "It")


def authority_key(identifier):
    return x509.AuthorityKeyIdentifier(identifier, None, None)


OWN = x509.SubjectKeyIdentifier(b"own")
BY_NAME = x509.AuthorityKeyIdentifier(None, [x509.DirectoryName(SELF)], 1)


@pytest.mark.parametrize(
    ("child", "issuer", "agree"),
    [
        ([], [], True),
        ([], [OWN], True),
        ([authority_key(b"own")], [], True),
        ([authority_key(b"own")], [OWN], True),
        ([BY_NAME], [OWN], True),
        ([authority_key(b"other")], [OWN], False),
    ],
)
def test_whose_key_a_certificate_names_as_its_issuers(child, issuer, agree):
    if agree:
        proof._check_authority_key(made(*child), made(*issuer))
    else:
        with pytest.raises(CertificateError, match="names another key"):
            proof._check_authority_key(made(*child), made(*issuer))


@pytest.mark.parametrize(
    ("start", "end", "kinds"),
    [(-2, 2, []), (-2, 0, []), (0, 2, []), (-2, -1, ["expired"]), (1, 2, ["future"])],
)
def test_a_brokers_dates_to_the_second(start, end, kinds):
    now = NOW.replace(microsecond=0)
    one = made(start=now + dt.timedelta(seconds=start), end=now + dt.timedelta(seconds=end))
    way = object.__new__(Way)
    way._now, way.flaws = now, []
    way._dates(Step(one, "the broker's certificate"))
    assert [flaw.kind for flaw in way.flaws] == kinds
    assert all(flaw.message.startswith("The broker's certificate ") for flaw in way.flaws)


@pytest.mark.parametrize("dotted", ["0.9.2342", "1.2.840.10045", "1.39.1", "2.5.29.15", "2.25.7", "2.999.3"])
def test_an_oid_in_dots(dotted):
    assert read(oid(dotted)).oid == dotted


def test_each_bit_of_a_key_usage_is_its_own():
    """encipherOnly goes with keyAgreement alone (RFC 5280, 4.2.1.3)."""
    usage = x509.KeyUsage(False, False, False, False, True, False, False, True, False)
    one = made(usage)
    assert [has_usage(one, bit) for bit in range(9)] == [bit in (4, 7) for bit in range(9)]
    assert all(has_usage(made(), bit) for bit in range(9))

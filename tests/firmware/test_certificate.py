"""identity.certificate on MicroPython: the same certificates read there and with cryptography."""

import datetime as dt
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

FIELDS = ("subject", "issuer", "serial", "not_before", "not_after", "sha256")


def certificate(key, not_before, not_after, serial=0x80FF):
    name = x509.Name(
        [x509.NameAttribute(NameOID.COUNTRY_NAME, "IE"), x509.NameAttribute(NameOID.COMMON_NAME, "né")]
    )
    builder = x509.CertificateBuilder(name, name, key.public_key(), serial, not_before, not_after)
    return builder.sign(key, hashes.SHA256())


def read(micropython, der):
    setup = "from identity.certificate import Certificate\nc = Certificate(bytes.fromhex(given))"
    fields = ", ".join(f"c.{name}" for name in FIELDS)
    values = micropython.value(f"[{fields}, c.public_key and c.public_key.hex()]", setup, given=der.hex())
    return dict(zip((*FIELDS, "public_key"), values, strict=True))


def utc(*when):
    return dt.datetime(*when, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "dates",
    [
        (utc(2000, 2, 29, 23, 59, 59), utc(2049, 12, 31, 23, 59, 59)),  # UTCTime
        (utc(1999, 12, 31), utc(2050, 1, 1)),  # from UTCTime to GeneralizedTime
        (utc(2100, 3, 1, 1, 2, 3), utc(9999, 12, 31, 23, 59, 59)),  # RFC 5280, 4.1.2.5: no expiry
    ],
)
def test_it_reads_what_cryptography_reads(micropython, dates):
    key = ec.generate_private_key(ec.SECP256R1())
    made = certificate(key, *dates)
    got = read(micropython, made.public_bytes(serialization.Encoding.DER))
    point = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    assert got == {
        "subject": "C=IE,CN=né",
        "issuer": "C=IE,CN=né",
        "serial": "0080ff",
        "not_before": int(dates[0].timestamp()),
        "not_after": int(dates[1].timestamp()),
        "sha256": made.fingerprint(hashes.SHA256()).hex(),
        "public_key": point[1:].hex(),
    }


@pytest.mark.parametrize(
    "key",
    [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())],
    ids=["rsa", "p384"],
)
def test_other_keys_are_no_device_keys(micropython, key):
    made = certificate(key, utc(2026, 1, 1), utc(2027, 1, 1))
    assert read(micropython, made.public_bytes(serialization.Encoding.DER))["public_key"] is None


def test_a_v1_certificate_is_read(micropython, tmp_path):
    run = lambda *args: subprocess.run(["openssl", *args], cwd=tmp_path, check=True, capture_output=True)  # noqa: E731
    run("ecparam", "-out", "key.pem", "-name", "prime256v1", "-genkey")
    run("req", "-new", "-subj", "/CN=v1", "-key", "key.pem", "-out", "csr.pem")
    run("x509", "-req", "-in", "csr.pem", "-signkey", "key.pem", "-outform", "DER", "-out", "v1.der")
    assert read(micropython, (tmp_path / "v1.der").read_bytes())["subject"] == "CN=v1"


def test_a_damaged_certificate_is_a_value_error(micropython):
    made = certificate(ec.generate_private_key(ec.SECP256R1()), utc(2026, 1, 1), utc(2027, 1, 1))
    der = made.public_bytes(serialization.Encoding.DER)
    setup = "from identity.certificate import Certificate\nder = bytes.fromhex(given)\n" + (
        "def whole(data):\n"
        "    try:\n"
        "        Certificate(data)\n"
        "        return True\n"
        "    except ValueError:\n"
        "        return False\n"
    )
    assert micropython.value("[n for n in range(len(der)) if whole(der[:n])]", setup, given=der.hex()) == []
    assert micropython.value("whole(der + b'x')", setup, given=der.hex()) is False
    # Any one byte changed: it may still read (a letter of a name), but never fails in another way.
    flipped = "[whole(der[:n] + bytes((der[n] ^ 0x41,)) + der[n + 1:]) for n in range(len(der))]"
    assert len(micropython.value(flipped, setup, given=der.hex())) == len(der)

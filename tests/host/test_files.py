"""Files as people have them: read, or refused by their right name. And whatever they are, never with a traceback."""

import ast
import contextlib
import json
import random
import subprocess
from pathlib import Path

import atecc
import pytest
from atecc.broker.address import parse_broker
from atecc.broker.hello import FlightError, read_flight
from atecc.broker.judge import judge
from atecc.broker.probe import Sight
from atecc.errors import ArgumentError, AteccError, CertificateError
from atecc.x509.authority import LocalCA
from atecc.x509.keyfile import load_certificates, load_private_key
from atecc.x509.names import parse_subject
from atecc.x509.requests import der, general_name, load_csr
from cryptography.hazmat.primitives.asymmetric import ec
from derpki import CA, T61, basic, cert, csr, ec_key, ext, key_pem, name, pem, rsa_key, san, seq, tlv

KEY = ec_key()
CERT = cert("Root", KEY, exts=CA)
TEXT = pem(CERT)
FIRST, *MIDDLE, LAST = TEXT.splitlines()
CSR = csr("device", ec_key(), (san("DNS:a.ie"),))


def openssl(*arguments, cwd):
    subprocess.run(["openssl", *arguments], cwd=cwd, check=True, capture_output=True)


# Certificates that are read

FORMS = {
    "plain": TEXT.encode(),
    "text around it": b"Certificate:\n  Data: x\n" + TEXT.encode() + b"\nbye\n",
    "CRLF": TEXT.replace("\n", "\r\n").encode(),
    "CR alone": TEXT.replace("\n", "\r").encode(),
    "blanks at the ends": TEXT.replace("\n", " \n").encode(),
    "blanks at the beginnings": TEXT.replace("\n", "\n   ").encode(),
    "tabs": TEXT.replace("\n", "\t\n\t").encode(),
    "empty lines": TEXT.replace("\n", "\n\n").encode(),
    "quoted in a mail": ("> " + TEXT.replace("\n", "\n> ")).encode(),
    "a byte order mark": b"\xef\xbb\xbf" + TEXT.encode(),
    "UTF-16 with a mark": TEXT.encode("utf-16"),
    "UTF-16, little-endian": TEXT.encode("utf-16-le"),
    "UTF-16, big-endian": TEXT.encode("utf-16-be"),
    "out of JSON": json.dumps({"pem": TEXT}).encode(),
    "no line end at the end": TEXT.rstrip().encode(),
    "one long line": "\n".join((FIRST, "".join(MIDDLE), LAST)).encode(),
    "X509 CERTIFICATE": TEXT.replace("CERTIFICATE", "X509 CERTIFICATE").encode(),
    "TRUSTED CERTIFICATE": pem(CERT + seq(tlv(0x0C, b"alias")), "TRUSTED CERTIFICATE").encode(),
    "DER": CERT,
    "DER and a line end": CERT + b"\r\n",
    "DER twice": CERT + CERT,
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_certificates(tmp_path, form):
    (tmp_path / "f").write_bytes(FORMS[form])
    assert [der(one) for one in load_certificates(tmp_path / "f")] == [CERT] * (2 if "twice" in form else 1)


@pytest.mark.parametrize("encoding", ["PEM", "DER"])
def test_pkcs7(tmp_path, encoding):
    (tmp_path / "c").write_text(TEXT)
    openssl("crl2pkcs7", "-nocrl", "-certfile", "c", "-outform", encoding, "-out", "f", cwd=tmp_path)
    assert [der(one) for one in load_certificates(tmp_path / "f")] == [CERT]


# Certificates that are not, and what is said of them

ODD = {
    "Latin-1": (cert(name(("2.5.4.10", T61, b"Soci\xe9t\xe9")), KEY, exts=CA), "Latin-1"),
    "not PrintableString": (cert(name(("2.5.4.10", 0x13, b"a_b@c;")), KEY, exts=CA), "PrintableString"),
    "not UTF-8": (cert(name(("2.5.4.10", 0x0C, b"\xe9")), KEY, exts=CA), "is not"),
    "twice": (cert("x", KEY, exts=(*CA, basic())), "basicConstraints twice"),
    "v2": (cert("x", KEY, version=2), "version 2"),
    "v4": (cert("x", KEY, version=4), "version 4"),
    "X.400": (cert("x", KEY, exts=(ext("2.5.29.17", seq(tlv(0xA3, seq()))),)), "X.400"),
    "short IP": (cert("x", KEY, exts=(ext("2.5.29.17", seq(tlv(0x87, b"abc"))),)), "IP address of 3 bytes"),
    "umlaut": (cert("x", KEY, exts=(ext("2.5.29.17", seq(tlv(0x82, b"\xfc.ie"))),)), "beyond ASCII"),
    "cut short": (CERT[:-20], "cut short"),
    "a request": (CSR, "damaged, or no certificate"),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_certificates_are_named(tmp_path, kind):
    data, said = ODD[kind]
    (tmp_path / "f").write_text(pem(data))
    with pytest.raises(CertificateError, match=r"can't be read|damaged") as caught:
        load_certificates(tmp_path / "f")
    assert said in caught.value.message


def test_a_negative_serial_number_is_read(tmp_path):
    (tmp_path / "f").write_text(pem(cert("x", KEY, serial=b"\xff", exts=CA)))
    assert len(load_certificates(tmp_path / "f")) == 1


OTHERS = {
    "empty": (b" \n", "is empty"),
    "Java": (b"\xfe\xed\xfe\xed\0\0\0\2", "Java keystore"),
    "PuTTY": (b"PuTTY-User-Key-File-3: ecdsa-sha2-nistp256\n", "PuTTY"),
    "ssh": (b"ecdsa-sha2-nistp256 AAAA me@here\n", "OpenSSH public key"),
    "html": (b"<!DOCTYPE html>", "web page"),
    "zip": (b"PK\x03\x04aaaa", "ZIP"),
    "jwk": (b'{"kty": "EC"}', "JSON Web Key"),
    "no end": (TEXT[:-30].encode(), "cut short"),
    "a key": (key_pem(KEY).encode(), "only PRIVATE KEY"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_no_certificate_is_named(tmp_path, kind):
    data, said = OTHERS[kind]
    (tmp_path / "f").write_bytes(data)
    with pytest.raises(CertificateError, match=said):
        load_certificates(tmp_path / "f")


def test_pkcs12(tmp_path):
    (tmp_path / "c").write_text(TEXT)
    (tmp_path / "k").write_text(key_pem(KEY))
    openssl("pkcs12", "-export", "-in", "c", "-inkey", "k", "-passout", "pass:pw", "-out", "f", cwd=tmp_path)
    with pytest.raises(CertificateError, match="is a PKCS #12 file") as caught:
        load_certificates(tmp_path / "f")
    assert "openssl pkcs12 -in" in caught.value.hint and str(tmp_path / "f") in caught.value.hint
    found = load_private_key(tmp_path / "f", lambda _: b"pw")
    assert found.private_numbers() == KEY.private_numbers()
    with pytest.raises(CertificateError, match="not the password"):
        load_private_key(tmp_path / "f", lambda _: b"wrong")


def test_a_foreign_certificate_in_the_file_does_not_matter(tmp_path):
    (tmp_path / "c").write_text(pem(ODD["twice"][0]) + TEXT)
    (tmp_path / "k").write_text(key_pem(KEY))
    assert der(LocalCA.load(tmp_path / "c", tmp_path / "k", lambda _: b"").certificate) == CERT


# Keys

KEYS = {
    "OpenSSH": ("ssh-keygen -q -t ecdsa -N '' -f k", None),
    "explicit parameters": (
        "openssl ecparam -name prime256v1 -genkey -noout -param_enc explicit -out k",
        None,
    ),
    "Camellia": (
        "openssl ecparam -name prime256v1 -genkey -noout | openssl ec -camellia128 -passout pass:pw -out k",
        "cipher that is not supported",
    ),
    "ARIA": (
        "openssl ecparam -name prime256v1 -genkey | openssl pkcs8 -topk8 -v2 aria-128-cbc -passout pass:pw -out k",
        "cipher that is not supported",
    ),
    "OpenSSH, encrypted": ("ssh-keygen -q -t ecdsa -N pw -f k", "as OpenSSH does it"),
    "an odd curve": ("openssl ecparam -name secp112r1 -genkey -noout -out k", "curve that is not supported"),
}


@pytest.mark.parametrize("kind", KEYS)
def test_keys(tmp_path, kind):
    command, said = KEYS[kind]
    subprocess.run(command, shell=True, cwd=tmp_path, check=True, capture_output=True)
    if said is None:
        assert isinstance(load_private_key(tmp_path / "k", lambda _: b"pw"), ec.EllipticCurvePrivateKey)
        return
    with pytest.raises(CertificateError, match=said) as caught:
        load_private_key(tmp_path / "k", lambda _: b"pw")
    assert "pw" not in caught.value.message


def test_an_empty_password(tmp_path):
    command = "openssl ecparam -name prime256v1 -genkey | openssl ec -aes128 -passout pass:pw -out k"
    subprocess.run(command, shell=True, cwd=tmp_path, check=True, capture_output=True)
    with pytest.raises(CertificateError, match="needs a password"):
        load_private_key(tmp_path / "k", lambda _: b"")


# Nothing that comes from outside gets past the border as anything but our own errors


def mutations(data, seed, count):
    """The same with bytes changed, lost, doubled or cut off: in each, another place."""
    chance = random.Random(seed)
    for _ in range(count):
        out = bytearray(data)
        for _ in range(chance.choice((1, 1, 1, 2, 5))):
            place = chance.randrange(len(out))
            kind = chance.randrange(4)
            if kind == 0:
                out[place] = chance.randrange(256)
            elif kind == 1:
                out[place] ^= 1 << chance.randrange(8)
            elif kind == 2:
                del out[place : place + chance.randrange(1, 9)]
            else:
                out[place:place] = out[place : place + chance.randrange(1, 9)]
            if not out:
                out = bytearray(b"0")
        yield bytes(out)


RICH = cert(
    name(("2.5.4.10", 0x0C, "Größe".encode()), ("2.5.4.3", 0x13, b"Root")),
    KEY,
    exts=(
        *CA,
        san("DNS:a.ie", "IP:10.0.0.1", "email:a@b.ie", "URI:http://x/"),
        ext("2.5.29.14", tlv(4, b"12345678")),
        ext("2.5.29.35", seq(tlv(0x80, b"12345678"))),
        ext("2.5.29.30", seq(tlv(0xA0, seq(tlv(0x82, b"ie")))), True),
        ext("2.5.29.37", seq(b"\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02")),
    ),
)


@pytest.mark.parametrize("seed", range(4))
def test_damaged_certificates_as_a_ca(tmp_path, seed):
    (tmp_path / "k").write_text(key_pem(KEY))
    for data in mutations(RICH, seed, 400):
        (tmp_path / "c").write_bytes(data)
        try:
            ca = LocalCA.load(tmp_path / "c", tmp_path / "k", lambda _: b"")
            ca.rehearse(parse_subject("CN=a.ie"), ["DNS:a.ie"], 9)
        except AteccError as error:
            assert error.message.endswith((".", "?"))


@pytest.mark.parametrize("seed", range(4))
def test_damaged_certificates_of_a_broker(seed):
    sight = Sight("a.ie", 8883)
    sight.flight.version, sight.flight.suite, sight.flight.group = 0x0303, 0xC02B, 23
    sight.flight.complete = True
    for data in mutations(RICH, seed, 400):
        sight.flight.chain = [data, RICH]
        judge(sight, [RICH])
        sight.flight.chain = [RICH]
        judge(sight, [data])


@pytest.mark.parametrize("seed", range(2))
def test_damaged_keys_and_requests(tmp_path, seed):
    for source in (key_pem(KEY).encode(), key_pem(rsa_key()).encode()):
        for data in mutations(source, seed, 150):
            (tmp_path / "k").write_bytes(data)
            with contextlib.suppress(CertificateError):
                load_private_key(tmp_path / "k", lambda _: b"pw")
    for data in mutations(CSR, seed, 400):
        with contextlib.suppress(CertificateError):
            load_csr(data, "x")


@pytest.mark.parametrize("seed", range(2))
def test_a_server_that_says_anything(seed):
    chance = random.Random(seed)
    hello = bytes.fromhex("16030300310200002d0303") + bytes(32) + b"\0\xc0\x2b\0" + b"\0\5\xff\1\0\1\0"
    for data in [chance.randbytes(200) for _ in range(200)] + list(mutations(hello, seed, 300)):
        rest = [data]

        def receive(size, rest=rest):
            out, rest[0] = rest[0][:size], rest[0][size:]
            return out

        with contextlib.suppress(FlightError):
            read_flight(receive)


WORDS = [
    "",
    " ",
    ".",
    "..",
    "a..b",
    "a" * 64,
    "ü" * 70,
    "xn--",
    "\0",
    "a\0b",
    "[",
    "[::1]",
    "1:2:3",
    "@",
    "/",
    "-",
    "*",
    "%",
]
WORDS += [
    "a:99999999999999999999",
    "a:-1",
    "a:1e3",
    "a:٣",
    "host:",
    ":8883",
    "\ud800",
    "😀.ie",
    "127.0.0.1",
    "::1%eth0",
]


@pytest.mark.parametrize("word", WORDS)
def test_words_that_are_no_names(word):
    for parse in (parse_broker, parse_subject, general_name):
        for text in (word, f"CN={word}", f"DNS:{word}", f"IP:{word}", f"URI:{word}", f"email:{word}"):
            with contextlib.suppress(ArgumentError, CertificateError):
                parse(text)


# By construction: one module reads what comes from outside with `cryptography`, one opens sockets

READERS = ("load_pem_", "load_der_", "load_ssh_", "load_key_and_certificates", "load_pkcs12")
CONNECTORS = ("create_connection", "getaddrinfo")


def calls_of(path, names):
    """Whether this module calls something whose name begins so."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            found |= {called} if called.startswith(names) else set()
    return found


@pytest.mark.parametrize(("names", "where"), [(READERS, "x509/library.py"), (CONNECTORS, "sockets.py")])
def test_the_border_has_one_gate(names, where):
    house = Path(atecc.__file__).parent
    assert {str(path.relative_to(house)) for path in house.rglob("*.py") if calls_of(path, names)} == {where}

"""Subjects, as openssl's -subj takes them and as RFC 4514 writes them."""

import subprocess

import pytest
from atecc.errors import ArgumentError
from atecc.x509.names import parse_subject, to_text, to_x509

DUBLIN = [[("C", "IE")], [("L", "Dublin")]]


@pytest.mark.parametrize(
    ("text", "rdns"),
    [
        ("/C=IE/L=Dublin", DUBLIN),
        ("/C=IE/L=Dublin/", DUBLIN),
        ("C=IE,L=Dublin", DUBLIN),
        ("C=IE, L=Dublin", DUBLIN),
        ("  c=IE,l = Dublin ", DUBLIN),
        ("/C=IE/O=ACME Ltd/OU=Testing/", [[("C", "IE")], [("O", "ACME Ltd")], [("OU", "Testing")]]),
        (r"/O=A\/B/CN=x\+y\\z", [[("O", "A/B")], [("CN", r"x+y\z")]]),
        ("/CN=a/UID=7+serialNumber=8", [[("CN", "a")], [("UID", "7"), ("serialNumber", "8")]]),
        (r"O=ACME\, Inc.,CN=a\+b", [[("O", "ACME, Inc.")], [("CN", "a+b")]]),
        ('O="ACME, Inc.",CN=x', [[("O", "ACME, Inc.")], [("CN", "x")]]),
        ("CN=a+UID=7,C=IE", [[("CN", "a"), ("UID", "7")], [("C", "IE")]]),
        (r"CN=Lu\C4\8Di\C4\87", [[("CN", "Lučić")]]),
        (r"CN=ends with space\ ", [[("CN", "ends with space ")]]),
        ("/CN=a=b", [[("CN", "a=b")]]),
        ("/1.2.840.113549.1.9.1=a@b.ie", [[("emailAddress", "a@b.ie")]]),
        ("CN=x,1.3.6.1.4.1.99=y", [[("CN", "x")], [("1.3.6.1.4.1.99", "y")]]),
        ("/commonName=x/stateOrProvinceName=Leinster", [[("CN", "x")], [("ST", "Leinster")]]),
    ],
)
def test_both_notations(text, rdns):
    assert parse_subject(text) == rdns


@pytest.mark.parametrize(
    "text", ["/C=IE/L=Dublin/O=ACME Ltd/OU=Testing/", r"/O=a\/b, c/CN=x\\y", "/CN=a/UID=1+OU=2"]
)
def test_openssl_means_the_same(text, openssl, tmp_path):
    from cryptography import x509

    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "k")
    openssl("req", "-new", "-key", "k", "-subj", text, "-out", "r")
    theirs = x509.load_pem_x509_csr((tmp_path / "r").read_bytes()).subject
    assert theirs.rdns == to_x509(parse_subject(text)).rdns


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("/", "nothing in the subject"),
        ("CN", "not TYPE=VALUE"),
        ("/CN=/C=IE", "CN in the subject has no value"),
        ("/C=IRL", "not possible"),
        ("/CN=" + "x" * 65, "not possible"),
        ("/XYZ=1", "'XYZ' is not a subject's type"),
        ("O=ACME, Inc.,CN=x", "'Inc.' in the subject is not TYPE=VALUE"),
        (r"CN=\FF", "not UTF-8"),
        ("//CN=x", "not TYPE=VALUE"),
    ],
)
def test_what_is_wrong_is_said(text, said):
    with pytest.raises(ArgumentError, match=said):
        parse_subject(text)


def test_text_can_be_read_back():
    rdns = [[("O", 'A, "B" + C; <d>')], [("CN", "x\\y"), ("UID", "7")]]
    assert parse_subject(to_text(rdns)) == rdns


def test_openssl_is_really_there():
    assert subprocess.run(["openssl", "version"], capture_output=True, check=True).stdout.startswith(
        b"OpenSSL"
    )

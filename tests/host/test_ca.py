"""CAs in files: keys and certificates in every form people have, and everything that is wrong with them."""

import datetime as dt
import time
from pathlib import Path

import pytest
from atecc.errors import ArgumentError, CertificateError
from atecc.x509.authority import LocalCA
from atecc.x509.keyfile import load_certificates, load_private_key
from atecc.x509.purposes import purpose_words, tls_purposes
from atecc.x509.requests import names_in
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def now():
    return dt.datetime.now(dt.UTC)


YEAR = dt.timedelta(days=365)
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
PLAIN = serialization.NoEncryption()
FORMATS = {
    "sec1": serialization.PrivateFormat.TraditionalOpenSSL,
    "pkcs8": serialization.PrivateFormat.PKCS8,
}


def nobody(question):
    raise AssertionError(f"asked: {question}")


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certify(key, start=-YEAR, end=YEAR, subject="CA", issuer=None, issuer_key=None, extensions=None):
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer or subject))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() + start)
        .not_valid_after(now() + end)
    )
    for extension in [x509.BasicConstraints(True, None)] if extensions is None else extensions:
        # OpenSSL refuses a critical key identifier.
        builder = builder.add_extension(extension, not isinstance(extension, x509.SubjectKeyIdentifier))
    signer = issuer_key or key
    return builder.sign(signer, None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256())


@pytest.fixture
def files(tmp_path):
    def files(key, *certificates, encoding=PEM, form="pkcs8", encryption=PLAIN):
        cert, keyfile = tmp_path / "ca.crt", tmp_path / "ca.key"
        cert.write_bytes(b"".join(c.public_bytes(PEM) for c in certificates))
        keyfile.write_bytes(key.private_bytes(encoding, FORMATS[form], encryption))
        return cert, keyfile

    return files


def request(san=()):
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(name("sensor-1"))
    if san:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in san]), False)
    return builder.sign(key, hashes.SHA256())


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("encoding", [PEM, DER])
@pytest.mark.parametrize("kind", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1(), 2048])
def test_keys_of_every_kind_and_form(files, kind, encoding, form):
    key = rsa.generate_private_key(65537, kind) if kind == 2048 else ec.generate_private_key(kind)
    ca = LocalCA.load(*files(key, certify(key), encoding=encoding, form=form), nobody)
    issued = ca.issue(request(), 30)
    issued.verify_directly_issued_by(ca.certificate)
    assert ca.warnings == [] and ca.chain == [] and ca.root == ca.certificate


@pytest.mark.parametrize("form", FORMATS)
def test_an_encrypted_key_asks_for_its_password(files, form):
    key = ec.generate_private_key(ec.SECP256R1())
    paths = files(key, certify(key), form=form, encryption=serialization.BestAvailableEncryption(b"s3cret"))
    asked = []
    LocalCA.load(*paths, lambda question: asked.append(question) or b"s3cret")
    assert asked == [f"Password of {paths[1]}"]
    with pytest.raises(CertificateError, match="That is not the password of"):
        LocalCA.load(*paths, lambda question: b"wrong")


def test_openssls_encrypted_keys(openssl, tmp_path):
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-out", "plain.pem")
    openssl("ec", "-in", "plain.pem", "-aes256", "-passout", "pass:pw", "-out", "legacy.pem")
    openssl("pkcs8", "-topk8", "-in", "plain.pem", "-passout", "pass:pw", "-out", "pkcs8.pem")
    openssl(
        "pkcs8", "-topk8", "-in", "plain.pem", "-passout", "pass:pw", "-outform", "DER", "-out", "pkcs8.der"
    )
    plain = load_private_key(tmp_path / "plain.pem", nobody).private_numbers()
    for encrypted in ("legacy.pem", "pkcs8.pem", "pkcs8.der"):
        assert load_private_key(tmp_path / encrypted, lambda _: b"pw").private_numbers() == plain


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no private key"),
        ("hello", "holds no private key"),
        (
            "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n",
            "only EC PARAMETERS",
        ),
        ("-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n", "damaged"),
        ("-----BEGIN EC PRIVATE KEY-----\nAAAA\n", "holds no private key"),
    ],
)
def test_files_that_hold_no_key(tmp_path, text, said):
    path = tmp_path / "key"
    path.write_text(text)
    with pytest.raises(CertificateError, match=said):
        load_private_key(path, nobody)


def test_a_certificate_given_as_the_key_and_the_reverse(files):
    key = ec.generate_private_key(ec.SECP256R1())
    cert, keyfile = files(key, certify(key))
    with pytest.raises(CertificateError, match="holds no private key, only CERTIFICATE"):
        load_private_key(cert, nobody)
    with pytest.raises(CertificateError, match="holds no certificate, only PRIVATE KEY"):
        load_certificates(keyfile)


def test_missing_and_unreadable_files(tmp_path):
    with pytest.raises(CertificateError, match="There is no file"):
        load_private_key(tmp_path / "none", nobody)
    with pytest.raises(CertificateError, match="can't be read"):
        load_certificates(tmp_path)


def test_a_damaged_certificate(tmp_path):
    path = tmp_path / "crt"
    path.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    with pytest.raises(CertificateError, match="is damaged"):
        load_certificates(path)


def test_a_certificate_in_der_and_one_with_text_around(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = certify(key)
    (tmp_path / "der").write_bytes(certificate.public_bytes(DER))
    (tmp_path / "text").write_bytes(b"Certificate:\n  Data\n" + certificate.public_bytes(PEM) + b"\nbye\n")
    assert load_certificates(tmp_path / "der") == load_certificates(tmp_path / "text") == [certificate]


@pytest.mark.parametrize(
    "hostile",
    [
        b"-----BEGIN CERTIFICATE-----\n" * 11000,
        b"-----BEGIN CERTIFICATE-----\n-----END X-----\n" * 7000,
        b"-----BEGIN " * 30000,
        b"-" * 300_000,
        b"".join(b"-----BEGIN %d-----\n" % n for n in range(15000)),
    ],
)
def test_beginnings_without_an_end_cost_no_time(tmp_path, hostile):
    """Each read on to the end of the file would be a square: 300 KB took half a minute."""
    key = ec_key()
    path = tmp_path / "pem"
    path.write_bytes(hostile + b"\n" + certify(key).public_bytes(PEM))
    started = time.process_time()
    assert len(load_certificates(path)) == 1
    with pytest.raises(CertificateError, match="holds no private key"):
        load_private_key(path, nobody)
    assert time.process_time() - started < 2


def test_a_file_without_an_end_is_not_read_to_it():
    with pytest.raises(CertificateError, match="larger than"):
        load_certificates(Path("/dev/zero"))


def ec_key():
    return ec.generate_private_key(ec.SECP256R1())


def usage(**on):
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{n: on.get(n, False) for n in names})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"start": -2 * YEAR, "end": -YEAR}, "expired on"),
        ({"start": YEAR, "end": 2 * YEAR}, "not valid before"),
        ({"extensions": [x509.BasicConstraints(False, None)]}, "it is no CA"),
        ({"extensions": [usage(key_cert_sign=True)]}, "it is no CA"),
        (
            {"extensions": [x509.BasicConstraints(True, None), usage(digital_signature=True)]},
            "no keyCertSign",
        ),
    ],
)
def test_certificates_that_are_no_ca(files, settings, said):
    key = ec_key()
    with pytest.raises(CertificateError, match=said):
        LocalCA.load(*files(key, certify(key, **settings)), nobody)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (ec.generate_private_key(ec.SECP256K1()), "secp256k1"),
        (rsa.generate_private_key(65537, 1024), "1024 bits"),
        (ed25519.Ed25519PrivateKey.generate(), "not EC or RSA"),
    ],
)
def test_keys_that_brokers_dont_take(files, key, said):
    with pytest.raises(CertificateError, match=said):
        LocalCA.load(*files(key, certify(key)), nobody)


def test_a_key_of_another_certificate(files):
    with pytest.raises(CertificateError, match=r"does not belong to the certificate.*"):
        LocalCA.load(*files(ec_key(), certify(ec_key())), nobody)


def test_an_intermediate_brings_its_chain(files):
    root, key = ec_key(), ec_key()
    top = certify(root, subject="Root")
    middle = certify(key, subject="Middle", issuer="Root", issuer_key=root)
    ca = LocalCA.load(*files(key, top, middle), nobody)
    assert (ca.certificate, ca.chain, ca.root) == (middle, [middle], top)
    alone = LocalCA.load(*files(key, middle), nobody)
    assert (alone.chain, alone.root) == ([middle], middle)


def test_what_is_issued(files):
    key = ec_key()
    ca = LocalCA.load(*files(key, certify(key)), nobody)
    csr = request(san=["sensor-1.acme.ie"])
    one, other = (ca.issue(csr, 30, names=names_in(csr)) for _ in range(2))
    assert (
        one.version == x509.Version.v3 and one.subject == csr.subject and one.issuer == ca.certificate.subject
    )
    assert 0 < one.serial_number < 1 << 159 and one.serial_number != other.serial_number
    assert dt.timedelta(0) < now() - one.not_valid_before_utc < dt.timedelta(minutes=6)
    assert dt.timedelta(days=29, hours=23) < one.not_valid_after_utc - now() < dt.timedelta(days=30, hours=1)
    get = one.extensions.get_extension_for_class
    assert not get(x509.BasicConstraints).value.ca and get(x509.BasicConstraints).critical
    assert get(x509.KeyUsage).value == usage(digital_signature=True)
    assert list(get(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.CLIENT_AUTH,
        ExtendedKeyUsageOID.SERVER_AUTH,
    ]
    assert get(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName) == ["sensor-1.acme.ie"]
    assert get(x509.SubjectKeyIdentifier).value == x509.SubjectKeyIdentifier.from_public_key(csr.public_key())
    theirs = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    assert get(x509.AuthorityKeyIdentifier).value.key_identifier == theirs.digest


def test_a_request_gets_nothing_that_it_only_wishes_for(files):
    """What its author put in beside key and subject: names, CA:TRUE, signing certificates, another purpose."""
    key = ec_key()
    wishes = [
        x509.SubjectAlternativeName([x509.DNSName("mqtt.acme.ie")]),
        x509.BasicConstraints(True, None),
        usage(key_cert_sign=True),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]),
    ]
    builder = x509.CertificateSigningRequestBuilder().subject_name(name("sensor-1"))
    for wish in wishes:
        builder = builder.add_extension(wish, True)
    ca = LocalCA.load(*files(key, certify(key)), nobody)
    issued = ca.issue(builder.sign(ec_key(), hashes.SHA256()), 30, tls_purposes(server=False))
    given = [extension.value for extension in issued.extensions]
    assert not [wish for wish in wishes if wish in given]
    assert not [one for one in given if isinstance(one, x509.SubjectAlternativeName)]
    assert purpose_words(issued) == ["clientAuth"]


def test_the_authority_key_is_the_cas_own_word_for_it(files):
    key = ec_key()
    own = x509.SubjectKeyIdentifier(b"anything")
    ca = LocalCA.load(*files(key, certify(key, extensions=[x509.BasicConstraints(True, None), own])), nobody)
    found = ca.issue(request(), 1).extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert found.key_identifier == b"anything"


def test_never_valid_longer_than_the_ca(files):
    key = ec_key()
    ca = LocalCA.load(*files(key, certify(key, start=-dt.timedelta(minutes=1))), nobody)
    issued = ca.issue(request(), 3650)
    assert issued.not_valid_after_utc == ca.certificate.not_valid_after_utc
    assert issued.not_valid_before_utc == ca.certificate.not_valid_before_utc
    assert "before 3650 days are over" in ca.validity(3650)[2] and ca.validity(30)[2] == ""


@pytest.mark.parametrize("days", [0, -1, 1_000_000])
def test_days_that_make_no_sense(files, days):
    key = ec_key()
    with pytest.raises(ArgumentError, match="can't be valid for"):
        LocalCA.load(*files(key, certify(key)), nobody).validity(days)

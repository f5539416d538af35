"""`atecc operator init` and `renew`: the operator's own CA, key and certificate."""

import base64
import stat

import pytest
from atecc.x509.authority import LocalCA
from atecc.x509.keyfile import load_private_key
from atecc.x509.requests import pem
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "keys"


def certificate(path):
    return x509.load_pem_x509_certificate(path.read_bytes())


def extension(found, kind):
    return found.extensions.get_extension_for_class(kind)


def days(found):
    return (found.not_valid_after_utc - found.not_valid_before_utc).days


def test_init_makes_a_ca_and_a_client_certificate(board, run, directory, openssl):
    seen = run(
        board, "operator", "init", "--dir", directory, "--name", "alice", "--days", "90", "--ca-days", "900"
    )
    assert seen.status == 0 and "atecc operator trust" in seen.err
    ca, own = certificate(directory / "ca.crt.pem"), certificate(directory / "operator.crt.pem")
    assert extension(ca, x509.BasicConstraints).value.ca and extension(ca, x509.BasicConstraints).critical
    usage = extension(ca, x509.KeyUsage).value
    assert usage.key_cert_sign and not usage.digital_signature
    mark = x509.ObjectIdentifier("2.25.274449194123620572914822031769018701066")
    assert list(extension(own, x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.CLIENT_AUTH, mark]
    assert list(extension(ca, x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.CLIENT_AUTH, mark]
    assert not extension(own, x509.BasicConstraints).value.ca
    assert (days(own), days(ca)) == (90, 900)
    assert own.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "alice"
    openssl(
        "verify", "-purpose", "sslclient", "-CAfile", directory / "ca.crt.pem", directory / "operator.crt.pem"
    )


def test_its_files_are_its_owners_alone(board, run, directory):
    assert run(board, "operator", "init", "--dir", directory).status == 0
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}


@pytest.mark.parametrize("there", ["ca.crt.pem", "ca.key.pem", "operator.crt.pem", "operator.key.pem"])
def test_init_overwrites_nothing(board, run, directory, there):
    directory.mkdir()
    (directory / there).write_text("mine")
    seen = run(board, "operator", "init", "--dir", directory)
    assert seen.status == 5 and there in seen.err and "a part of an operator" in seen.err
    assert [path.name for path in directory.iterdir()] == [there]
    assert (directory / there).read_text() == "mine"


@pytest.mark.parametrize("bad", [("--days", "0"), ("--ca-days", "999999"), ("--name", "x" * 65)])
def test_init_with_what_makes_no_sense(board, run, directory, bad):
    seen = run(board, "operator", "init", "--dir", directory, *bad)
    assert seen.status == 2 and not directory.exists()


def test_the_default_directory_follows_xdg(board, run, tmp_path, monkeypatch):
    assert run(board, "operator", "init").status == 0
    assert (tmp_path / "config/atecc/operator/operator.crt.pem").exists()
    monkeypatch.setenv("ATECC_OPERATOR_DIR", str(tmp_path / "elsewhere"))
    assert run(board, "operator", "init", "--json").json["directory"] == str(tmp_path / "elsewhere")


def test_renew_keeps_ca_and_key(board, run, operator):
    ca, key, old = operator.ca_file.read_bytes(), operator.key_file.read_bytes(), operator.certificate()
    seen = run(board, "operator", "renew", "--days", "30")
    assert seen.status == 0, seen.err
    new = operator.check()
    assert new.serial_number != old.serial_number and days(new) == 30 and new.subject == old.subject
    assert (operator.ca_file.read_bytes(), operator.key_file.read_bytes()) == (ca, key)
    assert stat.S_IMODE(operator.certificate_file.stat().st_mode) == 0o600
    new.verify_directly_issued_by(operator.ca())


def test_renew_without_an_operator(board, run):
    seen = run(board, "operator", "renew")
    assert seen.status == 6 and "atecc operator init" in seen.err


# A password for the CA's key


def test_the_cas_key_may_have_a_password(board, run, directory, tmp_path):
    (tmp_path / "pw").write_text("open sesame\n")
    seen = run(board, "operator", "init", "--dir", directory, "--ca-key-password-file", tmp_path / "pw")
    assert seen.status == 0 and "open sesame" not in seen.err + seen.out
    assert b"ENCRYPTED" in (directory / "ca.key.pem").read_bytes()
    assert b"ENCRYPTED" not in (directory / "operator.key.pem").read_bytes()
    before = certificate(directory / "operator.crt.pem")
    renew = ["--operator-dir", directory, "operator", "renew"]
    assert run(board, *renew).status == 6 and certificate(directory / "operator.crt.pem") == before
    assert run(board, *renew, typed="wrong\n").status == 6
    assert run(board, *renew, typed="open sesame\n").status == 0
    assert run(board, *renew, "--ca-key-password-file", tmp_path / "pw").status == 0
    assert certificate(directory / "operator.crt.pem") != before


def test_the_password_is_typed_twice(board, run, directory):
    init = ["operator", "init", "--dir", directory, "--ca-key-password"]
    assert run(board, *init).status == 6 and not directory.exists()
    assert run(board, *init, typed="one\nother\n").status == 2 and not directory.exists()
    assert run(board, *init, typed="one\none\n").status == 0
    assert b"ENCRYPTED" in (directory / "ca.key.pem").read_bytes()


# A CA is for devices or for operators


@pytest.mark.parametrize("command", [["provision", "ca"], ["cert", "--slot", "0"]])
def test_the_ca_that_init_makes_issues_no_devices_certificate(networked, run, operator, wish, command):
    before = dict(networked.keys)
    options = wish if command[0] == "provision" else ["--days", "9", "--subject", "CN=x"]
    files = ["--ca-cert", operator.ca_file, "--ca-key", operator.ca_key_file]
    seen = run(networked, *command, *files, *options)
    assert seen.status == 6 and "is a CA of operators" in seen.err and seen.out == ""
    assert networked.keys == before


def test_nor_does_another_that_the_device_trusts(networked, run, ca, wish):
    der = certificate(ca.cert).public_bytes(Encoding.DER)
    networked.handle("Access.Trust", {"ca": base64.b64encode(der).decode()})
    before = dict(networked.keys)
    seen = run(networked, "provision", "ca", *ca.options, *wish)
    assert seen.status == 6 and "the CA of this device's operators" in seen.err
    assert networked.keys == before


def without_the_mark(operator):
    """The CA and the certificate that an earlier release made."""
    old, key = operator.ca(), load_private_key(operator.ca_key_file, None)
    own = x509.CertificateBuilder(old.issuer, old.subject, key.public_key(), 1)
    own = own.not_valid_before(old.not_valid_before_utc).not_valid_after(old.not_valid_after_utc)
    own = own.add_extension(x509.BasicConstraints(True, 0), critical=True)
    operator.ca_file.write_text(pem(own.sign(key, SHA256())))
    ca = LocalCA.load(operator.ca_file, operator.ca_key_file, lambda question: b"")
    request = x509.CertificateSigningRequestBuilder().subject_name(operator.certificate().subject)
    request = request.sign(load_private_key(operator.key_file, None), SHA256())
    operator.certificate_file.write_text(pem(ca.issue(request, 90, [ExtendedKeyUsageOID.CLIENT_AUTH])))


@pytest.mark.parametrize("port", ["wss://127.0.0.1:1", "mqtts://127.0.0.1:1/sensor-1"])
def test_an_operator_without_the_mark_is_told_how_to_get_it(networked, run, call, operator, port):
    without_the_mark(operator)
    seen = call("--port", port, "info")
    assert seen.status == 6 and "atecc operator renew" in seen.err
    seen = run(networked, "operator", "trust")
    assert seen.status == 6 and "lacks the operators' mark" in seen.err and "atecc operator renew" in seen.err
    assert networked.trusted == {}
    assert run(networked, "operator", "renew").status == 0
    assert run(networked, "operator", "trust").status == 0

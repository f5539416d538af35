"""With a CA of one's own: the case that started it, and brokers that say no."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from openssl import EC, sh
from simcloud.broker import Broker, free_address
from simcloud.pki import Authority, ServerIdentity, Validity, name, pem, private_pem, server_certificate

# The very commands that ended in "unknown key format EC PARAMETERS".
THE_CASE = """
openssl ecparam -out ca.key.pem -name prime256v1 -genkey
openssl req -new -subj "/C=IE/L=Dublin/O=ACME Ltd/OU=Testing/" -sha256 -key ca.key.pem -text -out ca.csr.tmpl
openssl x509 -in ca.csr.tmpl -text -out ca.crt.pem -req -signkey ca.key.pem
"""


USER_FROM_CN = ("use_identity_as_username true", "allow_anonymous false")


def broker_by(folder, ca_cert, ca_key, host, *extra):
    """A broker whose certificate is made with openssl by that CA, and which trusts that CA."""
    sh(
        f"openssl req {EC} -keyout srv.key -subj /CN=broker -out srv.csr\n"
        f"printf 'subjectAltName=IP:{host}' > srv.ext\n"
        f"openssl x509 -req -in srv.csr -CA {ca_cert} -CAkey {ca_key} -CAcreateserial -days 30"
        " -extfile srv.ext -out srv.crt",
        folder,
    )
    identity = ServerIdentity(certificate_file=folder / "srv.crt", key_file=folder / "srv.key")
    return started_in(folder / f"broker-{host}", identity, folder / ca_cert, host, *extra)


def started_in(folder, identity, client_ca, host, *extra):
    folder.mkdir()
    return Broker(folder, identity, client_ca, address=host, extra=extra)


@pytest.fixture
def case(tmp_path):
    """A folder with the case's CA, and a running broker that trusts it."""
    sh(THE_CASE, tmp_path)
    host = free_address()
    with broker_by(tmp_path, "ca.crt.pem", "ca.key.pem", host) as broker:
        yield tmp_path, f"{host}:8883", broker


def provision(
    folder, broker, *more, subject="/C=IE/L=Dublin/O=ACME Ltd/CN=thing-1/", days="365", key="ca.key.pem"
):
    return (
        "provision", "ca", "--ca-cert", folder / "ca.crt.pem", "--ca-key", folder / key,
        "--subject", subject, "--days", days, "--broker", broker, *more,
    )  # fmt: skip


def test_the_case_that_started_it(user, case):
    folder, broker, _ = case
    user.starts = True
    assert (folder / "ca.key.pem").read_text().startswith("-----BEGIN EC PARAMETERS-----")
    said = user.succeeds(*provision(folder, broker))
    assert "AWS" in said.err  # what AWS will think of a v1 certificate as a CA
    message = user.succeeds("--json", "mqtt", "publish", "t", "it works", "--round-trip").json
    assert message["received"] == "it works"
    again = user.succeeds("--json", *provision(folder, broker)).json
    assert not again["changed"] and "The board is thing-1 already" in again["why"]


@pytest.mark.parametrize("subject", ["/C=IE/L=Dublin", "C=IE,L=Dublin"])
def test_both_ways_to_write_a_subject(user, case, subject, tmp_path):
    folder, broker, _ = case
    done = user.succeeds("--json", *provision(folder, broker, subject=subject)).json
    (tmp_path / "made.pem").write_text(done["certificate_pem"])
    shown = subprocess.run(
        ["openssl", "x509", "-in", tmp_path / "made.pem", "-noout", "-subject"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.strip() == "subject=C = IE, L = Dublin"


CONVERSIONS = {
    "pkcs8": "openssl ec -in ca.key.pem | openssl pkcs8 -topk8 -nocrypt -out k",
    "sec1": "openssl ec -in ca.key.pem -out k",
    "der": "openssl ec -in ca.key.pem -outform DER -out k",
    "pkcs8-der": "openssl ec -in ca.key.pem | openssl pkcs8 -topk8 -nocrypt -outform DER -out k",
    "encrypted": "openssl ec -in ca.key.pem | openssl pkcs8 -topk8 -passout pass:secret -out k; echo secret > password",
    "encrypted-sec1": "openssl ec -aes128 -passout pass:secret -in ca.key.pem -out k; printf secret > password",
}


@pytest.mark.parametrize("form", CONVERSIONS)
def test_every_form_of_key(user, case, form):
    folder, broker, _ = case
    sh(CONVERSIONS[form], folder)
    more = ("--ca-key-password-file", folder / "password") if "encrypted" in form else ()
    user.succeeds(*provision(folder, broker, *more, key="k"))


def test_an_rsa_ca(user, tmp_path):
    sh(
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key.pem -subj /CN=rsa -days 30 -out ca.crt.pem",
        tmp_path,
    )
    host = free_address()
    with broker_by(tmp_path, "ca.crt.pem", "ca.key.pem", host):
        user.succeeds(*provision(tmp_path, f"{host}:8883"))
        assert user.succeeds("--json", "mqtt", "status").json["state"] == "connected"


def test_the_library_example_of_the_readme(user, case):
    """host/README.md, as it stands there but for the port and the broker's name."""
    folder, broker, _ = case
    readme = Path(__file__).parents[2] / "host" / "README.md"
    example = re.search(r"```python\n(.*?)```", readme.read_text(), re.DOTALL)[1]
    example = example.replace("mqtt.acme.ie", broker.split(":")[0]).replace('"auto"', repr(user.port))
    done = subprocess.run(
        [sys.executable, "-c", example], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("-----BEGIN CERTIFICATE-----"), done.stderr
    assert user.succeeds("--json", "mqtt", "status").json["client_id"] == "sensor-1"


# What can be seen to be wrong before the chip makes a key.


def refused(user, folder, broker, status, **more):
    said = user.fails(status, *provision(folder, broker, **more))
    assert user.bench.chip.keys_made == 0
    return said


def test_a_key_of_another_ca(user, case):
    folder, broker, _ = case
    sh("openssl ecparam -name prime256v1 -genkey -noout -out other.pem", folder)
    assert "does not belong to the certificate" in refused(user, folder, broker, 6, key="other.pem")


def test_an_expired_ca(user, case):
    folder, broker, _ = case
    sh("openssl x509 -req -in ca.csr.tmpl -signkey ca.key.pem -days -1 -out ca.crt.pem", folder)
    assert "expired" in refused(user, folder, broker, 6)


def test_a_wrong_password(user, case):
    folder, broker, _ = case
    sh(CONVERSIONS["encrypted"] + "; printf wrong > password", folder)
    said = user.fails(6, *provision(folder, broker, "--ca-key-password-file", folder / "password", key="k"))
    assert "password" in said
    assert user.bench.chip.keys_made == 0


def test_a_certificate_in_the_place_of_the_key(user, case):
    folder, broker, _ = case
    assert "key" in refused(user, folder, broker, 6, key="ca.crt.pem")


@pytest.mark.parametrize("days", ["0", "-5"])
def test_days_that_are_none(user, case, days):
    folder, broker, _ = case
    said = user.types(*provision(folder, broker, days=days))
    assert said.status in (2, 6)
    assert user.bench.chip.keys_made == 0


@pytest.mark.parametrize("subject", ["Dublin", "/XX=1", "/C=Ireland", ""])
def test_subjects_that_are_none(user, case, subject):
    folder, broker, _ = case
    said = user.types(*provision(folder, broker, subject=subject))
    assert said.status in (2, 6)
    assert user.bench.chip.keys_made == 0


def test_a_missing_file_is_named(user, case):
    folder, broker, _ = case
    said = user.types(*provision(folder, broker, key="nowhere.pem"))
    assert said.status in (2, 6)
    assert "nowhere.pem" in said.err


# Brokers. The board has to say these itself, so this computer is told not to look first.

BLIND = "--no-broker-check"


def unharmed(user):
    """Nothing became active, nothing is left half done."""
    status = user.succeeds("--json", "identity", "status").json
    return status["active"] is None and status["identities"]["a"]["state"] == "empty"


def test_a_broker_that_is_not_there(user, case):
    folder, _, broker = case
    broker.stop()
    said = user.fails(8, *provision(folder, f"{broker.address}:8883", BLIND))
    assert "connection refused" in said
    assert unharmed(user)


def test_a_name_that_does_not_resolve(user, case):
    folder, *_ = case
    said = user.fails(8, *provision(folder, "no-such-host.invalid:8883", BLIND))
    assert "the name does not resolve" in said
    assert unharmed(user)


def test_a_broker_with_another_name(user, case):
    folder, *_ = case
    (folder / "other").mkdir()
    sh("cp ca.* other/", folder)
    host = free_address()
    with broker_by(folder / "other", "ca.crt.pem", "ca.key.pem", host) as other:
        said = user.fails(8, *provision(folder, f"{alias(host)}:{other.port}", BLIND))
    assert "was not accepted" in said
    assert unharmed(user)


def alias(host):
    """Another way to write a loopback address, under which the certificate does not name it."""
    a, b, c, d = map(int, host.split("."))
    return str((a << 24) | (b << 16) | (c << 8) | d)


def test_a_broker_of_another_ca(user, case, tmp_path):
    folder, *_ = case
    stranger = Authority.root(name(common_name="Stranger"))
    host = free_address()
    identity = server_certificate(tmp_path, stranger, host, stem="stranger")
    with started_in(tmp_path / "strange", identity, folder / "ca.crt.pem", host):
        said = user.fails(8, *provision(folder, f"{host}:8883", BLIND))
    assert "was not accepted" in said
    assert unharmed(user)


@pytest.mark.parametrize(("since", "until", "word"), [(-20, -10, "expired"), (10, 20, "future")])
def test_a_broker_whose_certificate_is_not_valid_now(user, case, tmp_path, since, until, word):
    folder, *_ = case
    ours = Authority.root(name(common_name="Dated"))
    host = free_address()
    identity = server_certificate(tmp_path, ours, host, validity=Validity.days(since, until), stem="dated")
    (folder / "dated-ca.pem").write_bytes(ours.certificate.public_bytes(Encoding.PEM))
    with started_in(tmp_path / "dated", identity, folder / "ca.crt.pem", host):
        said = user.fails(
            8, *provision(folder, f"{host}:8883", BLIND, "--server-ca", folder / "dated-ca.pem")
        )
    assert word in said
    assert "this device's clock says 20" in said
    assert unharmed(user)


def test_a_broker_that_does_not_accept_the_certificate(user, case, tmp_path):
    folder, *_ = case
    sh(
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout k -subj /CN=other -days 30 -out other-ca.pem",
        tmp_path,
    )
    ours = Authority.root(name(common_name="Ours"))
    (folder / "ours.pem").write_bytes(ours.certificate.public_bytes(Encoding.PEM))
    host = free_address()
    identity = server_certificate(tmp_path, ours, host, stem="elsewhere")
    with started_in(tmp_path / "elsewhere", identity, tmp_path / "other-ca.pem", host):
        said = user.fails(8, *provision(folder, f"{host}:8883", BLIND, "--server-ca", folder / "ours.pem"))
    assert "most likely it does not accept this device's certificate" in said
    assert unharmed(user)


def test_a_broker_that_takes_the_users_name_from_a_cn_that_is_not_there(user, case):
    folder, *_ = case
    host = free_address()
    with broker_by(folder, "ca.crt.pem", "ca.key.pem", host, *USER_FROM_CN):
        said = user.fails(8, *provision(folder, f"{host}:8883", BLIND, subject="/C=IE/L=Dublin"))
        assert "a broker may take the name from the certificate's CN" in said
        assert unharmed(user)
        user.succeeds(*provision(folder, f"{host}:8883", BLIND))


def test_what_listens_is_no_broker(user, case):
    folder, *_ = case
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        said = user.fails(8, "--timeout", "2", *provision(folder, f"127.0.0.1:{port}", BLIND))
    assert "did not answer in time" in said
    assert unharmed(user)


def test_a_broker_that_knows_the_root_only_is_sent_the_ca_between(user, tmp_path):
    root = Authority.root(name(common_name="the root"))
    between = root.intermediate(name(common_name="the CA between"))
    (tmp_path / "root.pem").write_bytes(pem(root.certificate))
    (tmp_path / "ca.crt.pem").write_bytes(pem(between.certificate, root.certificate))
    (tmp_path / "ca.key.pem").write_bytes(private_pem(between.key))
    host = free_address()
    identity = server_certificate(tmp_path, root, host)
    with started_in(tmp_path / "broker", identity, tmp_path / "root.pem", host):
        said = user.succeeds(*provision(tmp_path, f"{host}:8883"))
        assert "may not be taken" not in said.err
        assert user.succeeds("--json", "mqtt", "status").json["state"] == "connected"

"""The workflow with one's own CA: what happens, in which order, and what is refused before the chip makes a key."""

import base64
import datetime as dt
import time

import pytest
from atecc.x509.keyfile import load_private_key
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from fakedevice import SERIAL, FakeDevice
from provisioning import provision
from tlsserver import TlsServer

# Anything after this has touched the chip.
BEGIN = "Identity.Begin"


def untouched(board):
    return BEGIN not in board.calls and not board.keys


def test_the_whole_job(board, run, ca, wish):
    seen = provision(run, board, ca, wish)
    assert seen.status == 0, seen.err
    for line in (
        f"ATECC608A {SERIAL} at 0x60",
        "key generated in slot 0: it can't be read out",
        "signed by that key, checked here",
        "byte for byte the same",
        "mutual TLS with broker.invalid, signed by the chip",
        "identity a is the active one",
        "MQTT is up: broker.invalid as sensor-1",
    ):
        assert line in seen.err
    assert seen.out == "", "nothing for programs unless they ask"
    assert board.active == "a" and board.mqtt == "connected"
    stored = board.records["a"]
    assert (stored["name"], stored["client_id"], stored["endpoint"], stored["port"]) == (
        "sensor-1", "sensor-1", "broker.invalid", 8883,
    )  # fmt: skip


def test_the_order_of_things(board, run, ca, wish):
    provision(run, board, ca, wish)
    changes = [
        c for c in board.calls if c.split(".")[1] not in ("GetInfo", "KeyInfo", "Status", "Get", "Look")
    ]
    assert changes == [
        "Sys.SetTime", BEGIN, "Identity.Stage", "Identity.Try", "Identity.Commit", "MQTT.Connect",
    ]  # fmt: skip


def test_json_has_what_was_really_used(board, run, ca, wish):
    data = provision(run, board, ca, wish, "--json").json
    certificate = x509.load_pem_x509_certificate(data["certificate_pem"].encode())
    csr = x509.load_pem_x509_csr(data["csr_pem"].encode())
    der = base64.b64decode(board.records["a"]["certificate"])
    assert certificate.public_bytes(Encoding.DER) == der
    assert csr.public_key() == certificate.public_key() == board.keys[0].public_key()
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(data["ca_pem"].encode()))
    assert data["chip"] == {"serial": SERIAL, "revision": "00006002"}
    assert data["tls"]["version"] == "TLSv1.2" and data["endpoint"] == "broker.invalid"
    assert [s["name"] for s in data["steps"]] == [
        "board", "chip", "ca", "broker", "clock", "key", "csr", "certificate", "stage", "try", "commit",
        "mqtt",
    ]  # fmt: skip


def again(run, board, ca, wish, *more):
    """Provisioned once more, with something else or not: whether anything was done."""
    before, asked = dict(board.keys), len(board.calls)
    seen = provision(run, board, ca, wish, *more, "--json")
    assert seen.status == 0, seen.err
    if not seen.json["changed"]:
        assert board.keys == before and not {BEGIN, "Sys.SetTime"} & set(board.calls[asked:])
        assert "The board is" in seen.json["why"] and "--renew" in seen.json["why"]
    return seen.json["changed"]


def test_a_board_that_is_that_already_is_left_alone(board, run, ca, wish):
    wish += ["--san", "DNS:sensor-1.local", "--san", "DNS:sensor-1"]
    assert again(run, board, ca, wish)
    assert not again(run, board, ca, wish) and board.active == "a"
    assert not again(run, board, ca, wish, "--days", "30"), "how long is a wish for the next one"
    assert not again(run, board, ca, wish, "--renew-before", "300d")
    assert again(run, board, ca, wish, "--renew-before", "366d")
    assert again(run, board, ca, wish, "--renew")


@pytest.mark.parametrize(
    "more",
    [
        ["--subject", "/C=IE/O=Other/CN=sensor-1"],
        ["--name", "sensor-2"],
        ["--client-id", "other"],
        ["--broker", "other.invalid"],
        ["--broker", "broker.invalid:8884"],
        ["--san", "DNS:sensor-1.local"],
        ["--slot", "1"],
    ],
)
def test_a_board_that_is_something_else(board, run, ca, wish, more):
    provision(run, board, ca, wish)
    assert again(run, board, ca, wish, *more)


def test_a_board_of_another_ca_with_the_same_name(board, run, ca, wish, openssl):
    """What a user gets who types the commands of the README once more."""
    provision(run, board, ca, wish)
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "ca.key.pem")
    openssl("req", "-x509", "-key", "ca.key.pem", "-out", "ca.crt.pem", "-subj", "/O=ACME/CN=ACME CA")
    assert again(run, board, ca, wish)


def test_a_board_that_trusts_another_ca(board, run, ca, wish, openssl, tmp_path):
    provision(run, board, ca, wish)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "k2",
            "-out", "c2", "-subj", "/CN=other")  # fmt: skip
    assert again(run, board, ca, wish, "--server-ca", tmp_path / "c2")
    assert not again(run, board, ca, wish, "--server-ca", tmp_path / "c2")


def test_the_identity_of_another_chip_is_not_this_boards(board, run, ca, wish, monkeypatch):
    provision(run, board, ca, wish)
    status = FakeDevice.Identity_Status
    monkeypatch.setattr(FakeDevice, "Identity_Status", lambda self: status(self) | {"other_chip": "Another."})
    assert again(run, board, ca, wish)


def test_of_a_password_it_is_said_that_it_was_not_compared(board, run, ca, wish, tmp_path):
    (tmp_path / "pw").write_text("secret")
    wish += ["--username", "sensor-1", "--password-file", tmp_path / "pw"]
    provision(run, board, ca, wish)
    seen = provision(run, board, ca, wish)
    assert seen.status == 0 and "password can't be compared: --renew stores" in seen.err


def test_the_boards_clock_in_2000_is_set(board, run, ca, wish):
    seen = provision(run, board, ca, wish)
    assert "it said 2000-01-01" in seen.err and abs(board.clock - time.time()) < 20


def test_this_computers_clock_in_2000(board, run, ca, wish, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 946684800.0)
    seen = provision(run, board, ca, wish)
    assert seen.status == 1 and "This computer's clock says 2000-01-01" in seen.err and untouched(board)


# The case that started it


@pytest.fixture
def first_case(openssl, tmp_path):
    """Exactly these commands, and their files."""
    openssl("ecparam", "-out", "ca.key.pem", "-name", "prime256v1", "-genkey")
    subject = "/C=IE/L=Dublin/O=ACME Ltd/OU=Testing/"
    openssl("req", "-new", "-subj", subject, "-sha256", "-key", "ca.key.pem", "-text", "-out", "ca.csr.tmpl")
    openssl("x509", "-in", "ca.csr.tmpl", "-text", "-out", "ca.crt.pem", "-req", "-signkey", "ca.key.pem")
    assert (tmp_path / "ca.key.pem").read_text().startswith("-----BEGIN EC PARAMETERS-----")
    assert not (tmp_path / "ca.crt.pem").read_text().startswith("-----BEGIN")
    return ["--ca-cert", tmp_path / "ca.crt.pem", "--ca-key", tmp_path / "ca.key.pem"]


@pytest.mark.parametrize("subject", ["/C=IE/L=Dublin", "C=IE,L=Dublin"])
def test_the_case_that_started_it(board, run, first_case, subject, openssl, tmp_path):
    wish = ["--subject", subject, "--days", "20", "--broker", "broker.invalid:8883"]
    seen = run(board, "provision", "ca", *first_case, *wish, "--json")
    assert seen.status == 0, seen.err
    assert "X.509 v1, without CA:TRUE" in seen.err and "AWS IoT would not register it" in seen.err
    (tmp_path / "device.pem").write_text(seen.json["certificate_pem"])
    assert "OK" in openssl("verify", "-CAfile", "ca.crt.pem", "-purpose", "sslclient", "device.pem")
    assert "C = IE, L = Dublin" in openssl("x509", "-in", "device.pem", "-noout", "-subject")
    assert board.records["a"]["name"] == "atecc-fake", "without a CN the board's id is the name"


def test_a_tls_server_that_trusts_that_ca_lets_the_device_in(board, run, first_case, tmp_path):
    wish = ["--subject", "/CN=sensor-1", "--days", "20", "--broker", "broker.invalid:8883"]
    data = run(board, "provision", "ca", *first_case, *wish, "--json").json
    ca_pem = (tmp_path / "ca.crt.pem").read_text()
    with TlsServer(tmp_path, ca_pem, tmp_path / "ca.key.pem", "localhost", client_ca=ca_pem) as server:
        assert server.connect(data["certificate_pem"], board.keys[0]) == "TLSv1.2"


# Before the chip makes a key


def test_config_zone_not_locked(run, ca, wish):
    board = FakeDevice(config_locked=False, data_locked=False)
    seen = provision(run, board, ca, wish)
    assert seen.status == 5 and "config zone is not locked" in seen.err
    assert (
        "atecc chip config set\n" in seen.err and "atecc chip lock config\n" in seen.err and untouched(board)
    )


def test_data_zone_not_locked_is_said(run, ca, wish):
    seen = provision(run, FakeDevice(data_locked=False), ca, wish)
    assert seen.status == 0 and "The data zone is not locked" in seen.err


@pytest.mark.parametrize("kind", ["no-chip", "bus"])
def test_no_chip_or_one_that_talks_nonsense(board, run, ca, wish, kind):
    board.faults["ATCA.GetInfo"] = {"code": 503, "kind": kind, "message": "said by the board"}
    seen = provision(run, board, ca, wish)
    assert seen.status == 4 and "said by the board" in seen.err and untouched(board)


def test_a_slot_that_cant_sign(board, run, ca, wish):
    seen = provision(run, board, ca, wish, "--slot", 9)
    assert seen.status == 4 and "Slot 9 can't sign" in seen.err and "Slots that can: 0, 1, 2" in seen.err
    assert untouched(board)


@pytest.mark.parametrize(
    ("offset", "byte", "said"),
    [
        (96, 0xB3, "each use must be authorised with slot 0 first"),
        (97, 0x10, "it works only while the persistent latch is set"),
        (20, 0x82, "it can't sign what it is given"),
        (96, 0x3C, "it holds no secret P-256 private key"),
    ],
)
def test_the_rule_that_keeps_a_slot_from_signing_is_said_before_there_is_a_key(
    board, run, ca, wish, offset, byte, said
):
    board.config[offset] = byte
    seen = provision(run, board, ca, wish, "--slot", 0)
    assert (
        seen.status == 4 and f"Slot 0 can't sign: {said}." in seen.err and "Slots that can: 1, 2" in seen.err
    )
    assert untouched(board)


def test_a_hidden_public_key_is_said_before_anything_is_begun(board, run, ca, wish):
    board.config[96] = 0x31
    board.keys[0] = ec.generate_private_key(ec.SECP256R1())
    seen = provision(run, board, ca, wish, "--slot", 0, "--key", "existing")
    assert seen.status == 4 and "Slot 0 hides the public key" in seen.err and BEGIN not in board.calls


def test_a_slot_that_cant_generate_and_is_empty(board, run, ca, wish):
    board.config[21] = 0x00
    seen = provision(run, board, ca, wish)
    assert (
        seen.status == 4 and "Slot 0 holds no key, and its configuration lets the chip make none" in seen.err
    )
    assert untouched(board)


def test_a_slot_that_cant_generate_is_used_as_it_is(board, run, ca, wish):
    board.config[21] = 0x00
    key = board.keys[0] = ec.generate_private_key(ec.SECP256R1())
    seen = provision(run, board, ca, wish)
    assert seen.status == 0 and "the key in slot 0 is used as it is" in seen.err and board.keys[0] is key


def test_the_active_identitys_key_is_never_replaced(board, run, ca, wish):
    board.identity()
    key = board.keys[0]
    for more in ([], ["--key", "overwrite", "--yes-overwrite", SERIAL]):
        seen = provision(run, board, ca, wish, "--slot", 0, *more)
        assert seen.status == 5 and "never replaced" in seen.err
    assert board.keys[0] is key and BEGIN not in board.calls


def test_a_key_that_nobody_knows(board, run, ca, wish):
    key = board.keys[0] = ec.generate_private_key(ec.SECP256R1())
    seen = provision(run, board, ca, wish)
    assert seen.status == 5 and "no identity of this board knows" in seen.err
    assert "--key existing" in seen.err and f"--key overwrite --yes-overwrite {SERIAL}" in seen.err
    assert board.keys[0] is key and BEGIN not in board.calls
    assert provision(run, board, ca, wish, "--key", "existing").status == 0
    assert board.keys[0] is key


@pytest.mark.parametrize("typed", [SERIAL + "\n", None])
def test_overwriting_it_takes_the_serial_number(board, run, ca, wish, typed):
    key = board.keys[0] = ec.generate_private_key(ec.SECP256R1())
    more = ["--key", "overwrite"] + ([] if typed else ["--yes-overwrite", SERIAL.upper()])
    seen = provision(run, board, ca, wish, *more, typed=typed)
    assert seen.status == 0, seen.err
    assert board.keys[0] is not key


@pytest.mark.parametrize(("more", "typed"), [(["--yes-overwrite", "0123"], None), ([], "0123\n"), ([], None)])
def test_overwriting_without_it(board, run, ca, wish, more, typed):
    board.keys[0] = ec.generate_private_key(ec.SECP256R1())
    seen = provision(run, board, ca, wish, "--key", "overwrite", *more, typed=typed)
    assert seen.status == 5 and BEGIN not in board.calls


def test_the_previous_identitys_key_that_the_board_keeps(board, run, ca, wish):
    board.identity("a sensor")
    board.keys[1] = key = ec.generate_private_key(ec.SECP256R1())
    board.kept[1] = "slot 1 holds the previous identity's key, and from afar it is not replaced"
    seen = provision(run, board, ca, wish)
    assert seen.status == 5 and board.kept[1] in seen.err and "--key existing" in seen.err
    assert "atecc bench on --for 1h" in seen.err
    assert BEGIN not in board.calls
    assert provision(run, board, ca, wish, "--key", "existing").status == 0
    assert board.keys[1] is key


@pytest.mark.parametrize("used", [2_097_151, 2_097_146])
def test_a_key_whose_uses_are_up(board, run, ca, wish, used):
    board.limit_use(0, used)
    board.keys[0] = ec.generate_private_key(ec.SECP256R1())
    seen = provision(run, board, ca, wish, "--key", "existing")
    assert seen.status == 4 and "Slot 0 counts its uses (counter 0)" in seen.err
    assert "Slots that can: 1, 2." in seen.err and BEGIN not in board.calls


def test_a_key_that_counts_its_uses_is_told_of(board, run, ca, wish):
    board.limit_use(0, 97_151)
    seen = provision(run, board, ca, wish)
    assert seen.status == 0 and "after 2000000 at most its key is dead for good" in seen.err


def test_existing_without_a_key(board, run, ca, wish):
    seen = provision(run, board, ca, wish, "--key", "existing")
    assert seen.status == 4 and "Slot 0 holds no key." in seen.err and untouched(board)


@pytest.mark.parametrize(
    ("option", "value", "status", "said"),
    [
        ("--subject", "CN", 2, "not TYPE=VALUE"),
        ("--subject", "/C=Ireland", 2, "not possible"),
        ("--days", "0", 2, "can't be valid for 0 days"),
        ("--days", "-5", 2, "can't be valid for -5 days"),
        ("--broker", "host:port", 2, "not a broker's address"),
        ("--broker", "mqtts://host:1", 2, "not a broker's address"),
        ("--broker", ":8883", 2, "not a broker's address"),
        ("--san", "sensor-1", 6, "no alternative name"),
        ("--san", "IP:300.1.1.1", 6, "no alternative name"),
        ("--slot", "16", 2, "16"),
        ("--ca-cert", "/no-such-folder", 6, "There is no file /no-such-folder"),
        ("--ca-key", "/no-such-folder", 6, "There is no file /no-such-folder"),
        ("--server-ca", "/no-such-folder", 6, "There is no file /no-such-folder"),
    ],
)
def test_bad_wishes_touch_nothing(board, run, ca, wish, option, value, status, said):
    seen = provision(run, board, ca, wish, option, value)
    assert seen.status == status and said in seen.err, seen.err
    assert untouched(board) and board.clock == 946684800


def test_an_expired_ca(board, run, ca, tmp_path, wish):
    key = load_private_key(ca.key, None)
    now = dt.datetime.now(dt.UTC)
    expired = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=2))
        .not_valid_after(now - dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "c").write_bytes(expired.public_bytes(Encoding.PEM))
    seen = run(board, "provision", "ca", "--ca-cert", tmp_path / "c", "--ca-key", ca.key, *wish)
    assert seen.status == 6 and "The CA certificate expired on" in seen.err and untouched(board)


def test_the_key_of_another_ca(board, run, ca, openssl, tmp_path, wish):
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-out", "other.pem")
    seen = run(board, "provision", "ca", "--ca-cert", ca.cert, "--ca-key", tmp_path / "other.pem", *wish)
    assert seen.status == 6 and "does not belong to the certificate" in seen.err and untouched(board)


def test_an_encrypted_ca_key(board, run, ca, openssl, tmp_path, wish):
    openssl("ec", "-in", "ca.key.pem", "-aes256", "-passout", "pass:pw", "-out", "enc.pem")
    args = ["provision", "ca", "--ca-cert", ca.cert, "--ca-key", tmp_path / "enc.pem", *wish]
    seen = run(board, *args)
    assert seen.status == 6 and "--ca-key-password-file" in seen.err and untouched(board)
    (tmp_path / "pw").write_text("wrong\n")
    assert "not the password" in run(board, *args, "--ca-key-password-file", tmp_path / "pw").err
    (tmp_path / "pw").write_text("pw\n")
    assert run(board, *args, "--ca-key-password-file", tmp_path / "pw").status == 0
    seen = run(FakeDevice(), *args, typed="pw\n")
    assert seen.status == 0 and "Password of" in seen.err and "pw\n" not in seen.err


def test_too_many_cas(board, run, ca, wish, tmp_path):
    (tmp_path / "bundle.pem").write_text(ca.cert.read_text() * 9)
    seen = provision(run, board, ca, wish, "--server-ca", tmp_path / "bundle.pem")
    assert seen.status == 6 and "keeps 1 to 8 CA certificates, here are 9" in seen.err and untouched(board)


# The broker, seen from here first


@pytest.fixture
def broker(tmp_path, ca):
    with TlsServer(
        tmp_path, ca.cert.read_text(), ca.key, "localhost", client_ca=ca.cert.read_text()
    ) as server:
        yield server


def test_a_good_broker(board, run, ca, wish, broker):
    seen = provision(run, board, ca, wish, "--broker", f"localhost:{broker.port}")
    assert seen.status == 0 and "the broker's certificate fits its name and the CA" in seen.err


def test_a_broker_with_another_name(board, run, ca, wish, broker):
    seen = provision(run, board, ca, wish, "--broker", f"127.0.0.1:{broker.port}")
    assert seen.status == 8 and "for another name than 127.0.0.1" in seen.err and untouched(board)


def test_a_broker_of_another_ca(board, run, ca, wish, broker, openssl, tmp_path):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "k2",
            "-out", "c2", "-subj", "/CN=other")  # fmt: skip
    more = ["--broker", f"localhost:{broker.port}", "--server-ca", tmp_path / "c2"]
    seen = provision(run, board, ca, wish, *more)
    assert (
        seen.status == 8
        and "does not come from the CA that the board would trust" in seen.err
        and "--server-ca" in seen.err
    )
    assert untouched(board)
    assert provision(run, board, ca, wish, *more, "--no-broker-check").status == 0, (
        "the board has the last word"
    )


def test_a_broker_that_cant_be_reached_from_here(board, run, ca, wish):
    seen = provision(run, board, ca, wish, "--broker", "localhost:1")
    assert seen.status == 0 and "can't reach localhost:1" in seen.err

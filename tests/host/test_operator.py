"""`atecc operator`, `bench`, `websocket`: who may call, as the owner decides over USB."""

import base64
import json
import stat

import pytest
from atecc.cli.bench import parse_duration
from atecc.errors import ArgumentError, ChannelTimeout
from atecc.operators.known import KnownDevices, fingerprint
from atecc.operators.operator import Names, Operator
from atecc.x509.authority import LocalCA
from atecc.x509.keyfile import load_private_key
from atecc.x509.requests import pem
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from fakedevice import FakeDevice
from rpcserver import sha256


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


# trust


def test_trust_introduces_both_sides(networked, run, operator):
    networked.joined = "home"
    seen = run(networked, "operator", "trust")
    assert seen.status == 0 and seen.out == "wss://192.0.2.7\n", seen.err
    assert "--port wss://192.0.2.7 --device sensor-1 info" in seen.err
    (trusted,) = networked.trusted.values()
    assert "alice CA" in trusted["subject"]
    assert operator.devices.keys_of("sensor-1") == [fingerprint(networked.point(0))]


# A name that is known already


def strange(name="sensor-1"):
    """Another board, of the same name."""
    from fakeaccess import NetworkedDevice

    device = NetworkedDevice()
    device.identity(name)
    return device


def test_trust_of_another_board_of_the_same_name_is_refused(networked, run, operator):
    assert run(networked, "operator", "trust").status == 0
    other, before = strange(), operator.devices.keys_of("sensor-1")
    seen = run(other, "operator", "trust")
    assert seen.status == 5 and "--replace" in seen.err and "--name" in seen.err
    assert operator.devices.keys_of("sensor-1") == before and other.trusted == {}
    assert run(other, "operator", "trust", "--name", "shed").status == 0
    assert operator.devices.keys_of("shed") == [fingerprint(other.point(0))]
    assert operator.devices.keys_of("sensor-1") == before


def test_trust_of_a_board_with_a_new_chip(networked, run, operator):
    run(networked, "operator", "trust")
    other = strange()
    assert run(other, "operator", "trust", "--replace").status == 0
    assert operator.devices.keys_of("sensor-1") == [fingerprint(other.point(0))]


def test_trust_of_the_same_board_with_a_new_key(networked, run, operator, ca, wish):
    """The key from before shows that it is the same: it is in the chip still."""
    run(networked, "operator", "trust")
    (first,) = operator.devices.keys_of("sensor-1")
    operator.directory.rename(operator.directory.with_name("away"))
    assert run(networked, "provision", "ca", *ca.options, *wish).status == 0
    operator.directory.with_name("away").rename(operator.directory)
    assert networked.active == "b" and operator.devices.keys_of("sensor-1") == [first]
    assert run(networked, "operator", "trust").status == 0
    assert operator.devices.keys_of("sensor-1") == [first, fingerprint(networked.point(1))]


def test_a_board_that_shows_keys_that_it_does_not_have(networked, run, operator):
    """A public key is no secret: a strange board may show the one that is known beside its own."""
    run(networked, "operator", "trust")
    known, other = networked.point(0), strange()
    other.keys[1] = other.keys[0]
    other.records["b"] = dict(other.records["a"], state="previous", slot=1)
    real = other.ATCA_GetPubKey
    other.ATCA_GetPubKey = lambda slot: {"pubkey": base64.b64encode(known).decode()} if slot else real(slot)
    seen = run(other, "operator", "trust")
    assert seen.status == 5 and other.trusted == {}
    other.ATCA_GetPubKey = lambda slot: {"pubkey": base64.b64encode(known).decode()}
    seen = run(other, "operator", "trust", "--name", "shed")
    assert seen.status == 6 and other.trusted == {} and operator.devices.keys_of("shed") == []


def test_provisioning_another_board_under_a_known_name_adds_no_key(networked, run, operator, ca, wish):
    run(networked, "operator", "trust")
    before, other = operator.devices.keys_of("sensor-1"), strange("sensor-2")
    seen = run(other, "provision", "ca", *ca.options, *wish)
    assert seen.status == 0 and "known here already" in seen.err
    assert operator.devices.keys_of("sensor-1") == before


def test_trust_says_what_is_missing_before_wss_works(networked, run, operator):
    seen = run(networked, "operator", "trust", "--json")
    assert seen.json["address"] is None and "atecc wifi set" in seen.json["why"]
    networked.Access_Status = lambda real=networked.Access_Status: (
        real() | {"wss": {"enabled": True, "port": 443, "listening": False, "why": "too little memory"}}
    )
    assert "too little memory" in run(networked, "operator", "trust").err


def test_trust_of_a_device_without_an_identity(run, operator):
    from fakeaccess import NetworkedDevice

    device = NetworkedDevice()
    seen = run(device, "operator", "trust")
    assert seen.status == 0 and "atecc provision" in seen.err and len(device.trusted) == 1
    assert operator.devices.names() == []


def test_trust_is_for_usb_only(networked, run, operator):
    for port in ("wss://192.0.2.7", "ws://192.0.2.7", "mqtts://broker.example/x"):
        seen = run(networked, "--port", port, "operator", "trust")
        assert seen.status == 5 and "begins over USB" in seen.err
    assert networked.calls == [] and operator.devices.names() == []


def test_trust_with_firmware_that_knows_no_operators(run, operator):
    seen = run(FakeDevice(), "operator", "trust")
    assert seen.status == 1 and "atecc rpc list" in seen.err


def test_provisioning_over_usb_makes_the_new_key_known(networked, run, operator, ca, wish):
    assert run(networked, "provision", "ca", *ca.options, *wish).status == 0
    assert operator.devices.keys_of("sensor-1") == [fingerprint(networked.point(1))]


def test_provisioning_over_plain_ws_does_not(networked, run, operator, ca, wish):
    assert run(networked, "--port", "ws://192.0.2.7", "provision", "ca", *ca.options, *wish).status == 0
    assert operator.devices.names() == []


def test_provisioning_without_an_operator_notes_nothing(networked, run, ca, wish, tmp_path):
    assert run(networked, "provision", "ca", *ca.options, *wish).status == 0
    assert not (tmp_path / "config").exists()


def test_provisioning_goes_on_if_the_key_cant_be_noted(networked, run, operator, ca, wish):
    (operator.directory / "devices.json").write_text("damaged")
    seen = run(networked, "provision", "ca", *ca.options, *wish)
    assert seen.status == 0 and "devices.json is damaged" in seen.err and networked.active == "b"


def test_what_was_learned_stays(tmp_path):
    known = KnownDevices(tmp_path / "devices.json")
    known.learn("one", ["aa" * 32])
    known.learn("two", ["bb" * 32])
    known.learn("one", ["cc" * 32, "aa" * 32])
    assert known.keys_of("one") == ["aa" * 32, "cc" * 32] and known.names() == ["one", "two"]
    assert known.names_of("bb" * 32) == ["two"] and known.names_of("dd" * 32) == []
    assert json.loads((tmp_path / "devices.json").read_text())["devices"]["two"] == ["bb" * 32]
    assert stat.S_IMODE((tmp_path / "devices.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "devices.lock").stat().st_mode) == 0o600
    known.reached("two", "wss://192.0.2.7")
    known.learn("two", ["ee" * 32], instead=True)
    assert known.keys_of("two") == ["ee" * 32] and known.address_of("two") == "wss://192.0.2.7"
    known.forget("two")
    assert known.names() == ["one"] and known.address_of("two") is None


# list, forget


def test_list_and_forget(networked, run, operator):
    run(networked, "operator", "trust")
    seen = run(networked, "operator", "list")
    assert "alice CA" in seen.out and "(yours)" in seen.out and "wss://" in seen.out
    data = run(networked, "operator", "list", "--json").json
    assert data["own"] == data["operators"][0]["sha256"]
    assert run(networked, "operator", "forget", "0000").status == 2
    assert run(networked, "operator", "forget").status == 0
    assert networked.trusted == {} and "none" in run(networked, "operator", "list").out


def test_forget_by_the_beginning_of_its_hash(networked, run, operator):
    run(networked, "operator", "trust")
    (digest,) = networked.trusted
    assert run(networked, "operator", "forget", digest[:8].upper()).status == 0 and networked.trusted == {}


def test_forget_whom(networked, run):
    seen = run(networked, "operator", "forget")
    assert seen.status == 2 and "atecc operator list" in seen.err


def test_the_right_to_withdraw_others_is_given_and_taken_back(networked, run, operator):
    assert run(networked, "operator", "trust").status == 0
    assert "may withdraw" not in run(networked, "operator", "list").out
    assert run(networked, "operator", "trust", "--may-withdraw").status == 0
    assert run(networked, "operator", "trust").status == 0
    assert "may withdraw others" in run(networked, "operator", "list").out
    run(networked, "operator", "trust", "--may-not-withdraw")
    assert "may withdraw" not in run(networked, "operator", "list").out


def test_forget_from_afar_takes_that_right(networked, run, operator):
    run(networked, "operator", "trust")
    (digest,) = networked.trusted
    networked.caller = "operator"
    seen = run(networked, "--port", "wss://192.0.2.7", "operator", "forget", digest)
    assert seen.status == 5 and "--may-withdraw" in seen.err and digest in networked.trusted
    networked.withdraws = True
    assert run(networked, "--port", "wss://192.0.2.7", "operator", "forget", digest).status == 0


@pytest.fixture
def fleet(operator, run, tmp_path):
    """Devices by address, all of which trust alice and mallory; `tell(*ARGS)` runs the tool with them."""
    mallory = Operator(tmp_path / "mallory")
    mallory.make(Names("mallory"))
    found = {}
    for number in (1, 2, 3):
        device = strange(f"sensor-{number}")
        for one in (operator, mallory):
            der = base64.b64encode(one.ca().public_bytes(Encoding.DER)).decode()
            digest = device.handle("Access.Trust", {"ca": der})["sha256"]
        device.caller, device.withdraws = "operator", True
        found[f"wss://192.0.2.{number}"] = device
        operator.devices.learn(f"sensor-{number}", [fingerprint(device.point(0))])
        operator.devices.reached(f"sensor-{number}", f"wss://192.0.2.{number}")

    def opened(port, access):
        assert access.device == found[port].records["a"]["name"] and access.operator == operator.directory
        return found[port]

    return found, digest, lambda *args: run(opened, *args)


def test_forget_tells_every_device_that_is_known(fleet, operator):
    devices, mallory, tell = fleet
    seen = tell("operator", "forget", mallory[:12].upper(), "--all")
    assert seen.status == 0 and seen.out.count("told") == 3 and "sensor-3" in seen.out
    assert not [one for one in devices.values() if mallory in one.trusted]
    assert all(len(one.trusted) == 1 for one in devices.values())
    again = tell("operator", "forget", mallory, "--all", "--json")
    assert [one["done"] for one in again.json] == [True] * 3


def test_whom_could_not_be_told_is_said(fleet, operator):
    devices, mallory, tell = fleet
    first, second, third = devices.values()
    first.withdraws = False
    second.faults["Access.Status"] = ChannelTimeout("192.0.2.2 does not answer.")
    operator.devices.learn("sensor-9", ["ab" * 32])
    seen = tell("operator", "forget", mallory, "--all")
    assert seen.status == 3 and "3 of 4 devices may still let that operator in" in seen.err
    assert "does not answer" in seen.out and "no address is known" in seen.out
    assert mallory in first.trusted and mallory not in third.trusted
    data = tell("operator", "forget", mallory, "--all", "--json").json
    assert [one["device"] for one in data if not one["done"]] == ["sensor-1", "sensor-2", "sensor-9"]


def test_forget_all_needs_to_be_told_whom(fleet):
    _, mallory, tell = fleet
    for args in (["--all"], [mallory, "--all", "--port", "wss://192.0.2.1"]):
        assert tell("operator", "forget", *args).status == 2


def test_forgetting_on_one_device_names_the_others(networked, run, operator):
    operator.devices.learn("sensor-2", ["ab" * 32])
    run(networked, "operator", "trust")
    seen = run(networked, "operator", "forget")
    assert seen.status == 0 and "sensor-1, sensor-2" in seen.err and "--all" in seen.err


# bench


@pytest.mark.parametrize(
    ("options", "left", "kept"),
    [
        ((), 3600, False),
        (("--for", "30m"), 1800, False),
        (("--for", "2d"), 172800, False),
        (("--keep",), None, True),
    ],
)
def test_bench_on(networked, run, options, left, kept):
    seen = run(networked, "bench", "on", *options)
    assert seen.status == 0 and "ON" in seen.out and "lock zones" in seen.err
    assert networked.bench == {"on": True, "left": left, "kept": kept}
    assert run(networked, "bench", "off").out == "Bench permission: off.\n" and not networked.bench["on"]


@pytest.mark.parametrize("options", [("--for", "soon"), ("--for", "0m"), ("--for", "1h", "--keep")])
def test_bench_for_what_makes_no_sense(networked, run, options):
    assert run(networked, "bench", "on", *options).status == 2 and networked.calls == []


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("1h", 3600), ("2D", 172800)])
def test_durations(text, seconds):
    assert parse_duration(text) == seconds
    with pytest.raises(ArgumentError):
        parse_duration(text[:-1])


@pytest.mark.parametrize("text", ["32d", "745h", "999999d", "999999s"])
def test_a_permission_is_not_for_longer_than_the_device_grants(text):
    if text == "999999s":
        assert parse_duration(text) == 999999
        return
    with pytest.raises(ArgumentError, match="31d at most"):
        parse_duration(text)


def test_info_says_loudly_that_the_bench_permission_is_on(networked, run):
    quiet = run(networked, "info")
    assert "bench: off" in quiet.out.lower() and quiet.err == ""
    networked.Access_Bench(on=True, keep=True)
    loud = run(networked, "info")
    assert "ON, until `atecc bench off`" in loud.out and "The bench permission is on" in loud.err
    assert run(networked, "info", "--json").json["access"]["bench"]["kept"] is True


def test_info_of_firmware_without_callers(board, run):
    board.identity()
    seen = run(board, "info", "--json")
    assert seen.status == 0 and seen.json["access"] is None


# websocket


def test_websocket_on_sends_a_hash_and_no_password(networked, run, tmp_path):
    (tmp_path / "password").write_text("open sesame\n")
    options = ["--http-port", "8080", "--username", "alice", "--password-file", tmp_path / "password"]
    seen = run(networked, "websocket", "on", *options)
    assert seen.status == 0 and "can read and change" in seen.err and "user alice" in seen.out
    assert networked.ha1 == sha256("alice:RPC:open sesame") and networked.ws["port"] == 8080
    assert "open sesame" not in seen.out + seen.err
    assert run(networked, "websocket", "off").status == 0 and not networked.ws["enabled"]


def test_websocket_asks_for_the_password(networked, run):
    assert run(networked, "websocket", "on", typed="open sesame\n").status == 0
    assert networked.ha1 == sha256("admin:RPC:open sesame")


def test_websocket_without_a_password(networked, run):
    assert run(networked, "websocket", "on", "--no-password").status == 0 and networked.ha1 is None
    seen = run(networked, "websocket", "on")
    assert seen.status == 6 and "--password-file" in seen.err


@pytest.mark.parametrize("name", ["a:b", ""])
def test_websocket_users_that_make_no_sense(networked, run, name):
    assert run(networked, "websocket", "on", "--username", name).status == 2 and networked.calls == []


@pytest.mark.parametrize("content", [b"", b"two\nlines\n", b"\xff\xfe"])
def test_password_files_that_make_no_sense(networked, run, tmp_path, content):
    (tmp_path / "password").write_bytes(content)
    seen = run(networked, "websocket", "on", "--password-file", tmp_path / "password")
    assert seen.status == 6 and networked.calls == []

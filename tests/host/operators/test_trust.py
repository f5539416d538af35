"""`atecc operator trust`, and by which keys an operator knows the devices."""

import base64
import json
import stat

from atecc.operators.known import KnownDevices, fingerprint
from fakeaccess import NetworkedDevice, named
from fakedevice import FakeDevice


def test_trust_introduces_both_sides(networked, run, operator):
    networked.joined = "home"
    seen = run(networked, "operator", "trust")
    assert seen.status == 0 and seen.out == "wss://192.0.2.7\n", seen.err
    assert "--port wss://192.0.2.7 --device sensor-1 info" in seen.err
    (trusted,) = networked.trusted.values()
    assert "alice CA" in trusted["subject"]
    assert operator.devices.keys_of("sensor-1") == [fingerprint(networked.point(0))]


def test_trust_says_what_is_missing_before_wss_works(networked, run, operator):
    seen = run(networked, "operator", "trust", "--json")
    assert seen.json["address"] is None and "atecc wifi set" in seen.json["why"]
    networked.Access_Status = lambda real=networked.Access_Status: (
        real() | {"wss": {"enabled": True, "port": 443, "listening": False, "why": "too little memory"}}
    )
    assert "too little memory" in run(networked, "operator", "trust").err


def test_trust_of_a_device_without_an_identity(run, operator):

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


# A name that is known already


def test_trust_of_another_board_of_the_same_name_is_refused(networked, run, operator):
    assert run(networked, "operator", "trust").status == 0
    other, before = named("sensor-1"), operator.devices.keys_of("sensor-1")
    seen = run(other, "operator", "trust")
    assert seen.status == 5 and "--replace" in seen.err and "--name" in seen.err
    assert operator.devices.keys_of("sensor-1") == before and other.trusted == {}
    assert run(other, "operator", "trust", "--name", "shed").status == 0
    assert operator.devices.keys_of("shed") == [fingerprint(other.point(0))]
    assert operator.devices.keys_of("sensor-1") == before


def test_trust_of_a_board_with_a_new_chip(networked, run, operator):
    run(networked, "operator", "trust")
    other = named("sensor-1")
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
    known, other = networked.point(0), named("sensor-1")
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
    before, other = operator.devices.keys_of("sensor-1"), named("sensor-2")
    seen = run(other, "provision", "ca", *ca.options, *wish)
    assert seen.status == 0 and "known here already" in seen.err
    assert operator.devices.keys_of("sensor-1") == before


# Keys that are noted on the way


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

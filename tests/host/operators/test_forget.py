"""`atecc operator list` and `forget`: whom a device trusts, and no longer; one device, or all."""

import base64

import pytest
from atecc.errors import ChannelTimeout
from atecc.operators.known import fingerprint
from atecc.operators.operator import Names, Operator
from cryptography.hazmat.primitives.serialization import Encoding
from fakeaccess import named


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


# All devices that are known


@pytest.fixture
def fleet(operator, run, tmp_path):
    """Devices by address, all of which trust alice and mallory; `tell(*ARGS)` runs the tool with them."""
    mallory = Operator(tmp_path / "mallory")
    mallory.make(Names("mallory"))
    found = {}
    for number in (1, 2, 3):
        device = named(f"sensor-{number}")
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

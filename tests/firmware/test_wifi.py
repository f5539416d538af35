"""Wifi.* on MicroPython, in an air that the tests make: wrong passwords, lost networks, names that are no text."""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rpcboard import RpcBoard, rpc_board

SERVICES = """
from settings import Settings
from link.wifi import Station
from rpc.services.config import Config
from rpc.services.wifi import Wifi
# Not where the device itself has its own, which it reads whenever it starts.
settings = Settings("/kept")
station = Station()
if settings.get("wifi.sta.enable"):
    station.start(settings.get("wifi.sta.ssid"), settings.get("wifi.sta.pass"))
services += [Config(settings), Wifi(station, settings)]
"""
HOME = {"ssid": "home", "key": "correct horse", "rssi": -50, "ip": "192.168.7.20"}
CAFE = {"ssid": "café", "rssi": -70, "ip": "10.0.0.9"}
JOIN = {"ssid": "home", "pass": "correct horse"}


class Air:
    """What Wi-Fi there is around the board."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fill(HOME, CAFE)

    def fill(self, *networks: dict[str, Any], join_ms: int = 60) -> None:
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps({"scan_ms": 20, "join_ms": join_ms, "networks": networks}))
        os.replace(new, self.path)


@pytest.fixture
def air(tmp_path: Path) -> Air:
    return Air(tmp_path / "air")


@pytest.fixture
def rpc(air: Air) -> Iterator[RpcBoard]:
    with rpc_board(SERVICES, air.path) as board:
        yield board


def wait_for(rpc: RpcBoard, good: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first Wifi.Status that is `good`."""
    deadline = time.monotonic() + 60
    while not good(status := rpc.call("Wifi.Status")):
        assert time.monotonic() < deadline, status
        time.sleep(0.05)
    return status


def connected(status: dict[str, Any]) -> bool:
    return status["state"] == "connected"


OFF = {
    "enabled": False, "state": "off", "ssid": None, "ip": None, "gateway": None, "dns": None, "rssi": None,
    "last_error": None,
}  # fmt: skip


def test_at_first_it_is_off(rpc):
    assert rpc.call("Wifi.Status") == OFF


def test_scan(rpc, air):
    air.fill(
        CAFE,
        {"ssid_hex": "ff00fe", "rssi": -80, "security": 6, "channel": 13, "bssid": "02aabbccddee"},
        {"ssid": "unseen", "hidden": True, "rssi": -90, "security": 99, "key": "12345678"},
        HOME,
    )
    found = rpc.call("Wifi.Scan")
    assert [(n["ssid"], n["rssi"], n["auth"]) for n in found] == [
        ("home", -50, "WPA2"),
        ("café", -70, "open"),
        ("\ufffd\0\ufffd", -80, "WPA3"),
        ("", -90, "type 99"),
    ]
    assert found[2] | {"ssid": ""} == {
        "ssid": "", "bssid": "02:aa:bb:cc:dd:ee", "channel": 13, "rssi": -80, "auth": "WPA3",
    }  # fmt: skip


def test_scan_of_an_empty_air(rpc, air):
    air.fill()
    assert rpc.call("Wifi.Scan") == []


def test_scan_waits_while_the_radio_is_joining(rpc, air):
    """Asked in the middle of it, an ESP32 finds nothing and doesn't say why."""
    air.fill(HOME, CAFE, join_ms=400)
    rpc.value("0", "station.start('home', 'correct horse')")
    wait_for(rpc, lambda status: status["state"] == "connecting")
    assert [n["ssid"] for n in rpc.call("Wifi.Scan")] == ["home", "café"]


def test_setup_connects_and_saves(rpc):
    status = rpc.call("Wifi.Setup", **JOIN)
    assert status == {
        "enabled": True, "state": "connected", "ssid": "home", "ip": "192.168.7.20", "gateway": "192.168.7.1",
        "dns": "192.168.7.1", "rssi": -50, "last_error": None,
    }  # fmt: skip
    rpc.restart()
    assert wait_for(rpc, connected)["ip"] == "192.168.7.20"
    assert rpc.call("Config.Get", key="wifi.sta") == {"enable": True, "ssid": "home", "pass": "********"}


def test_setup_without_save_holds_until_the_next_reset(rpc):
    assert rpc.call("Wifi.Setup", save=False, **JOIN)["enabled"] is True
    assert rpc.call("Config.Get", key="wifi.sta.ssid") == "home"
    rpc.restart()
    assert rpc.call("Wifi.Status") == OFF


def test_setup_of_an_open_network(rpc):
    assert rpc.call("Wifi.Setup", ssid="café")["state"] == "connected"
    assert rpc.call("Wifi.Setup", ssid="café", **{"pass": ""})["state"] == "connected"


def test_setup_saves_the_network_and_nothing_else(rpc):
    rpc.call("Config.Set", config={"device": {"id": "for now"}})
    rpc.call("Wifi.Setup", **JOIN)
    rpc.restart()
    assert rpc.call("Config.Get", key="device.id") == ""
    assert rpc.call("Config.Get", key="wifi.sta.ssid") == "home"


def test_a_network_with_a_hidden_name(rpc, air):
    air.fill(HOME | {"hidden": True})
    assert rpc.call("Wifi.Setup", **JOIN)["state"] == "connected"


# What goes wrong.


@pytest.mark.parametrize("reason", [202, 15, 204, 2])
def test_a_wrong_password(rpc, air, reason):
    air.fill(HOME | {"wrong_key": reason})
    kind, message = rpc.refusal("Wifi.Setup", ssid="home", **{"pass": "wrong horse"})
    assert kind == "network"
    assert "home does not accept the password" in message
    assert "wrong horse" not in message
    assert rpc.call("Wifi.Status") == OFF


@pytest.mark.parametrize(
    ("network", "kind", "text"),
    [
        ({"ssid": "elsewhere"}, "network", "no network home is in reach"),
        (HOME | {"refuses": 203}, "network", "home refuses this device (Wi-Fi reason 203)"),
        (HOME | {"refuses": 211}, "network", "another kind of security"),
        (HOME | {"refuses": 200}, "network", "the signal of home was lost"),
        (HOME | {"dhcp": False}, "timeout", "did not let this device in within 1 s"),
        (HOME | {"join_ms": 60000}, "timeout", "did not let this device in within 1 s"),
    ],
)
def test_why_a_network_can_not_be_joined(rpc, air, network, kind, text):
    air.fill(network)
    found, message = rpc.refusal("Wifi.Setup", timeout=1, **JOIN)
    assert found == kind
    assert text in message
    assert rpc.call("Config.Get", key="wifi.sta") == {"enable": False, "ssid": "", "pass": ""}
    air.fill(HOME)
    assert rpc.call("Wifi.Setup", **JOIN)["state"] == "connected"


def test_a_failed_setup_goes_back_to_the_network_of_before(rpc):
    rpc.call("Wifi.Setup", **JOIN)
    assert rpc.refusal("Wifi.Setup", ssid="nowhere")[0] == "network"
    status = rpc.call("Wifi.Status")
    assert (status["state"], status["ssid"], status["ip"]) == ("connected", "home", "192.168.7.20")
    assert rpc.call("Config.Get", key="wifi.sta") == {"enable": True, "ssid": "home", "pass": "********"}
    rpc.restart()
    assert wait_for(rpc, connected)["ssid"] == "home"


def test_from_one_network_to_another(rpc):
    """The radio reports late that it has left the first: that is neither success nor failure with the second."""
    for _ in range(3):
        assert rpc.call("Wifi.Setup", **JOIN)["ip"] == HOME["ip"]
        assert rpc.call("Wifi.Setup", ssid="café")["ip"] == CAFE["ip"]


def test_a_failed_setup_where_the_network_of_before_is_gone(rpc, air):
    rpc.call("Wifi.Setup", **JOIN)
    air.fill(CAFE)
    assert rpc.refusal("Wifi.Setup", ssid="nowhere")[0] == "network"
    status = rpc.call("Wifi.Status")
    assert (status["state"], status["ssid"]) == ("failed", "home")
    assert status["last_error"]["message"].startswith("no network home is in reach")
    air.fill(HOME)
    wait_for(rpc, connected)


def test_a_lost_network_is_joined_again(rpc, air):
    rpc.call("Wifi.Setup", **JOIN)
    air.fill(CAFE)
    status = wait_for(rpc, lambda status: status["state"] == "failed")
    assert (status["ip"], status["last_error"]["kind"]) == (None, "network")
    air.fill(HOME | {"ip": "192.168.7.21"})
    assert wait_for(rpc, connected)["ip"] == "192.168.7.21"


def test_a_network_that_drops_now_and_then(rpc, air):
    rpc.call("Wifi.Setup", **JOIN)
    air.fill(HOME | {"drop_ms": 0, "ip": "192.168.7.21"})
    wait_for(
        rpc, lambda status: (status["last_error"] or {}).get("message") == "the connection to home was lost"
    )
    air.fill(HOME | {"ip": "192.168.7.22"})
    assert wait_for(rpc, connected)["ip"] == "192.168.7.22"


def test_a_device_that_starts_before_its_network(rpc, air):
    rpc.call("Wifi.Setup", **JOIN)
    air.fill()
    rpc.restart()
    wait_for(rpc, lambda status: status["state"] == "failed")
    air.fill(HOME)
    wait_for(rpc, connected)


def test_two_at_once(rpc, air):
    """The second is told to wait, and the first is not disturbed."""
    air.fill(HOME, join_ms=1000)
    rpc.value(
        "0",
        "import _thread\nend = []\n"
        "def other():\n"
        "    station.change('home', 'correct horse', 20)\n"
        "    end.append(1)\n"
        "_thread.start_new_thread(other, ())",
    )
    wait_for(rpc, lambda status: status["state"] == "connecting")
    assert rpc.refusal("Wifi.Setup", ssid="café")[0] == "busy"
    assert wait_for(rpc, connected)["ssid"] == "home"


def test_setup_while_the_device_is_trying_another(rpc, air):
    air.fill(CAFE, HOME | {"join_ms": 60000})
    rpc.value("0", "station.start('home', 'correct horse')")
    wait_for(rpc, lambda status: status["state"] == "connecting")
    assert rpc.call("Wifi.Setup", ssid="café")["ssid"] == "café"


def test_a_flash_that_takes_nothing(rpc):
    rpc.value(
        "0", "import identity.record as record\ndef fail(*args): raise OSError(28)\nrecord.Record.save = fail"
    )
    kind, message = rpc.refusal("Wifi.Setup", **JOIN)
    assert kind == "memory"
    assert "connected, but only until the next reset" in message
    assert rpc.call("Wifi.Status")["state"] == "connected"


def test_power_may_fail_during_setup(rpc, air):
    """While the new network is tried, the old one is what is saved."""
    rpc.call("Wifi.Setup", **JOIN)
    air.fill(HOME, CAFE | {"join_ms": 60000})
    rpc.value(
        "0",
        "import _thread\nfrom rpc.caller import OWNER\n"
        "_thread.stack_size(48 * 1024)\n"
        "_thread.start_new_thread(lambda: dispatcher.call('Wifi.Setup', {'ssid': 'café'}, OWNER), ())",
    )
    wait_for(rpc, lambda status: status["ssid"] == "café")
    rpc.restart()
    assert wait_for(rpc, connected)["ssid"] == "home"


def test_a_board_without_wifi(rpc):
    rpc.value("0", "import link.wifi\nlink.wifi.network = None")
    assert rpc.call("Wifi.Status") == OFF
    for method, params in (("Wifi.Scan", {}), ("Wifi.Setup", JOIN)):
        assert rpc.refusal(method, **params) == ("network", "this board has no Wi-Fi")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("ssid", ["", "s" * 33, None, 7, []]),
        ("pass", ["short", "p" * 65, None, 7, []]),
        ("save", [0, "true", None]),
        ("timeout", [-1, 121, "20", None, True]),
    ],
)
def test_bad_values_are_named(rpc, name, values):
    for value in values:
        kind, message = rpc.refusal("Wifi.Setup", **(JOIN | {name: value}))
        assert (kind, message.startswith(f"{name}: ")) == ("argument", True), value
    assert rpc.call("Wifi.Status") == OFF


def test_what_the_settings_could_not_keep_is_not_even_tried(rpc):
    assert rpc.refusal("Wifi.Setup") == ("argument", "ssid: missing")
    for name, value in (("ssid", "ü" * 17), ("ssid", "a\nb"), ("pass", "ü" * 33)):
        assert rpc.refusal("Wifi.Setup", **(JOIN | {name: value}))[0] == "argument"
    assert rpc.call("Wifi.Status") == OFF

"""Config.* and Sys.Reboot on MicroPython: typed keys, secrets that stay secret, and power cuts."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mpremote.transport_serial import SerialTransport
from powercut import CUT
from repl import Repl
from rpcboard import RpcBoard, rpc_board
from simboard import Board

README = Path(__file__).parents[2] / "firmware" / "rpc" / "README.md"
HARD_RESET = 2
SERVICES = """
from settings import Settings
from rpc.services.config import Config
from rpc.services.system import Sys
# Not where the device itself has its own, which it reads whenever it starts.
settings = Settings("/kept", {"device.id": "atecc-<mac>"})
services += [Config(settings), Sys(lambda: 'board')]
"""


@pytest.fixture(scope="module")
def _board() -> Iterator[RpcBoard]:
    with rpc_board(SERVICES) as board:
        yield board


@pytest.fixture
def rpc(_board: RpcBoard) -> RpcBoard:
    """A device that was never configured."""
    fresh = "import os\nfor name in os.listdir('/kept'): os.remove('/kept/' + name)\n"
    _board.value("settings.__init__('/kept', settings._names)", fresh)
    return _board


def readme_table() -> list[tuple[str, str, str]]:
    """(key, type, default) for each key that the README's table names."""
    rows = []
    for line in README.read_text().partition("## Configuration keys")[2].splitlines():
        if not line.startswith("| `"):
            continue
        keys, kinds, defaults = (cell.strip() for cell in line.split("|")[1:4])
        names = re.findall(r"`([\w.]+)`", keys)
        for i, name in enumerate(names):
            kind, default = (cell.split(", ")[min(i, cell.count(", "))] for cell in (kinds, defaults))
            kind = {"0": "days", "1": "port"}.get(kind[0], kind)
            rows.append((name, kind, default.strip("`")))
    return rows


def nested(key: str, value: object) -> dict:
    for part in reversed(key.split(".")):
        value = {part: value}
    return value  # type: ignore[return-value]


@pytest.mark.parametrize(("key", "kind", "default"), readme_table())
def test_every_documented_key_has_its_type_and_default(rpc, key, kind, default):
    expected = {"true": True, "false": False}.get(
        default, int(default) if default.isdigit() else default.strip('"')
    )
    assert rpc.call("Config.Get", key=key) == expected
    good = {"text": "some.text", "secret": "12345678", "port": 8443, "days": 30, "no": False}
    good = good.get(kind, not expected)
    bad = {"flag": [0, 1, "true", None], "port": [0, 65536, "443", True, 1.5, None]}
    bad |= {"no": [True, 0, "false", None], "days": [-1, 3651, "30", True, 1.5, None]}
    rpc.call("Config.Set", config=nested(key, good))
    assert rpc.call("Config.Get", key=key) == ("********" if kind == "secret" else good)
    for value in bad.get(kind, [0, True, None, [], {}, "x" * 1000, "a\nb", "a\0b"]):
        refused, message = rpc.refusal("Config.Set", config=nested(key, value))
        assert refused == "argument"
        assert message.startswith(key + ":"), value


def test_there_are_no_other_keys(rpc):
    def leaves(tree, path=""):
        for name, value in tree.items():
            if isinstance(value, dict):
                yield from leaves(value, path + name + ".")
            else:
                yield path + name

    assert sorted(leaves(rpc.call("Config.Get"))) == sorted(key for key, _, _ in readme_table())


def test_a_section_is_an_object_of_its_own(rpc):
    assert rpc.call("Config.Get", key="wifi") == {
        "ap": {"enable": False},
        "sta": {"enable": False, "ssid": "", "pass": ""},
    }
    assert rpc.call("Config.Get", key="wifi.sta") == {"enable": False, "ssid": "", "pass": ""}


@pytest.mark.parametrize("key", ["mqtt.", "mqt", "mqtt.server.host", ".", "wifi.sta.enabled", "MQTT"])
def test_an_unknown_key_is_named(rpc, key):
    kind, message = rpc.refusal("Config.Get", key=key)
    assert kind == "argument"
    assert message.startswith(f"{key}: no such key")


@pytest.mark.parametrize("key", ["", 7, None, [], "k" * 65])
def test_what_is_no_key(rpc, key):
    assert rpc.refusal("Config.Get", key=key) == ("argument", "key: a string of 1 to 64 characters")


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"nonsense": 1}, "nonsense"),
        ({"mqtt": {"nonsense": 1}}, "mqtt.nonsense"),
        ({"mqtt": 1}, "mqtt"),
        ({"mqtt": None}, "mqtt"),
        ({"wifi": {"sta": "on"}}, "wifi.sta"),
        ({"mqtt": {"enable": {"x": 1}}}, "mqtt.enable"),
        ({"wifi": {"sta": {"pass": "short"}}}, "wifi.sta.pass"),
        ({"wifi": {"ap": {"enable": True}}}, "wifi.ap.enable"),
        ({"wifi": {"sta": {"ssid": "ü" * 17}}}, "wifi.sta.ssid"),
        ({"aws": {"thing_name": "a/b"}}, "aws.thing_name"),
        ({"device": {"id": "#"}}, "device.id"),
        ({"": 1}, ""),
    ],
)
def test_all_of_it_or_nothing(rpc, config, named):
    rpc.restart()  # what others have set and not saved is gone
    before = rpc.call("Config.Get")
    good = {"sntp": {"server": "time.example"}, "rpc": {"wss": {"port": 8443}}}
    kind, message = rpc.refusal("Config.Set", config=good | config, save=True)
    assert kind == "argument"
    assert message.startswith(f"{named}: ")
    assert rpc.call("Config.Get") == before
    rpc.restart()
    assert rpc.call("Config.Get") == before


def test_however_deep_the_nonsense_is(rpc):
    config: dict = {}
    for _ in range(300):
        config = {"a": config}
    assert rpc.refusal("Config.Set", config=config)[0] == "argument"


@pytest.mark.parametrize("config", [None, [], "x", 7])
def test_what_is_no_configuration(rpc, config):
    assert rpc.refusal("Config.Set", config=config) == ("argument", "config: an object")


def test_the_other_parameters(rpc):
    assert rpc.refusal("Config.Set") == ("argument", "config: missing")
    for name in ("save", "reboot", "try_once"):
        for value in (1, "true", None):
            assert rpc.refusal("Config.Set", config={}, **{name: value})[1] == f"{name}: true or false"
    for name in ("reboot", "try_once"):
        assert rpc.refusal("Config.Save", **{name: 0})[1] == f"{name}: true or false"
    assert "save" in rpc.refusal("Config.Set", config={}, try_once=True)[1]


def test_without_save_it_holds_until_the_next_reset(rpc):
    assert rpc.call("Config.Set", config={"device": {"id": "one"}}) == {"saved": False}
    assert rpc.call("Config.Get", key="device.id") == "one"
    rpc.restart()
    assert rpc.call("Config.Get", key="device.id") == "atecc-<mac>"


def test_with_save_it_holds(rpc):
    assert rpc.call("Config.Set", config={"device": {"id": "one"}}, save=True) == {"saved": True}
    rpc.restart()
    assert rpc.call("Config.Get", key="device.id") == "one"


def test_save_keeps_what_was_set_before(rpc):
    rpc.call("Config.Set", config={"device": {"id": "one"}})
    assert rpc.call("Config.Save") == {"saved": True}
    rpc.restart()
    assert rpc.call("Config.Get", key="device.id") == "one"


def test_mos_sends_everything_back(rpc):
    """Mongoose OS's client reads all, changes some, and sends all of it."""
    secret = "correct horse battery"
    rpc.call("Config.Set", config={"wifi": {"sta": {"ssid": "home", "pass": secret}}}, save=True)
    config = rpc.call("Config.Get")
    assert config["wifi"]["sta"] == {"enable": False, "ssid": "home", "pass": "********"}
    config["mqtt"]["server"] = "broker.example:8883"
    rpc.call("Config.Set", config=config, save=True)
    rpc.restart()
    assert rpc.call("Config.Get") == config
    assert rpc.value("settings.get('wifi.sta.pass')") == secret


def test_a_secret_is_never_shown_and_can_be_forgotten(rpc):
    rpc.call("Config.Set", config={"wifi": {"sta": {"pass": "12345678"}}})
    for key in ("wifi.sta.pass", "wifi.sta", "wifi", None):
        shown = rpc.call("Config.Get", **({"key": key} if key else {}))
        assert "12345678" not in str(shown)
        assert "********" in str(shown)
    rpc.call("Config.Set", config={"wifi": {"sta": {"pass": ""}}})
    assert rpc.call("Config.Get", key="wifi.sta.pass") == ""


def test_hidden_stays_unset_where_nothing_is_set(rpc):
    rpc.call("Config.Set", config={"wifi": {"sta": {"pass": "********"}}})
    assert rpc.value("settings.get('wifi.sta.pass')") == ""


# Trying a configuration.


def test_a_configuration_is_tried_once(rpc):
    rpc.call("Config.Set", config={"device": {"id": "old"}}, save=True)
    rpc.call("Config.Set", config={"device": {"id": "new"}}, save=True, try_once=True)
    rpc.restart()
    assert rpc.call("Config.Get", key="device.id") == "new"
    rpc.restart()
    assert rpc.call("Config.Get", key="device.id") == "old"


def test_what_was_tried_and_works_is_saved(rpc):
    rpc.call("Config.Set", config={"device": {"id": "new"}})
    rpc.call("Config.Save", try_once=True)
    rpc.restart()
    rpc.call("Config.Save")
    rpc.restart()
    assert rpc.call("Config.Get", key="device.id") == "new"


def test_a_later_save_ends_what_was_to_be_tried(rpc):
    rpc.call("Config.Set", config={"device": {"id": "tried"}}, save=True, try_once=True)
    rpc.call("Config.Set", config={"device": {"id": "kept"}}, save=True)
    rpc.restart()
    assert rpc.call("Config.Get", key="device.id") == "kept"


def test_keeping_some_keys_leaves_the_others_as_they_are(rpc):
    """Wifi.Setup saves the network, not what somebody else has set for now or wants to try."""
    rpc.call("Config.Set", config={"device": {"id": "tried"}}, save=True, try_once=True)
    rpc.call("Config.Set", config={"device": {"id": "for now"}})
    rpc.value("settings.keep({'sntp.server': 'kept'})")
    found = []
    for _ in range(2):
        rpc.restart()
        found.append([rpc.call("Config.Get", key=key) for key in ("device.id", "sntp.server")])
    assert found == [["tried", "kept"], ["atecc-<mac>", "kept"]]


def test_power_may_fail_while_saving(rpc):
    code = (
        CUT
        + """
def seen():
    return Settings("/kept").get("device.id")
settings.change({"device.id": "old"}, save=True)
found = []
n = 0
while cut_after(n, lambda: settings.change({"device.id": "new"}, save=True)):
    found.append(seen())
    settings.__init__("/kept")
    n += 1
last = seen()
"""
    )
    found = rpc.value("found", code)
    assert len(found) > 30
    assert set(found) == {"old"}
    assert rpc.value("last") == "new"


def test_power_may_fail_while_a_try_is_used_up(rpc):
    """Cut short, the start has not happened: the next one is the one that tries. There is never a second."""
    code = (
        CUT
        + """
found = []
n = 0
cut = True
while cut:
    settings.change({"device.id": "old"}, save=True)
    settings.change({"device.id": "new"}, save=True, try_once=True)
    cut = cut_after(n, lambda: Settings("/kept"))
    found.append([Settings("/kept").get("device.id") for _ in range(3)])
    n += 1
"""
    )
    found = rpc.value("found", code)
    assert len(found) > 30
    assert found[:-1] == [["new", "old", "old"]] * (len(found) - 1)
    assert found[-1] == ["old", "old", "old"]


def test_a_flash_that_takes_nothing_is_said_so_and_nothing_changes(rpc):
    """Nor is a configuration tried, when it can't be struck out."""
    rpc.call("Config.Set", config={"device": {"id": "old"}}, save=True)
    rpc.call("Config.Set", config={"device": {"id": "new"}}, save=True, try_once=True)
    rpc.value(
        "0", "import identity.record as record\ndef fail(*args): raise OSError(28)\nreal = record.Record.save"
    )
    rpc.value("0", "record.Record.save = fail")
    try:
        assert rpc.value("Settings('/kept').get('device.id')") == "old"
        kind, message = rpc.refusal("Config.Set", config={"sntp": {"server": "other"}}, save=True)
        assert kind == "memory"
        assert "the flash did not take it" in message
        assert rpc.call("Config.Get", key="sntp.server") == "pool.ntp.org"
        assert rpc.refusal("Config.Save")[0] == "memory"
    finally:
        rpc.value("0", "record.Record.save = real")


@pytest.mark.parametrize(
    "stored",
    [
        "7",
        "[]",
        '{"saved": 3}',
        '{"saved": {"no.such": 1, "mqtt.enable": 0, "device.id": "kept"}, "once": 5}',
    ],
)
def test_what_another_firmware_has_stored_does_no_harm(rpc, stored):
    rpc.value(
        "0",
        f"import json\nfrom identity.record import Record\nRecord('/kept/values').save(json.loads({stored!r}))",
    )
    rpc.restart()
    rpc.call("Config.Set", config={"sntp": {"server": "other"}}, save=True)
    rpc.restart()
    assert rpc.call("Config.Get", key="mqtt.enable") is True
    assert rpc.call("Config.Get", key="sntp.server") == "other"


def test_the_device_starts_again_with_what_it_has_stored(board):
    """None of its folders hides a module."""
    for expected in ("pool.ntp.org", "time.example"):
        with Repl(board.port) as repl:
            assert repl.value("device.settings.get('sntp.server')", "import device") == expected
            repl.run("import device\ndevice.settings.change({'sntp.server': 'time.example'}, save=True)")
        board.power_cycle()


# Reboot.


@pytest.fixture
def console(tmp_path: Path) -> Path:
    """What the board says; a REPL that waits for an answer would be cut off by the reset."""
    return tmp_path / "console"


@pytest.fixture
def board(console: Path) -> Iterator[Board]:
    with console.open("wb") as log, Board(chip=False, log=log) as board:
        yield board


def reset_cause(board: Board, console: Path) -> int:
    """The cause of the reset, when the board has started again."""
    deadline = time.monotonic() + 30
    while console.read_bytes().count(b"MicroPython v") < 2:
        assert time.monotonic() < deadline, "the board was not reset"
        time.sleep(0.02)
    with Repl(board.port) as repl:
        return repl.value("machine.reset_cause()", "import machine")


@pytest.mark.parametrize(
    "frame",
    [
        '{"id": 1, "method": "Sys.Reboot"}',
        '{"id": 1, "method": "Sys.Reboot", "params": {"delay_ms": 300}}',
        '{"id": 1, "method": "Config.Save", "params": {"reboot": true}}',
        '{"id": 1, "method": "Config.Set", "params": {"config": {}, "save": true, "reboot": true}}',
    ],
)
def test_the_board_resets_and_the_reply_has_left(board, console, frame):
    setup = "services = []\nfrom rpc.caller import owner\nfrom rpc.dispatcher import Dispatcher\n" + SERVICES
    setup += "dispatcher = Dispatcher(lambda: 'board')\nfor s in services: dispatcher.add(s)\n"
    transport = SerialTransport(board.port, 115200, timeout=1)
    transport.enter_raw_repl(soft_reset=False)
    transport.exec(setup)
    transport.exec_raw_no_follow(f"print(dispatcher.handle({frame!r}, owner))")
    transport.close()
    assert reset_cause(board, console) == HARD_RESET
    assert b'"result"' in console.read_bytes()


def test_a_reboot_asked_for_by_another_thread(board, console):
    with Repl(board.port) as repl:
        repl.run_in_main(
            "import _thread\nfrom rpc.services.system import reboot\n_thread.start_new_thread(reboot, (300,))"
        )
    assert reset_cause(board, console) == HARD_RESET


def test_a_reboot_does_not_wait_for_who_is_busy(board, console):
    transport = SerialTransport(board.port, 115200, timeout=1)
    transport.enter_raw_repl(soft_reset=False)
    transport.exec_raw_no_follow("from rpc.services.system import reboot\nreboot()\nwhile True: pass")
    transport.close()
    assert reset_cause(board, console) == HARD_RESET


@pytest.mark.parametrize("delay", [-1, 60001, "1", None, 1.5, True])
def test_reboot_takes_a_sensible_delay(rpc, delay):
    kind, message = rpc.refusal("Sys.Reboot", delay_ms=delay)
    assert kind == "argument"
    assert message.startswith("delay_ms: ")

"""rpc on MicroPython: the dispatcher's frames and every method's parameters, without a chip."""

import json
import re
import zlib
from pathlib import Path

import pytest
from repl import Repl
from simboard import Board

README = Path(__file__).parents[2] / "firmware" / "rpc" / "README.md"
SETUP = "from device import dispatcher\nfrom rpc.caller import owner\n"


@pytest.fixture
def handle(micropython):
    """Hand a frame (text, or anything that JSON can say) to the device's dispatcher; the reply, or None."""

    def handle(frame):
        text = frame if isinstance(frame, str) else json.dumps(frame)
        reply = micropython.value("dispatcher.handle(given, owner)", SETUP, text)
        return reply and json.loads(reply)

    return handle


def call(handle, method, params=None):
    frame = {"id": 1, "src": "test", "method": method}
    return handle(frame if params is None else frame | {"params": params})


def refusal(handle, method, params=None):
    error = call(handle, method, params)["error"]
    return error["code"], error["kind"], error["message"]


def documented():
    """The rows of the README's table: (method, mark, parameters)."""
    table = README.read_text().partition("## Methods")[2].partition("### ")[0]
    return re.findall(r"^\| `(\w+\.\w+)`(?: \*\*([UBW])\*\*)? \| ([^|]*) \|", table, re.MULTILINE)


def test_a_reply_goes_back_to_who_asked(handle):
    reply = handle({"id": 7, "src": "somebody", "tag": "t", "method": "RPC.List"})
    assert (reply["id"], reply["dst"], reply["tag"]) == (7, "somebody", "t")
    assert reply["src"].startswith("atecc-")
    assert "RPC.List" in reply["result"]


def test_params_may_be_called_args_or_be_missing(handle):
    assert handle({"id": 1, "method": "Sys.SetTime", "args": {"time": 0}})["error"]["kind"] == "argument"
    assert "result" in handle({"id": 1, "method": "RPC.List", "params": None})
    assert "result" in handle({"id": 1, "method": "RPC.List", "args": {}})


def test_without_an_id_there_is_no_reply(handle):
    assert handle({"method": "RPC.List"}) is None
    assert handle({"method": "No.Such"}) is None


@pytest.mark.parametrize("frame", ["", "no json", "[]", "7", '"x"', "null", "{}", "{", "[" * 200, "\x00"])
def test_what_is_no_frame_is_said_so(handle, frame):
    error = handle(frame)["error"]
    assert (error["code"], error["kind"]) == (400, "frame")


@pytest.mark.parametrize("method", ["No.Such", "", None, 7, [], {}])
def test_unknown_methods(handle, method):
    assert call(handle, method)["error"]["code"] == 404


def test_the_readme_and_the_device_list_the_same_methods(handle):
    assert sorted(row[0] for row in documented()) == call(handle, "RPC.List")["result"]


def test_every_documented_parameter_is_known(handle):
    """A parameter that the table names is never `no such parameter`, and one that it doesn't name always is."""
    for method, _, params in documented():
        code, kind, message = refusal(handle, method, {"nonsense": 1})
        assert (code, kind) == (400, "argument")
        known = re.search(r"known: ([^)]*)", message)[1]
        named = {name.rstrip("?") for name in re.findall(r"`(\w+\??)`", params)}
        assert named == (set() if known == "none" else set(known.split(", "))), method


def test_every_method_describes_itself(handle):
    for method, mark, params in documented():
        told = call(handle, "RPC.Describe", {"name": method})["result"]
        assert (told["name"], told["access"]) == (method, mark)
        rows = {row["name"] + ("" if row["required"] else "?") for row in told["params"]}
        # (locking needs its confirmations only without the bench permission)
        assert {r.rstrip("?") for r in rows} == {n.rstrip("?") for n in re.findall(r"`(\w+\??)`", params)}, (
            method
        )
        assert all(row["type"] for row in told["params"])


@pytest.mark.parametrize("params", [[], "x", 7, True])
def test_params_must_be_an_object(handle, params):
    assert refusal(handle, "RPC.List", params) == (400, "argument", "params: an object")


GOOD = {
    "subject": [], "certificate": "MAA=", "ca": ["MAA="], "name": "n", "client_id": "n", "endpoint": "e", "port": 1,
    "topic": "t", "message": "m", "identity": "a", "token": "0" * 32,
}  # fmt: skip


@pytest.mark.parametrize(
    ("method", "name", "bad"),
    [
        ("Sys.SetTime", "time", ["1", None, -1, 1.5, True, 10**12]),
        ("ATCA.SetConfig", "config", ["", "AAAA", "*", 7, None, "A" * 400]),
        ("ATCA.LockZone", "zone", [2, -1, "0", None, True]),
        ("ATCA.LockZone", "crc", [-1, 65536, "1"]),
        ("ATCA.LockZone", "serial", [7, "", "0" * 19]),
        ("ATCA.GetPubKey", "slot", [16, -1, "0", None, 1.0]),
        ("ATCA.KeyInfo", "slot", [16, -1, "0", None]),
        ("Identity.Begin", "subject", ["CN=x", None, {}, [[]] * 33]),
        ("Identity.Begin", "key", ["newer", 1, None, True]),
        ("Identity.Begin", "slot", [16, "0", True]),
        ("Identity.Stage", "certificate", ["", "***", 7, "A" * 6000]),
        ("Identity.Stage", "ca", ["MAA=", [7], ["A" * 6000], ["MAA="] * 9]),
        ("Identity.Stage", "port", [0, 65536, "8883"]),
        ("Identity.Stage", "name", ["", "n" * 129, 7]),
        ("Identity.Stage", "endpoint", ["", "e" * 254]),
        ("Identity.Stage", "token", ["", 7, None, "0" * 65]),
        ("Identity.Try", "token", ["", 7, None, "0" * 65]),
        ("Identity.Commit", "token", ["", 7, None, "0" * 65]),
        ("Identity.Discard", "token", ["", 7, None, "0" * 65]),
        ("Identity.Try", "timeout", [-1, 301, "30", True]),
        ("Identity.Commit", "untried", [1, "true", None]),
        ("Identity.Get", "identity", ["c", None, 0]),
        ("MQTT.Publish", "topic", ["", 7, "t" * 257]),
        ("MQTT.Publish", "message", [7, None, "m" * 4097]),
        ("MQTT.Publish", "qos", [2, -1, "1", True]),
        ("MQTT.Publish", "retain", [1, "no"]),
        ("MQTT.Receive", "timeout", [-1, 1000, "1"]),
    ],
)
def test_bad_values_are_named(handle, method, name, bad):
    for value in bad:
        code, kind, message = refusal(handle, method, GOOD_FOR[method] | {name: value})
        assert (code, kind) == (400, "argument"), value
        assert message.startswith(name + ":"), value


GOOD_FOR = {
    "Sys.SetTime": {},
    "ATCA.SetConfig": {},
    "ATCA.LockZone": {"zone": 0},
    "ATCA.GetPubKey": {},
    "ATCA.KeyInfo": {},
    "Identity.Begin": {"subject": []},
    "Identity.Stage": {
        k: GOOD[k] for k in ("token", "certificate", "ca", "name", "client_id", "endpoint", "port")
    },
    "Identity.Try": {"token": GOOD["token"]},
    "Identity.Commit": {"token": GOOD["token"]},
    "Identity.Discard": {},
    "Identity.Get": {},
    "MQTT.Publish": {"topic": "t", "message": "m"},
    "MQTT.Receive": {},
}


@pytest.mark.parametrize("method", sorted(GOOD_FOR))
def test_missing_parameters_are_named(handle, method):
    for name in GOOD_FOR[method]:
        given = {k: v for k, v in GOOD_FOR[method].items() if k != name}
        assert refusal(handle, method, given) == (400, "argument", f"{name}: missing")


def test_without_a_chip_the_reply_says_so(handle):
    code, kind, message = refusal(handle, "ATCA.GetInfo")
    assert (code, kind) == (503, "no-chip")
    assert "no ATECC608 on the I2C bus" in message


def test_an_unforeseen_exception_shows_its_name_only(micropython):
    setup = (
        "from rpc.caller import owner\nfrom rpc.dispatcher import Dispatcher\nfrom rpc.params import Method\n"
        "class X:\n    def fail(self): raise KeyError('a secret')\n"
        "    def methods(self): return {'X.Fail': Method(self.fail)}\n"
        "d = Dispatcher(lambda: 'x')\nd.add(X())\n"
    )
    reply = json.loads(micropython.value('d.handle(\'{"id":1,"method":"X.Fail"}\', owner)', setup))
    assert reply["error"] == {
        "code": 500,
        "kind": "internal",
        "message": "the firmware has a defect: KeyError",
    }


def test_the_serial_channel_prints_the_reply_with_its_crc(micropython):
    printed = micropython.run("from rpc import serial\nserial.call(given)", '{"id":3,"method":"RPC.List"}')
    reply, crc = re.fullmatch(r'\s*"""(\{.*\})([0-9a-f]{8})"""\s*', printed).groups()
    assert json.loads(reply)["id"] == 3
    assert int(crc, 16) == zlib.crc32(reply.encode())


def test_whoever_asks_first_starts_the_device():
    """After a soft reset into the raw REPL main.py has not been run."""
    with Board(chip=False) as board, Repl(board.port, alone=True) as repl:
        assert not repl.value("'device' in sys.modules", "import sys\nfrom rpc import serial")
        printed = repl.run("from rpc import serial\nserial.call(given)", '{"id":3,"method":"Sys.GetInfo"}')
        assert '"id": 3' in printed and '"result"' in printed


def test_a_damaged_request_is_not_handled(micropython):
    code = "from rpc import serial\nserial.call(given[0], given[1])"
    frame = '{"id":3,"method":"RPC.List"}'
    assert '"id": 3' in micropython.run(code, [frame, zlib.crc32(frame.encode())])
    refused = micropython.run(code, [frame.replace("3", "4"), zlib.crc32(frame.encode())])
    assert '"kind":"frame"' in refused
    assert "RPC.List" not in refused


# The clock.


def test_the_clock_is_set(handle):
    now = 1800000000
    assert call(handle, "Sys.SetTime", {"time": now})["result"]["time"] in (now, now + 1)
    assert call(handle, "Sys.GetInfo")["result"]["time"] in (now, now + 1)


def test_a_clock_in_2000_is_refused(handle):
    code, kind, message = refusal(handle, "Sys.SetTime", {"time": 946684800})
    assert (code, kind) == (400, "argument")
    assert "2000-01-01 00:00:00 UTC is before this firmware was made" in message

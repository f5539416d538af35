"""What a board answers may be anything: it is understood, or said to make no sense, in time and without a defect."""

import json
import time

import pytest
from atecc.bounded import DEEPEST, LARGEST_NUMBER, parse, utc
from atecc.channels.digest import challenge_in
from atecc.device import Device
from atecc.device.replies import BoardInfo, TrustedCa, build, is_a
from atecc.errors import AteccError, ChannelError, CorruptReply
from fakeaccess import NetworkedDevice

DEEP = "[" * 200_000
ODD = [
    None, True, 0, -1, 1.5, 2**53, "", "x", [], [None], [[]], [{}], {}, {"": None}, {"identities": {"z": {}}},
    {"active": "z", "idle": "z", "identities": {}}, {"left": -1, "data": ""}, {"left": "many", "data": "AA=="},
]  # fmt: skip
ASKS = {
    "RPC.List": Device.methods,
    "Sys.GetInfo": Device.info,
    "Sys.Check": Device.check,
    "Sys.SetTime": lambda device: device.set_time(1),
    "Access.Status": Device.access_status,
    "Access.Trust": lambda device: device.trust(b"x"),
    "Access.Bench": lambda device: device.bench(True),
    "Config.Get": Device.settings,
    "Config.Set": lambda device: device.change_settings({}),
    "FS.ListExt": Device.files,
    "FS.Get": lambda device: device.read_file("x"),
    "Wifi.Status": Device.wifi_status,
    "Wifi.Scan": Device.wifi_scan,
    "ATCA.GetInfo": Device.chip_info,
    "ATCA.GetConfig": Device.get_config,
    "ATCA.KeyInfo": lambda device: device.key_info(0),
    "ATCA.GetPubKey": lambda device: device.public_key(0),
    "ATCA.ReadSlot": lambda device: device.read_slot(8),
    "Identity.Status": Device.identity_status,
    "Identity.Begin": lambda device: device.begin([]),
    "Identity.Request": lambda device: device.request(0, []),
    "Identity.Get": lambda device: device.stored("a"),
    "Identity.Try": Device.try_staged,
    "Identity.Commit": Device.commit,
    "Identity.Discard": Device.discard,
    "MQTT.Status": Device.mqtt_status,
    "MQTT.Receive": Device.receive,
}


class Says:
    """A board that gives every method the same result, in these bytes."""

    def __init__(self, result):
        self.result = result
        self.asked = 0

    def request(self, frame, timeout):
        self.asked += 1
        return b'{"id": %d, "result": %s}' % (json.loads(frame)["id"], self.result)

    def close(self):
        pass


@pytest.mark.parametrize("result", ODD, ids=repr)
@pytest.mark.parametrize("method", ASKS)
def test_results_of_the_wrong_shape(method, result):
    try:
        ASKS[method](Device(Says(json.dumps(result).encode())))
    except AteccError as error:
        assert error.message


@pytest.mark.parametrize("result", ODD, ids=repr)
@pytest.mark.parametrize(
    "command",
    [["info"], ["doctor"], ["operator", "list"], ["chip", "show"], ["mqtt", "status"]],
    ids=" ".join,
)
def test_commands_on_such_a_board(run, command, result):
    seen = run(Says(json.dumps(result).encode()), *command)
    assert "defect of this tool" not in seen.err and "Traceback" not in seen.err, seen.err


@pytest.mark.parametrize("name", ["time", "uptime", "ram_free", "board", "tls_sign", "fs_size"])
@pytest.mark.parametrize("value", [None, True, "x", 1.5, [], {}, -(2**53), 2**53], ids=repr)
def test_one_field_that_is_odd(run, name, value):
    board = NetworkedDevice()
    board.tamper["Sys.GetInfo"] = lambda result: result | {name: value}
    seen = run(board, "info")
    assert "defect of this tool" not in seen.err and "Traceback" not in seen.err, seen.err


# Documents without bounds


@pytest.mark.parametrize(
    "text",
    [
        DEEP,
        '{"a":' * 5000,
        "[" * (DEEPEST + 2) + "]" * (DEEPEST + 2),
        "9" * 4000,
        "9" * 400_000,
        str(LARGEST_NUMBER + 1),
        "1e999",
        "-1e400",
        "NaN",
        "Infinity",
        "[" + "0," * 600_000 + "0]",
    ],
    ids=lambda text: text[:12],
)
def test_what_is_too_deep_or_too_large_is_no_json(text):
    started = time.process_time()
    with pytest.raises(ValueError, match=r".+"):
        parse(text)
    with pytest.raises(CorruptReply):
        Device(Says(text.encode())).call("Sys.SetTime")
    assert time.process_time() - started < 1


def test_what_is_within_the_bounds():
    assert parse("[" * DEEPEST + "]" * DEEPEST)
    assert parse(f"[{LARGEST_NUMBER}, -{LARGEST_NUMBER}, 1.5e300]") == [
        LARGEST_NUMBER,
        -LARGEST_NUMBER,
        1.5e300,
    ]


@pytest.mark.parametrize("message", [DEEP, "9" * 5000, '{"nonce": 1e999}'])
def test_a_challenge_without_bounds_is_none(message):
    assert challenge_in(json.dumps({"error": {"code": 401, "message": message}}).encode()) is None


def test_times_that_no_calendar_has():
    assert utc(0) == "1970-01-01 00:00 UTC" and utc(None) == "never"
    assert utc(LARGEST_NUMBER).endswith("UTC") and utc(1e300) == "1e+300 s after 1970"


# Files without an end


@pytest.mark.parametrize("left", [1, 512, 10**6, 2**53])
def test_a_file_without_an_end(left):
    board = Says(json.dumps({"data": "QUFB" * 170, "left": left}).encode())
    with pytest.raises(ChannelError):
        Device(board).read_file("x")
    assert board.asked <= 2


def test_a_piece_that_is_larger_than_was_asked_for():
    board = Says(json.dumps({"data": "QUFB" * 1000, "left": 0}).encode())
    with pytest.raises(ChannelError):
        Device(board).read_file("x")


# Types


def test_types_as_the_tables_have_them():
    assert is_a(1, int) and is_a(1, float) and not is_a(True, int) and not is_a(1.0, int)
    assert is_a(None, int | None) and not is_a("1", int | None)
    assert is_a(["a"], list[str]) and not is_a([1], list[str]) and not is_a("a", list[str])
    with pytest.raises(ChannelError, match="makes no sense: not_after"):
        build(TrustedCa, {"subject": "x", "sha256": "y", "not_after": "soon"}, "Access.Trust")
    with pytest.raises(ChannelError, match="lacks app"):
        build(BoardInfo, {}, "Sys.GetInfo")

"""Every method of RPC.List, as RPC.Describe describes it: what arguments it takes, and what it says of others."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from bench import benches
from foreign_rpc.frames import Refused, check, request
from foreign_rpc.mos import Mos, b64
from foreign_rpc.rpcbench import PASSWORD, USER, Device, alive, contract

CONTRACT = contract()
CONFIRMATIONS = {"serial", "crc"}  # may be missing while the bench permission is on
CODES = {
    "argument": 400, "frame": 400, "refused": 403, "file": 404, "method": 404, "busy": 409, "state": 409,
    "unlocked": 409, "locked": 409, "slot": 409, "key-in-use": 409, "certificate": 422, "chip": 500, "memory": 503,
    "no-chip": 503, "bus": 503, "clock": 503, "tls": 503, "network": 503, "mqtt": 503, "timeout": 504,
}  # fmt: skip
SUBJECT = [[["CN", "x"]]]
TOKEN = {"token": "0" * 32}
PLACE = {"name": "x", "client_id": "x", "endpoint": "x", "port": 8883}
STAGE = TOKEN | PLACE | {"certificate": b64(b"0\x00"), "ca": []}

# Arguments that have the right types and sizes, and what comes of them on a chip that is locked and has no key, on a
# device that has no identity: None is success. Methods that would end the test are not called so.
GOOD: dict[str, tuple[dict[str, Any], str | None]] = {
    "RPC.List": ({}, None),
    "RPC.Describe": ({"name": "Sys.GetInfo"}, None),
    "Sys.Check": ({}, None),
    "Sys.GetInfo": ({}, None),
    "Sys.SetTime": ({"time": 1_900_000_000}, None),
    "Config.Get": ({"key": "mqtt"}, None),
    "Config.Set": ({"config": {"sntp": {"server": "time.invalid"}}}, None),
    "Config.Save": ({}, None),
    "FS.List": ({"path": "/"}, None),
    "FS.ListExt": ({}, None),
    "FS.Get": ({"filename": "missing.txt"}, "file"),
    "FS.Put": ({"filename": "put.txt", "data": b64(b"x")}, None),
    "FS.Remove": ({"filename": "missing.txt"}, "file"),
    "App.Status": ({}, None),
    "App.Log": ({}, None),
    "App.Start": ({}, "state"),
    "App.Stop": ({}, None),
    "App.Put": ({"filename": "part.py", "data": b64(b"x")}, None),
    "App.Keep": ({"filename": "missing.py", "crc": 0}, "file"),
    "App.Remove": ({"filename": "missing.py"}, "file"),
    "Wifi.Status": ({}, None),
    "Access.Status": ({}, None),
    "Access.Trust": ({"ca": b64(b"0\x00")}, "refused"),
    "Access.Forget": ({"sha256": "00" * 32}, "refused"),
    "Access.Bench": ({"on": True}, "refused"),
    "Access.WebSocket": ({"enable": False}, "refused"),
    "ATCA.GetInfo": ({}, None),
    "ATCA.GetConfig": ({}, None),
    "ATCA.SetConfig": ({"config": b64(bytes(128))}, "locked"),
    "ATCA.LockZone": ({"zone": 0}, "locked"),
    "ATCA.LockSlot": ({"slot": 15}, "slot"),
    "ATCA.GenKey": ({"slot": 2}, None),
    "ATCA.SetKey": ({"slot": 0, "key": b64(bytes(32))}, "slot"),
    "ATCA.Sign": ({"slot": 2, "digest": b64(bytes(32))}, None),
    "ATCA.AES": ({"slot": 9, "data": b64(bytes(16))}, "chip"),
    "ATCA.ReadSlot": ({"slot": 8}, None),
    "ATCA.GetPubKey": ({"slot": 2}, None),
    "ATCA.KeyInfo": ({"slot": 0}, None),
    "Identity.Status": ({}, None),
    "Identity.Begin": ({"subject": SUBJECT, "key": "existing"}, "slot"),
    "Identity.Request": ({"slot": 2, "subject": SUBJECT}, None),
    "Identity.Stage": (STAGE, "state"),
    "Identity.Try": (TOKEN, "state"),
    "Identity.Commit": (TOKEN, "state"),
    "Identity.Discard": ({}, "state"),
    "Identity.Get": ({"identity": "a"}, "state"),
    "Identity.Claim": ({}, "refused"),
    "MQTT.Status": ({}, None),
    "MQTT.Connect": ({"timeout": 1}, "state"),
    "MQTT.Look": ({"endpoint": "127.0.0.1", "port": 1, "ca": []}, "network"),
    "MQTT.Disconnect": ({}, None),
    "MQTT.Publish": ({"topic": "a", "message": "b"}, "state"),
    "MQTT.Subscribe": ({"topic": "a"}, "state"),
    "MQTT.Unsubscribe": ({"topic": "a"}, "state"),
    "MQTT.Receive": ({"timeout": 0}, "state"),
}
NOT_CALLED = {"Sys.Reboot", "Wifi.Scan", "Wifi.Setup"}
OVER_USB = {name for name, method in CONTRACT.items() if method.mark == "U"}
WRONG = {"an object": {"weird": [None]}, "null in a list": [None], "a huge number": 10**40}
OVERSIZED = "A" * 4_000


@pytest.fixture(scope="module")
def mos(shared: Device) -> Iterator[Mos]:
    """An operator on the network, with the bench permission; slot 2 has a key."""
    with shared.ws() as mos:
        mos.call("ATCA.GenKey", {"slot": 2})
        yield mos


def refusal(mos: Mos, method: str, params: dict[str, Any]) -> Refused | None:
    """The error, whose code is that of its kind; None for success."""
    try:
        mos.call(method, params)
    except Refused as refused:
        assert refused.code == CODES.get(refused.kind), f"{method}{params}: {refused.error}"
        return refused
    return None


def kind(mos: Mos, method: str, params: dict[str, Any]) -> str | None:
    refused = refusal(mos, method, params)
    return refused and refused.kind


def test_the_table_has_every_method() -> None:
    assert set(GOOD) | NOT_CALLED == set(CONTRACT)


def test_the_list_is_the_contract(mos: Mos) -> None:
    assert set(mos.call("RPC.List")) == set(CONTRACT)


@pytest.mark.parametrize("name", CONTRACT)
def test_the_description_is_the_contract(mos: Mos, name: str) -> None:
    described = mos.call("RPC.Describe", {"name": name})
    assert (described["name"], described["access"]) == (name, CONTRACT[name].mark)
    assert all(isinstance(p["type"], str) and p["type"] for p in described["params"])
    told = {p["name"]: p["required"] for p in described["params"]}
    method = CONTRACT[name]
    assert set(told) == {*method.required, *method.optional}
    for parameter in set(told) - CONFIRMATIONS:
        assert told[parameter] is (parameter in method.required), parameter


@pytest.mark.parametrize("name", GOOD)
def test_good_arguments(mos: Mos, name: str) -> None:
    params, expected = GOOD[name]
    assert kind(mos, name, params) == expected


@pytest.mark.parametrize("name", [name for name in GOOD if CONTRACT[name].required])
def test_a_missing_argument(mos: Mos, name: str) -> None:
    good = GOOD[name][0]
    for missing in set(CONTRACT[name].required) - CONFIRMATIONS:
        refused = refusal(mos, name, {key: value for key, value in good.items() if key != missing})
        assert refused and refused.kind == ("refused" if name in OVER_USB else "argument"), missing
        assert name in OVER_USB or missing in refused.message


@pytest.mark.parametrize("name", CONTRACT)
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_type(mos: Mos, name: str, wrong: Any) -> None:
    method = CONTRACT[name]
    good = GOOD.get(name, ({"ssid": "x"} if name == "Wifi.Setup" else {}, None))[0]
    for parameter in (*method.required, *method.optional):
        refused = refusal(mos, name, good | {parameter: wrong})
        assert refused and refused.kind == ("refused" if name in OVER_USB else "argument"), (
            parameter,
            refused,
        )


@pytest.mark.parametrize("name", [name for name in CONTRACT if name not in NOT_CALLED])
def test_an_oversized_argument(mos: Mos, name: str) -> None:
    """A text of 4,000 characters is an answer of some kind, and no defect."""
    method = CONTRACT[name]
    for parameter in (*method.required, *method.optional):
        refusal(mos, name, GOOD[name][0] | {parameter: OVERSIZED})
    alive(mos)


def test_an_unknown_argument_is_treated_alike_by_all(mos: Mos) -> None:
    """Either nobody minds, or everybody says so."""
    unknown = {"no_such_argument": 1}
    minds = {
        name: kind(mos, name, params | unknown) == "argument"
        for name, (params, expected) in GOOD.items()
        if expected is None
    }
    assert len(set(minds.values())) == 1, minds


@pytest.mark.parametrize("params", [[], "text", 5, True, [1, 2]])
def test_parameters_that_are_no_object(mos: Mos, params: Any) -> None:
    with pytest.raises(Refused) as refused:
        mos.call("FS.List", params)
    assert refused.value.kind in ("argument", "frame")


def test_parameters_may_be_null_or_called_args(mos: Mos) -> None:
    asked = request("Sys.GetInfo") | {"params": None}
    check(mos.channel.exchange(asked), asked)
    assert mos.call("RPC.Describe", None, args={"name": "RPC.List"})["name"] == "RPC.List"


@pytest.mark.parametrize(
    "method", ["", "X", "Sys", "Sys.", "sys.getinfo", "Sys.GetInfo ", "__init__", "a" * 300, "é.ü"]
)
def test_an_unknown_method(mos: Mos, method: str) -> None:
    with pytest.raises(Refused) as refused:
        mos.call(method)
    if method:
        assert (refused.value.code, refused.value.kind) == (404, "method")
        assert refused.value.message.startswith("No handler for ")
    else:
        assert refused.value.code in (400, 404)


@pytest.fixture(scope="module")
def strangers() -> Iterator[tuple[Device, Mos]]:
    """A board where an operator has the password, but nobody the bench permission."""
    with benches() as make:
        device = Device(make(preset="tls", locked=True))
        device.open_ws(bench=False, password=PASSWORD)
        with device.ws(USER, PASSWORD) as mos:
            yield device, mos


def everything(device: Device) -> bytes:
    """What outlives the chip's power."""
    return b"".join(map(bytes, (device.chip.image.config, *device.chip.image.slots)))


@pytest.mark.parametrize("name", [name for name, method in CONTRACT.items() if method.mark])
def test_marked_methods_are_refused_over_the_network(strangers: tuple[Device, Mos], name: str) -> None:
    device, mos = strangers
    before = everything(device)
    serial = mos.call("ATCA.GetInfo")["serial"]
    for params in (GOOD[name][0], GOOD[name][0] | {"serial": serial, "crc": 0}):
        told = {
            key: value for key, value in params.items() if key in CONTRACT[name].required or key == "serial"
        }
        assert kind(mos, name, told) in ("refused", "argument")
    assert kind(mos, name, GOOD[name][0]) == "refused"
    assert everything(device) == before


def test_a_key_that_is_there_is_not_replaced_from_the_network(strangers: tuple[Device, Mos]) -> None:
    device, mos = strangers
    made = device.asks("ATCA.GenKey", {"slot": 2})
    serial = mos.call("ATCA.GetInfo")["serial"]
    for more in ({}, {"serial": serial}):
        assert kind(mos, "ATCA.GenKey", {"slot": 2} | more) in ("refused", "key-in-use")
    assert mos.call("ATCA.GetPubKey", {"slot": 2}) == made


def test_a_slot_without_a_public_key_says_why(mos: Mos, shared: Device) -> None:
    data, empty = 8, 1
    for slot, why in ((data, "no slot for private keys"), (empty, "it holds no key")):
        with pytest.raises(Refused) as refused:
            mos.call("ATCA.GetPubKey", {"slot": slot})
        error = refused.value
        assert (error.code, error.kind) == (409, "slot") and why in error.message


def test_a_wrong_confirmation_is_refused_with_the_bench_permission_too(mos: Mos) -> None:
    assert kind(mos, "ATCA.LockSlot", {"slot": 0, "serial": "012300000000000000"}) == "refused"


def test_the_config_zone_comes_whole(mos: Mos, shared: Device) -> None:
    config = base64.b64decode(mos.call("ATCA.GetConfig")["config"])
    assert config[16:] == bytes(shared.chip.image.config)[16:]

"""Secrets stay where they are: in no log however much it shows, on no command line, in no error."""

import json
import re
from pathlib import Path

import click
import pytest
from atecc.channels import open_channel
from atecc.cli import cli
from atecc.device import Device
from atecc.errors import DeviceError
from atecc.log import TRAFFIC, is_secret, redacted, secrets_in
from rpcserver import RpcServer, sha256

SECRET = "correct horse battery"
TABLE = (Path(__file__).parents[2] / "firmware/rpc/README.md").read_text()
SETTINGS = re.findall(r"^\| ((?:`[a-z0-9_.]+`(?:, )?)+) \| ([^|]*) \|", TABLE, re.MULTILINE)


def frame(method, params):
    return json.dumps({"id": 1, "src": "atecc", "method": method, "params": params}).encode()


def reply(result):
    return json.dumps({"id": 1, "src": "d", "result": result}).encode()


# What goes by a secret's name


@pytest.mark.parametrize(
    "params",
    [
        {"pass": SECRET},
        {"wifi.sta.pass": SECRET},
        {"config": {"wifi": {"sta": {"ssid": "home", "pass": SECRET}}}},
        {"config": {"wifi": {"ap": {"pass": SECRET}, "sta": {"pass": SECRET}}}},
        {"config": {"mqtt": {"pass": SECRET, "user": "u"}}},
        {"args": [{"deep": {"PassWord": SECRET}}]},
        {"Passphrase": SECRET},
        {"passphrase": [SECRET]},
        {"psk": {"value": SECRET}},
        {"auth": {"response": SECRET}},
        {"response": SECRET},
        {"ha1": SECRET},
        {"wkey": SECRET},
        {"client_secret": SECRET},
        {"token": SECRET},
        {"private_key": SECRET},
        {"anything": f"-----BEGIN EC PRIVATE KEY-----\n{SECRET}"},
    ],
    ids=str,
)
def test_in_requests_and_replies(params):
    for method in ("Config.Set", "Wifi.Setup", "No.Such"):
        assert SECRET not in redacted(frame(method, params))
        assert SECRET not in redacted(reply(params), frame(method, {}))
        assert SECRET not in redacted(reply([params]))


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("ATCA.SetKey", {"slot": 2, "key": SECRET, "ecc": True}),
        ("ATCA.AES", {"slot": 9, "data": SECRET}),
        ("FS.Put", {"filename": "key.pem", "data": SECRET}),
        ("MQTT.Publish", {"topic": "t", "message": SECRET}),
        ("Access.WebSocket", {"enable": True, "username": "admin", "ha1": SECRET}),
        ("Identity.Stage", {"token": SECRET}),
    ],
)
def test_in_methods_that_take_one(method, params):
    shown = redacted(frame(method, params))
    assert SECRET not in shown and method in shown


@pytest.mark.parametrize(
    ("method", "params", "result"),
    [
        ("Config.Get", {"key": "wifi.sta.pass"}, SECRET),
        ("FS.Get", {"filename": "conf9.json"}, {"data": SECRET, "left": 0}),
        ("ATCA.ReadSlot", {"slot": 8}, {"data": SECRET}),
        ("ATCA.AES", {"slot": 9}, {"data": SECRET}),
        ("MQTT.Receive", {}, {"topic": "t", "message": SECRET}),
        ("Identity.Begin", {}, {"token": SECRET}),
    ],
)
def test_in_replies_of_methods_that_give_one(method, params, result):
    assert SECRET not in redacted(reply(result), frame(method, params))


def test_the_rest_is_shown():
    shown = redacted(frame("Identity.Begin", {"subject": [[["CN", "x"]]], "key": "existing", "slot": 0}))
    assert '"existing"' in shown and '"CN"' in shown
    assert '"device.id"' in redacted(frame("Config.Get", {"key": "device.id"}))
    assert '"sensor-1"' in redacted(reply("sensor-1"), frame("Config.Get", {"key": "device.id"}))
    error = {"error": {"code": 503, "kind": "tls", "message": "the broker refused"}}
    assert "the broker refused" in redacted(json.dumps(error).encode())


@pytest.mark.parametrize("data", [b"secret", b"[1]", b'"secret"', b"\xff", b"[" * 100_000])
def test_what_is_no_frame_is_not_shown(data):
    assert re.fullmatch(r"<\d+ bytes that are (not JSON|no frame)>", redacted(data))


def test_settings_that_the_table_calls_secret():
    rows = [(name, kinds) for names, kinds in SETTINGS for name in re.findall(r"`([^`]+)`", names)]
    secret = [name for name, kinds in rows if "secret" in kinds and is_secret(name)]
    assert "wifi.sta.pass" in secret and not is_secret("wifi.sta.ssid") and not is_secret("mqtt.ssl_key")


# The whole way


@pytest.fixture
def guarded(networked):
    networked.passwords["home"] = SECRET
    with RpcServer(networked) as server:
        yield server


def test_vv_over_a_real_channel(guarded, networked, caplog):
    networked.files = {"key.pem": SECRET.encode()}
    caplog.set_level(TRAFFIC, "atecc")
    with Device(open_channel(guarded.url)) as device:
        device.wifi_setup("home", SECRET)
        device.change_settings({"wifi": {"sta": {"pass": SECRET}}})
        assert device.read_file("key.pem") == SECRET.encode()
        device.write_file("other.pem", SECRET.encode())
        with pytest.raises(DeviceError, match="USB only"):
            device.web_socket(True, username="admin", ha1=sha256(SECRET))
    assert "Wifi.Setup" in caplog.text and "FS.Put" in caplog.text
    for secret in (SECRET, sha256(SECRET), "Y29ycmVjdCBob3JzZSBiYXR0ZXJ5"):
        assert secret not in caplog.text


# The command line


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("ATCA.SetKey", {"slot": 2, "key": SECRET}),
        ("Config.Set", {"config": {"wifi": {"sta": {"pass": SECRET}}}}),
        ("Config.Set", {"config": {"wifi.sta.pass": SECRET}}),
        ("Wifi.Setup", {"ssid": "home", "pass": SECRET}),
        ("ATCA.SetKey", {"slot": 2, "key": "a2V5", "wkey": SECRET}),
        ("Access.WebSocket", {"ha1": SECRET}),
    ],
)
def test_rpc_call_takes_no_secret_from_there(networked, run, method, params):
    seen = run(networked, "rpc", "call", method, json.dumps(params))
    assert seen.status == 5 and "everybody on this computer" in seen.err and networked.calls == []
    assert SECRET not in seen.err + seen.out
    if method == "Wifi.Setup":
        networked.passwords["home"] = SECRET
        seen = run(networked, "rpc", "call", method, "-", "-vv", typed=json.dumps(params))
        assert seen.status == 0 and SECRET not in seen.err + seen.out


def test_rpc_call_takes_the_rest(networked, run):
    assert run(networked, "rpc", "call", "Config.Get", '{"key": "device.id"}').status == 0
    assert secrets_in({"key": "existing", "pass": ""}, "Identity.Begin") == []


def test_config_set_takes_no_secret_from_there(networked, run):
    for key in ("wifi.sta.pass", "mqtt.pass", "dash.client_secret", "x.psk"):
        seen = run(networked, "config", "set", f"{key}={SECRET}")
        assert seen.status == 5 and SECRET not in seen.err and networked.calls == []


def options(command, path=()):
    yield from ((path, one) for one in command.params)
    if isinstance(command, click.Group):
        for name in command.list_commands(None):
            yield from options(command.get_command(None, name), (*path, name))


def test_no_option_takes_a_secret_itself():
    """A file that holds it, or nothing: then it is asked for."""
    # How to come by a key; and what it is for.
    public = {
        (("provision", "ca"), "--key"),
        (("provision", "aws"), "--key"),
        (("csr",), "--key-usage"),
    }
    words = {"password", "secret", "key", "passphrase", "token", "pin", "psk", "pass"}
    found = [
        (path, one.opts)
        for path, one in options(cli)
        if isinstance(one, click.Option)
        and one.opts[0] != "--device-key"  # a key's hash, and every command's
        and words & set(re.findall(r"[a-z]+", one.opts[0]))
        and not one.is_flag
        and not isinstance(one.type, click.Path)
        and (path, one.opts[0]) not in public
        and not one.hidden
    ]
    assert found == []


def test_what_is_typed_is_not_seen(networked, run):
    networked.passwords["home"] = SECRET
    seen = run(networked, "wifi", "set", "home", "-vv", typed=f"{SECRET}\n")
    assert seen.status == 0 and SECRET not in seen.err + seen.out

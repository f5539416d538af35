"""ws://, against a real WebSocket server: the password, which never leaves this computer, and what is no device."""

import json

import pytest
from atecc.channels import Access, open_channel
from atecc.channels.address import parse_address
from atecc.device import Device
from atecc.errors import ArgumentError, ChannelError, RefusedError
from atecc.log import TRAFFIC
from fakedevice import SERIAL
from ports import free_port
from rpcserver import Listener, RpcServer, sha256

SECRET = "correct horse:battery/staple"


@pytest.fixture
def guarded(networked):
    with RpcServer(networked, user="alice", password=SECRET) as server:
        yield server


@pytest.fixture
def url(guarded):
    return guarded.url.replace("//", "//alice@")


@pytest.fixture
def password_file(tmp_path):
    path = tmp_path / "ws.password"
    path.write_text(f"{SECRET}\n")
    return path


def test_without_a_password(networked, call):
    with RpcServer(networked) as server:
        assert call("--port", server.url, "info", "--json").json["chip"]["serial"] == SERIAL


def test_a_password_from_a_file(guarded, url, call, password_file):
    seen = call("--port", url, "--ws-password-file", password_file, "info", "--json")
    assert seen.status == 0 and seen.err == "" and seen.json["chip"]["serial"] == SERIAL


def test_a_password_that_is_typed(url, call):
    seen = call("--port", url, "mqtt", "status", typed=f"{SECRET}\n")
    assert seen.status == 0 and "The device's password" in seen.err and SECRET not in seen.err


def test_a_password_in_the_address_is_not_for_the_command_line(guarded, call, monkeypatch):
    address = guarded.url.replace("//", "//alice:correct%20horse%3Abattery%2Fstaple@")
    seen = call("--port", address, "mqtt", "status")
    assert seen.status == 2 and "everybody on this computer" in seen.err and "--ws-password-file" in seen.err
    assert guarded.connections == 0
    monkeypatch.setenv("ATECC_PORT", address)
    seen = call("mqtt", "status")
    assert seen.status == 0


def test_nobody_to_ask(url, call):
    seen = call("--port", url, "info")
    assert seen.status == 6 and "--ws-password-file" in seen.err


def test_the_library_without_a_password(url):
    with Device(open_channel(url)) as device, pytest.raises(RefusedError, match="wants a password"):
        device.info()


@pytest.mark.parametrize("wrong", [("alice", "guess"), ("bob", SECRET)])
def test_a_wrong_password_is_said_once_and_not_tried_again(guarded, wrong):
    user, password = wrong
    channel = open_channel(guarded.url.replace("//", f"//{user}@"), Access(password=lambda: password))
    with (
        Device(channel) as device,
        pytest.raises(RefusedError, match="does not accept this user and password"),
    ):
        device.info()
    assert len(guarded.frames) == 2


def test_every_request_has_a_nonce_of_its_own(guarded, url):
    with Device(open_channel(url, Access(password=lambda: SECRET))) as device:
        device.info()
        device.set_time(1)
    used = [json.loads(frame)["auth"]["nonce"] for frame in guarded.frames if "auth" in frame]
    assert len(used) == len(set(used)) == 2
    assert all(json.loads(frame)["id"] in (1, 2) for frame in guarded.frames)


def test_a_device_that_sends_a_used_nonce_again_is_not_answered_twice(guarded, url):
    """A replayed challenge gets a fresh cnonce, and the device refuses it: that is the end of it."""
    with Device(open_channel(url, Access(password=lambda: SECRET))) as device:
        device.info()
        guarded.challenge = {"nonce": 1000}
        with pytest.raises(RefusedError, match="does not accept"):
            device.set_time(1)
    answers = [json.loads(frame)["auth"] for frame in guarded.frames if "auth" in frame]
    assert len(answers) == 2 and answers[0]["response"] != answers[1]["response"]


def test_an_overheard_frame_is_worth_nothing(guarded, url):
    from websockets.sync.client import connect

    with Device(open_channel(url, Access(password=lambda: SECRET))) as device:
        device.set_time(1)
    overheard = guarded.frames[-1]
    with connect(guarded.url) as connection:
        connection.send(overheard)
        assert json.loads(connection.recv(10))["error"]["code"] == 401


@pytest.mark.parametrize(
    ("challenge", "said"),
    [
        ({"algorithm": "MD5"}, "another way than digest with SHA-256"),
        ({"auth_type": "basic"}, "another way than digest with SHA-256"),
        ({"nonce": None}, "makes sense"),
        ({"realm": 7}, "makes sense"),
    ],
)
def test_a_weaker_challenge_is_not_answered(guarded, url, challenge, said):
    guarded.challenge = challenge
    asked = []
    channel = open_channel(url, Access(password=lambda: asked.append(1) or SECRET))
    with Device(channel) as device, pytest.raises(ChannelError, match=said):
        device.info()
    assert asked == [] and len(guarded.frames) == 1


def test_the_password_is_in_no_frame_and_no_log(guarded, url, caplog):
    caplog.set_level(0)
    caplog.set_level(TRAFFIC, "atecc")
    with Device(open_channel(url, Access(password=lambda: SECRET))) as device:
        device.set_time(1)
    assert "Sys.SetTime" in caplog.text, "or the log was not looked at"
    answer = json.loads(guarded.frames[-1])["auth"]["response"]
    for secret in (SECRET, sha256(f"alice:RPC:{SECRET}"), answer):
        assert secret not in caplog.text
    assert SECRET not in "".join(guarded.frames)


def test_errors_do_not_show_the_password(call):
    for address in (
        f"ws://alice:hush-hush@127.0.0.1:{free_port()}",
        "ws://alice:hush-hush@127.0.0.1:port",
        "ws://alice:hush-hush@[",
    ):
        seen = call("--port", address, "info", "-vv")
        assert seen.status in (2, 3) and "hush-hush" not in seen.err + seen.out


def test_an_address_written_out_hides_the_password():
    address = parse_address("ws://alice:hush-hush@192.0.2.7")
    assert "hush-hush" not in f"{address} {address!r}" and address.password == "hush-hush"


@pytest.mark.parametrize("option", ["--device", "--device-key"])
def test_ws_proves_nobodys_identity(networked, call, option):
    with RpcServer(networked) as server:
        seen = call("--port", server.url, option, "ab" * 32, "info")
        assert seen.status == 2 and "need wss://" in seen.err and server.connections == 0


# What is no device


def http(status, body=b""):
    def react(connection):
        connection.recv(65536)
        head = f"HTTP/1.1 {status} Whatever\r\nContent-Length: {len(body)}\r\nLocation: http://192.0.2.1/\r\n\r\n"
        connection.sendall(head.encode() + body)

    return react


@pytest.mark.parametrize(
    ("react", "said"),
    [
        (http(404), "has no /rpc for WebSockets (HTTP 404)"),
        (http(401), "does not let this computer in"),
        (http(503), "is busy"),
        (http(200, b"hello"), "has no /rpc for WebSockets (HTTP 200)"),
        (lambda c: c.recv(1), "closed the connection at once"),
    ],
)
def test_what_is_no_device(call, react, said):
    with Listener(react) as other:
        seen = call("--port", f"ws://127.0.0.1:{other.port}", "info")
    assert seen.status == 3 and said in seen.err, seen.err


def test_redirects_lead_nowhere(call):
    with Listener(http(302)) as other:
        seen = call("--port", f"ws://127.0.0.1:{other.port}", "info")
    assert seen.status == 3 and "Is it the device's address" in seen.err


def test_what_speaks_first(call):
    """How far the library comes before it notices is a matter of luck."""
    with Listener(lambda c: c.sendall(b"220 mail.example ESMTP\r\n") or c.recv(1)) as other:
        seen = call("--port", f"ws://127.0.0.1:{other.port}", "info")
    assert seen.status == 3, seen.err
    assert "does not speak WebSocket" in seen.err or "closed the connection at once" in seen.err


def test_what_accepts_and_says_nothing(call, monkeypatch):
    monkeypatch.setattr("atecc.channels.websocket.UPGRADE_TIMEOUT", 0.2)
    with Listener(lambda c: c.recv(65536) and c.recv(1)) as other:
        seen = call("--port", f"ws://127.0.0.1:{other.port}", "info")
    assert seen.status == 3 and "does not answer" in seen.err


def test_ws_is_off_as_shipped(call):
    seen = call("--port", f"ws://127.0.0.1:{free_port()}", "info")
    assert seen.status == 3 and "atecc websocket on" in seen.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("http://192.0.2.7", "Use ws://"),
        ("https://192.0.2.7", "Use wss://"),
        ("mqtt://broker/x", "Use mqtts://"),
        ("wss://", "no device's address"),
        ("wss://192.0.2.7:99999", "no device's address"),
        ("wss://192.0.2.7/rpc?x=1", "no device's address"),
        ("wss://alice@192.0.2.7", "takes no user"),
        ("mqtts://broker.example", "ends with its name"),
        ("mqtts://broker.example/a/b", "can't be a device's name"),
        ("mqtts://broker.example/+", "can't be a device's name"),
        ("mqtts://alice@broker.example/x", "takes no user"),
    ],
)
def test_addresses_that_make_no_sense(call, text, said):
    seen = call("--port", text, "info")
    assert seen.status == 2 and said in seen.err


@pytest.mark.parametrize(
    ("text", "port", "written"),
    [
        ("wss://device.lan", 443, "wss://device.lan:443"),
        ("WSS://device.lan:8443/", 8443, "wss://device.lan:8443"),
        ("ws://[fe80::1]:81/rpc", 81, "ws://[fe80::1]:81"),
        ("mqtts://broker.example/sensor-1", 8883, "mqtts://broker.example:8883/sensor-1"),
    ],
)
def test_addresses(text, port, written):
    address = parse_address(text)
    assert (address.port, str(address), address.path) == (port, written, "/rpc")


@pytest.mark.parametrize("port", ["/dev/ttyUSB0", "auto", "COM3", "socket://host:1", "rfc2217://host:1"])
def test_anything_else_is_a_serial_port(port):
    assert parse_address(port) is None


def test_a_cable_needs_no_name(call):
    seen = call("--port", "/dev/ttyNONE9", "--device", "sensor-1", "info")
    assert seen.status == ArgumentError.exit_status and "wss://" in seen.err

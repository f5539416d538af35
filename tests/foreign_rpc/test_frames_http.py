"""Bad frames, and bad HTTP, in requests; the device goes on after each."""

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from foreign_rpc import frames
from foreign_rpc.badframes import (
    BROKEN,
    HUGE,
    TOO_LONG,
    is_frame_error,
)
from foreign_rpc.frames import check, request
from foreign_rpc.httpchannel import request_bytes
from foreign_rpc.rpcbench import Device, alive

Send = Callable[[bytes], dict[str, Any] | None]


@pytest.fixture(scope="module")
def http(shared: Device) -> Send:
    """Sends a body over HTTP, its own connection each time."""

    def send(body: bytes) -> dict[str, Any] | None:
        answer = shared.http().ask("POST", "/rpc", body)
        return json.loads(answer.body) if answer.body else {"error": {"code": answer.status}}

    return send


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_body_gets_an_error(http: Send, broken: bytes) -> None:
    reply = http(broken)
    assert reply and reply["error"]["code"] == 400, reply


@pytest.mark.parametrize("huge", HUGE.values(), ids=HUGE)
def test_a_huge_body_is_refused(shared: Device, huge: bytes) -> None:
    try:
        answer = shared.http().ask("POST", "/rpc", huge)
        assert answer.status in (200, 400, 413), answer
        assert answer.status != 200 or is_frame_error(json.loads(answer.body))
    except frames.Closed:
        pass  # it need not read all of it
    with shared.ws() as mos:
        alive(mos)


@pytest.mark.parametrize("asked", TOO_LONG.values(), ids=TOO_LONG)
def test_who_asked_too_much_is_told(shared: Device, asked: dict[str, Any]) -> None:
    with pytest.raises(frames.Refused, match="longer than 12288 bytes"):
        check(shared.http().exchange(asked), asked)


@pytest.mark.parametrize(
    "head",
    {
        "no length": b"POST /rpc HTTP/1.1\r\nHost: x\r\n\r\n",
        "a length that is no number": b"POST /rpc HTTP/1.1\r\nContent-Length: x\r\n\r\n{}",
        "a negative length": b"POST /rpc HTTP/1.1\r\nContent-Length: -1\r\n\r\n{}",
        "a length of 10**12": b"POST /rpc HTTP/1.1\r\nContent-Length: 1000000000000\r\n\r\n{}",
        "no HTTP": b"hello\r\n\r\n",
        "an empty line": b"\r\n\r\n",
        "a header without a colon": b"GET /rpc/Sys.GetInfo HTTP/1.1\r\nhello\r\n\r\n",
        "not UTF-8": b"GET /rpc/Sys.GetInfo?x=\xff\xfe HTTP/1.1\r\nX: \xff\r\n\r\n",
        "a bad escape": b"GET /rpc/Sys.GetInfo?x=%zz&%=1 HTTP/1.1\r\n\r\n",
        "a long line": b"GET /rpc/" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
        "many headers": b"GET /rpc/Sys.GetInfo HTTP/1.1\r\n" + b"X: y\r\n" * 5_000 + b"\r\n",
        "another path": b"GET /../../etc/passwd HTTP/1.1\r\n\r\n",
        "another method": b"DELETE /rpc HTTP/1.1\r\n\r\n",
        "an upgrade to something else": b"GET /rpc HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        "an upgrade without a key": b"GET /rpc HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    }.items(),
    ids=lambda item: item[0],
)
def test_a_bad_http_request_is_answered_or_cut_off(shared: Device, head: tuple[str, bytes]) -> None:
    with shared.http().connect(2) as connection:
        connection.sendall(head[1])
        with contextlib.suppress(TimeoutError, ConnectionError):
            connection.recv(65536)
    with shared.ws() as mos:
        alive(mos)


def test_http_in_all_its_forms(shared: Device) -> None:
    http = shared.http()
    asked = request("RPC.Describe", {"name": "Sys.GetInfo"})
    described = check(http.exchange(asked), asked)
    bare = http.ask("POST", "/rpc/RPC.Describe", b'{"name":"Sys.GetInfo"}')
    assert (bare.status, json.loads(bare.body)) == (200, described)
    queried = http.ask("GET", "/rpc/RPC.Describe?name=Sys.GetInfo")
    assert (queried.status, json.loads(queried.body)) == (200, described)
    quoted = http.ask("GET", "/rpc/RPC.Describe?name=%22Sys.GetInfo%22")
    assert json.loads(quoted.body) == described
    assert json.loads(http.ask("POST", "/rpc/Sys.GetInfo", b"").body)["uptime"] >= 0


def test_http_errors_have_their_status(shared: Device) -> None:
    http = shared.http()
    told = {
        ("POST", "No.Such", b""): (404, 404, "method"),
        ("POST", "FS.Remove", b'{"filename":"none"}'): (404, 404, "file"),
        ("GET", "FS.Get?filename=none", None): (404, 404, "file"),
        ("POST", "Access.Bench", b'{"on":true}'): (403, 403, "refused"),
        ("GET", "ATCA.GetPubKey?slot=99", None): (500, 400, "argument"),
        ("POST", "FS.Remove", b"{}"): (500, 400, "argument"),
    }
    for (method, target, body), (status, code, kind) in told.items():
        answer = http.ask(method, f"/rpc/{target}", body)
        error = json.loads(answer.body)
        assert (answer.status, error["code"], error["kind"]) == (status, code, kind), target
        assert error["message"]


def test_two_requests_in_one_packet_over_http(shared: Device) -> None:
    """The second one is answered too, or the connection ends with the first answer."""
    host = f"127.0.0.1:{shared.ws_port}"
    one = request_bytes("GET", "/rpc/Sys.GetInfo", host)
    assert shared.http().ask_bytes(one + one).status == 200
    with shared.ws() as mos:
        alive(mos)

"""Frames that are cut, nested, huge, not UTF-8, not JSON, or of the wrong form; each channel goes on after each."""

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from foreign_rpc import frames
from foreign_rpc.frames import check, request, text
from foreign_rpc.httpchannel import request_bytes
from foreign_rpc.mos import Mos
from foreign_rpc.rpcbench import Device, alive
from foreign_rpc.serialchannel import QUOTES, SerialChannel
from foreign_rpc.websocket import (
    BINARY,
    CLOSE,
    CONTINUED,
    PING,
    PONG,
    TEXT,
    WebSocket,
    frame_bytes,
    upgrade_request,
)

MAX_FRAME = 12 * 1024
LEVELS = 10_000
Send = Callable[[bytes], dict[str, Any] | None]


def padded(size: int, **more: Any) -> bytes:
    """A request of exactly `size` bytes."""
    bare = text(request("RPC.List", {"pad": ""}, **more))
    return bare.replace(b'"pad":""', b'"pad":"%s"' % (b"x" * (size - len(bare))))


BROKEN = {
    "nothing": b"",
    "a blank": b" ",
    "no JSON": b"hello",
    "cut": b'{"src":"mos","id":1,"method":"Sys.Ge',
    "cut in a number": b'{"src":"mos","method":"Sys.GetInfo","id":1',
    "two objects": b'{"id":1,"method":"RPC.List"}{"id":2,"method":"RPC.List"}',
    "single quotes": b"{'id':1,'method':'RPC.List'}",
    "not UTF-8": b'{"id":1,"method":"RPC.List","params":{"a":"\xff\xfe"}}',
    "half a character": b'{"id":1,"method":"RPC.List","params":{"a":"\xe2\x82"}}',
    "zero bytes": bytes(64),
    "a list": b'[{"id":1,"method":"RPC.List"}]',
    "a text": b'"RPC.List"',
    "a number": b"5",
    "null": b"null",
    "an empty object": b"{}",
    "no method": b'{"id":1}',
    "open brackets": b"[" * LEVELS,
    "open objects": b'{"a":' * (LEVELS // 4),
    "deep parameters": b'{"id":1,"method":"RPC.List","params":' + b"[" * LEVELS,
    "deep and closed": b'{"id":1,"method":"RPC.List","params":{"a":' + b"[" * 8000 + b"]" * 8000 + b"}}",
}
# What a strict parser refuses and MicroPython's takes.
LENIENT = {
    "a comma too many": b'{"id":1,"method":"RPC.List",}',
    "an overlong character": b'{"id":1,"method":"RPC.List","params":{"a":"\xc0\xaf"}}',
    "id: null": b'{"id":null,"method":"RPC.List"}',
}
HUGE = {
    "one byte too many": padded(MAX_FRAME + 1),
    "64 KB": padded(65_536),
    "1 MB": padded(1_000_000),
}
BAD_MEMBERS: dict[str, dict[str, Any]] = {
    "id: a list": {"id": [1]},
    "id: an object": {"id": {"a": 1}},
    "id: true": {"id": True},
    "src: a number": {"src": 5},
    "src: a list": {"src": ["mos"]},
    "src: an object": {"src": {}},
    "src: 257 characters": {"src": "s" * 257},
    "tag: a number": {"tag": 5},
    "tag: 257 characters": {"tag": "t" * 257},
}


@pytest.fixture(scope="module")
def http(shared: Device) -> Send:
    """Sends a body over HTTP, its own connection each time."""

    def send(body: bytes) -> dict[str, Any] | None:
        answer = shared.http().ask("POST", "/rpc", body)
        return json.loads(answer.body) if answer.body else {"error": {"code": answer.status}}

    return send


@pytest.fixture
def websocket(shared: Device) -> Iterator[WebSocket]:
    with shared.websocket() as socket:
        yield socket


@pytest.fixture
def owner(shared: Device) -> Iterator[SerialChannel]:
    with SerialChannel(shared.port) as channel:
        yield channel


def is_frame_error(reply: dict[str, Any] | None) -> bool:
    assert reply is not None
    error = frames.check_error(reply["error"])
    return (error["code"], error["kind"]) == (400, "frame")


# --- each over WebSocket


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_broken_frame_gets_an_error_and_the_socket_goes_on(
    shared: Device, broken: bytes, opcode: int
) -> None:
    if opcode == TEXT and not is_utf8(broken):
        pytest.skip("RFC 6455 allows the server to end this connection; see below")
    with shared.websocket() as socket:
        socket.send(broken, opcode)
        if broken:
            assert is_frame_error(socket.receive()), broken[:60]
        works(socket)


@pytest.mark.parametrize("lenient", LENIENT.values(), ids=LENIENT)
def test_a_frame_that_is_nearly_one_is_served_or_an_error(websocket: WebSocket, lenient: bytes) -> None:
    websocket.send(lenient, BINARY)
    reply = websocket.receive()
    assert "result" in reply or reply["error"]["code"] == 400
    works(websocket)


def is_utf8(data: bytes) -> bool:
    try:
        return data.decode() is not None
    except UnicodeDecodeError:
        return False


def works(channel: WebSocket | SerialChannel) -> None:
    """The next request is answered, and nothing else comes before."""
    asked = request("Sys.GetInfo")
    assert check(channel.exchange(asked), asked)["uptime"] >= 0


def test_a_text_message_that_is_not_utf_8_is_an_error_or_ends_its_own_connection_only(shared: Device) -> None:
    with shared.websocket() as other:
        with shared.websocket() as socket:
            socket.send(BROKEN["not UTF-8"], TEXT)
            with contextlib.suppress(frames.Closed):
                assert is_frame_error(socket.receive())
        works(other)


@pytest.mark.parametrize("huge", HUGE.values(), ids=HUGE)
def test_a_huge_message_is_refused_or_ends_its_own_connection_only(shared: Device, huge: bytes) -> None:
    with shared.websocket() as other:
        with shared.websocket() as socket:
            try:
                socket.send(huge)
                assert is_frame_error(socket.receive())
            except frames.Closed:
                pass
        works(other)


def test_a_frame_of_12_kb_is_served(websocket: WebSocket) -> None:
    sent = padded(MAX_FRAME)
    assert len(sent) == MAX_FRAME
    websocket.send(sent)
    assert_answered(websocket.receive(), json.loads(sent))


def assert_answered(reply: dict[str, Any], asked: dict[str, Any]) -> None:
    """With a result, or an error that isn't about the frame."""
    try:
        check(reply, asked)
    except frames.Refused as refused:
        assert refused.kind == "argument", refused.error


@pytest.mark.parametrize("change", BAD_MEMBERS.values(), ids=BAD_MEMBERS)
def test_members_of_the_wrong_type(websocket: WebSocket, change: dict[str, Any]) -> None:
    asked = request("RPC.List") | change
    reply = websocket.exchange(asked)
    assert is_frame_error(reply)
    if "id" not in change:
        assert reply["id"] == asked["id"]
    works(websocket)


@pytest.mark.parametrize("ident", [0, -1, 1.5, 2**31, 2**53, 2**63, 2**64, 10**40, "text", "", "é" * 50])
def test_an_id_comes_back_as_it_was(websocket: WebSocket, ident: Any) -> None:
    reply = websocket.exchange(request("RPC.List") | {"id": ident})
    assert reply["id"] == ident
    assert type(reply["id"]) is type(ident)
    assert "result" in reply
    works(websocket)


@pytest.mark.parametrize(
    "silent",
    [
        {"method": "RPC.List"},
        {"id": 1, "result": None},
        {"id": 1, "result": {"a": 1}, "src": "mos"},
        {"id": 1, "error": {"code": 1, "message": "x"}},
        {"result": 1},
    ],
)
def test_frames_that_nobody_answers(websocket: WebSocket, silent: dict[str, Any]) -> None:
    websocket.send(text(silent))
    works(websocket)


def test_a_request_with_a_result_in_it_is_a_request(websocket: WebSocket) -> None:
    asked = request("RPC.List") | {"result": 1}
    assert "result" in websocket.exchange(asked)


def test_the_tag_is_echoed_and_a_long_src_answered(websocket: WebSocket) -> None:
    asked = request("RPC.List", src="s" * 256, tag="ü" * 100)
    check(websocket.exchange(asked), asked)


def test_many_frames_in_one_go(websocket: WebSocket) -> None:
    asked = [request("RPC.Describe", {"name": "Sys.GetInfo"}) for _ in range(100)]
    websocket.send_bytes(b"".join(frame_bytes(TEXT, text(each)) for each in asked))
    for each in asked:
        assert check(websocket.receive(), each)["name"] == "Sys.GetInfo"


def test_a_message_in_fragments_is_served_or_ends_its_connection_only(
    shared: Device, websocket: WebSocket
) -> None:
    """Mongoose OS's client sends none."""
    asked = request("RPC.List")
    body = text(asked)
    pieces = [(TEXT, body[:5], False), (CONTINUED, body[5:20], False), (CONTINUED, body[20:], True)]
    with shared.websocket() as other:
        websocket.send_bytes(b"".join(frame_bytes(opcode, piece, fin=fin) for opcode, piece, fin in pieces))
        with contextlib.suppress(frames.Closed):
            check(websocket.receive(), asked)
        works(other)


def test_a_ping_is_answered(websocket: WebSocket) -> None:
    websocket.send(b"there?", PING)
    assert websocket.receive_frame() == (PONG, b"there?")
    works(websocket)


@pytest.mark.parametrize(
    "nonsense",
    {
        "unmasked": frame_bytes(TEXT, b'{"id":1,"method":"RPC.List"}', mask=b""),
        "reserved bits": frame_bytes(TEXT, b"{}", bits=7),
        "an unknown opcode": frame_bytes(5, b"{}"),
        "an unknown control opcode": frame_bytes(13, b"{}"),
        "continues nothing": frame_bytes(CONTINUED, b"{}"),
        "a long ping": frame_bytes(PING, b"x" * 200),
        "a ping in pieces": frame_bytes(PING, b"x", fin=False),
        "2**63 bytes announced": b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00",
        "4 GB announced": b"\x82\xff\x00\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00abc",
        "cut": frame_bytes(TEXT, b'{"id":1,"method":"RPC.List"}')[:-3],
        "only a head": b"\x81",
        "HTTP again": b"GET / HTTP/1.1\r\n\r\n",
        "noise": bytes(range(256)) * 4,
        "closes with one byte": frame_bytes(CLOSE, b"x"),
        "closes": frame_bytes(CLOSE, b"\x03\xe8"),
    }.items(),
    ids=lambda item: item[0],
)
def test_nonsense_on_one_socket_disturbs_no_other(shared: Device, nonsense: tuple[str, bytes]) -> None:
    with shared.websocket() as other:
        with shared.websocket() as socket:
            socket.send_bytes(nonsense[1])
        works(other)


@pytest.mark.parametrize("cut", [1, 10, 60, 150, -2, -1])
def test_an_upgrade_that_is_cut_disturbs_nobody(shared: Device, cut: int) -> None:
    with shared.http().connect() as connection:
        connection.sendall(upgrade_request("device", "dGhlIHNhbXBsZSBub25jZQ==")[:cut])
    with shared.websocket() as socket:
        works(socket)


# --- each over HTTP


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
        "No.Such": (404, 404, "method"),
        "FS.Remove?filename=none": (404, 404, "file"),
        "Access.Bench?on=true": (403, 403, "refused"),
        "ATCA.GetPubKey?slot=99": (500, 400, "argument"),
        "FS.Remove": (500, 400, "argument"),
    }
    for target, (status, code, kind) in told.items():
        answer = http.ask("GET", f"/rpc/{target}")
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


# --- on the serial line


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_frame_on_the_line(owner: SerialChannel, broken: bytes) -> None:
    """What is no frame ends the framing, and the next probe starts it again."""
    owner.shake_hands()
    owner.send(broken)
    works(owner)


@pytest.mark.parametrize("crc", [b"00000000", b"zzzzzzzz", b"1234", b"ABCDEF01"])
def test_a_damaged_frame_is_not_handled(shared: Device, owner: SerialChannel, crc: bytes) -> None:
    owner.shake_hands()
    owner.send(text(request("FS.Put", {"filename": "damaged.txt", "data": ""})), crc)
    asked = request("FS.List")
    assert "damaged.txt" not in check(owner.exchange(asked), asked)


@pytest.mark.parametrize(
    "junk",
    [
        QUOTES,
        QUOTES + b"\n",
        b"\n" * 20,
        b'"""\x04"""\n\n' * 5,
        b"print(1)\n",
        b"\xff\xfe\n",
        b"'''\n",
        b'"""{"a":',
        b"(\n",
    ],
    ids=repr,
)
def test_junk_before_a_probe(owner: SerialChannel, junk: bytes) -> None:
    """Also what looks like the beginning of a Python expression that goes on: probing gets through in the end."""
    owner.line.write(junk)
    works(owner)
    works(owner)


def test_many_frames_in_one_go_on_the_line(owner: SerialChannel) -> None:
    asked = [request("RPC.Describe", {"name": "Sys.GetInfo"}) for _ in range(20)]
    owner.shake_hands()
    for each in asked:
        owner.send(text(each))
    for each in asked:
        check(owner.receive(), each)


def test_a_frame_without_crc_and_quotes(owner: SerialChannel) -> None:
    asked = request("RPC.List")
    owner.shake_hands()
    owner.line.write(b"\n" + text(asked) + b"\n")
    check(owner.receive(), asked)


def test_a_reply_to_nobody_and_a_request_without_id_on_the_line(owner: SerialChannel) -> None:
    owner.shake_hands()
    owner.send(b'{"id":1,"src":"x","dst":"mos","result":null}')
    owner.send(b'{"method":"RPC.List"}')
    works(owner)


def test_a_long_frame_on_the_line(owner: SerialChannel) -> None:
    owner.shake_hands()
    sent = padded(MAX_FRAME // 2)
    owner.send(sent)
    assert_answered(owner.receive(), json.loads(sent))


@pytest.mark.parametrize("huge", HUGE.values(), ids=HUGE)
def test_a_huge_frame_on_the_line(owner: SerialChannel, huge: bytes) -> None:
    owner.shake_hands()
    owner.send(huge)
    works(owner)


def test_the_device_is_still_the_same(shared: Device) -> None:
    """It never started again in all this: the bench permission ends with a reset."""
    with Mos(shared.websocket()) as mos:
        alive(mos)

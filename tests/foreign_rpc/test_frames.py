"""Bad frames in WebSocket messages; the channel goes on after each."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from foreign_rpc import frames
from foreign_rpc.badframes import (
    BAD_MEMBERS,
    BROKEN,
    HUGE,
    LENIENT,
    MAX_FRAME,
    TOO_LONG,
    assert_answered,
    is_frame_error,
    padded,
    works,
)
from foreign_rpc.frames import check, request, text
from foreign_rpc.mos import Mos
from foreign_rpc.rpcbench import Device, alive
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


@pytest.fixture
def websocket(shared: Device) -> Iterator[WebSocket]:
    with shared.websocket() as socket:
        yield socket


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_broken_frame_gets_an_error_and_the_socket_goes_on(
    shared: Device, broken: bytes, opcode: int
) -> None:
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


@pytest.mark.parametrize("asked", TOO_LONG.values(), ids=TOO_LONG)
def test_who_asked_too_much_is_told(shared: Device, asked: dict[str, Any]) -> None:
    with shared.websocket() as socket:
        works(socket)  # of strangers no more than 20 KB are read
        for _ in range(2):
            with pytest.raises(frames.Refused, match="longer than 12288 bytes"):
                check(socket.exchange(asked), asked)


IN_FRONT = {
    b'{"id":5,"src":"mos","method":"RPC.List","params":no}': 5,
    b' { "src" : "a,b}" , "id":6,"method":"RPC.List","params":{"id":7,no}}': 6,
    b'{"method":"RPC.List","params":{"id":7,"a":[{"id":8,}': None,
    b'{"id":[1],"src":"mos","method":"RPC.List"': None,
    b'{"id":1,"src":5,"method":"RPC.List"': 1,
    b'{"src":"\\ud83d","id":9,"method":"RPC.List"}': None,
    b'{"tag":"\xed\xa0\x80","id":9,"method":"RPC.List"}': None,
    b'{"src":"' + b"x" * 600 + b'","id":9,"method": RPC.List}': None,
    b"{" + b'"x":1,' * 20 + b'"id":9,': None,
}


@pytest.mark.parametrize(("frame", "known"), IN_FRONT.items(), ids=repr)
def test_what_stands_in_front_of_a_broken_frame(websocket: WebSocket, frame: bytes, known: Any) -> None:
    websocket.send(frame)
    reply = websocket.receive()
    assert is_frame_error(reply) and reply.get("id") == known


def test_a_frame_of_12_kb_is_served(websocket: WebSocket) -> None:
    sent = padded(MAX_FRAME)
    assert len(sent) == MAX_FRAME
    websocket.send(sent)
    assert_answered(websocket.receive(), json.loads(sent))


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


def test_the_device_is_still_the_same(shared: Device) -> None:
    """It never started again in all this: the bench permission ends with a reset."""
    with Mos(shared.websocket()) as mos:
        alive(mos)

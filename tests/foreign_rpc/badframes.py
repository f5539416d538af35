"""Frames that are cut, nested, huge, not UTF-8, not JSON, or of the wrong form, and what goes on after each."""

from typing import Any

from foreign_rpc import frames
from foreign_rpc.frames import check, request, text
from foreign_rpc.serialchannel import SerialChannel
from foreign_rpc.websocket import WebSocket

MAX_FRAME = 12 * 1024
LEVELS = 10_000


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
    "id: null": b'{"id":null,"method":"RPC.List"}',
}
HUGE = {
    "one byte too many": padded(MAX_FRAME + 1),
    "64 KB": padded(65_536),
    "1 MB": padded(1_000_000),
}
# Whose they are stands in front, as Mongoose OS's client writes it: it has to be told, or waits for a minute.
TOO_LONG = {name: request("FS.Put", {"data": "A" * size}) for name, size in
            {"a little": MAX_FRAME, "64 KB": 65_536, "250 KB": 250_000}.items()}  # fmt: skip
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


def is_frame_error(reply: dict[str, Any] | None) -> bool:
    assert reply is not None
    error = frames.check_error(reply["error"])
    return (error["code"], error["kind"]) == (400, "frame")


def works(channel: WebSocket | SerialChannel) -> None:
    """The next request is answered, and nothing else comes before."""
    asked = request("Sys.GetInfo")
    assert check(channel.exchange(asked), asked)["uptime"] >= 0


def assert_answered(reply: dict[str, Any], asked: dict[str, Any]) -> None:
    """With a result, or an error that isn't about the frame."""
    try:
        check(reply, asked)
    except frames.Refused as refused:
        assert refused.kind == "argument", refused.error

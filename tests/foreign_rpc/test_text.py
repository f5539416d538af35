"""Text is text: characters beyond U+FFFF, in both of JSON's ways to write them, on each channel and back again."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from foreign_rpc.frames import parse, request, text
from foreign_rpc.rawrepl import RawRepl
from foreign_rpc.rpcbench import Device
from foreign_rpc.serialchannel import SerialChannel

WORDS = [
    "😀",
    "\U00010000\U0010ffff",
    "grüße 😀 \ud7ff\ue000",
    '\\ud83d"😀\\',
    "\\" * 3 + "😀" * 60,
    "\u0000\u001f\x7f",
]
# Half a pair, pairs the wrong way round, and what UTF-8 has no place for.
NONE = {
    "the first half": rb"\ud83d",
    "the second half": rb"\ude00",
    "the first half, and a character": rb"\ud83dx",
    "the first half, and an escaped character": rb"\ud83d\u0041",
    "the second half first": rb"\ude00\ud83d",
    "the first half twice": rb"\uD83D\uD83D\uDE00",
    "half a pair in UTF-8": b"\xed\xa0\xbd",
    "a pair in UTF-8": b"\xed\xa0\xbd\xed\xb8\x80",
    "a slash in two bytes": b"\xc0\xaf",
    "a slash in three bytes": b"\xe0\x80\xaf",
    "a slash in four bytes": b"\xf0\x80\x80\xaf",
    "beyond the last character": b"\xf4\x90\x80\x80",
}
Exchange = Callable[[Device, bytes], dict[str, Any]]


def ws(device: Device, frame: bytes) -> dict[str, Any]:
    with device.websocket() as socket:
        socket.send(frame)
        return socket.receive()


def http(device: Device, frame: bytes) -> dict[str, Any]:
    return parse(device.http().ask("POST", "/rpc", frame).body)


def framing(device: Device, frame: bytes) -> dict[str, Any]:
    with SerialChannel(device.port) as channel:
        channel.shake_hands()
        channel.send(frame)
        return channel.receive()


def prompt(device: Device, frame: bytes) -> dict[str, Any]:
    repl = RawRepl(device.port)
    try:
        return repl.send(frame.decode()) or {}
    finally:
        repl.close()


CHANNELS = {"ws": ws, "http": http, "framing": framing, "prompt": prompt}


@pytest.mark.parametrize("exchange", CHANNELS.values(), ids=CHANNELS)
def test_what_was_said_comes_back(shared: Device, exchange: Exchange) -> None:
    for word in WORDS:
        asked = request("RPC.List", tag=word)
        for frame in (text(asked), json.dumps(asked).encode()):
            reply = exchange(shared, frame)
            assert (reply["id"], reply.get("tag")) == (asked["id"], word), frame


@pytest.mark.parametrize("exchange", CHANNELS.values(), ids=CHANNELS)
def test_what_is_no_text_is_refused(shared: Device, exchange: Exchange) -> None:
    for name, word in NONE.items():
        if exchange is prompt and max(word) > 0x7F:
            continue  # the prompt itself takes nothing but UTF-8
        reply = exchange(shared, b'{"id":1,"method":"RPC.List","tag":"%s"}' % word)
        assert reply["error"]["kind"] == "frame", name


def test_a_methods_own_address(shared: Device) -> None:
    """Parameters stand in the body, or in the address."""
    http = shared.http()
    for word in ("😀", "größe\U0010ffff"):
        config = {"wifi": {"sta": {"ssid": word}}}
        for body in (json.dumps({"config": config}).encode(), text({"config": config})):
            assert http.ask("POST", "/rpc/Config.Set", body).status == 200
            got = http.ask("GET", "/rpc/Config.Get?key=wifi.sta.ssid").body
            assert parse(b'{"is":%s}' % got) == {"is": word}
            shared.asks("Config.Set", {"config": {"wifi.sta.ssid": ""}})
        told = parse(http.ask("GET", f"/rpc/Config.Get?key={quote(word)}").body)["message"]
        assert told.startswith(f"{word}: no such key")
    for address in ("%ED%A0%BD", "%C0%AF"):
        assert parse(http.ask("GET", f"/rpc/Config.Get?key={address}").body)["kind"] == "frame"
    assert parse(http.ask("POST", "/rpc/Config.Get", rb'{"key": "\ud83d"}').body)["kind"] == "frame"

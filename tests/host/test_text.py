"""Text is text on its way to a board and back: what is beyond U+FFFF arrives whole, and half of it never leaves."""

import json
import os

import pytest
from atecc.bounded import parse
from atecc.device import Device
from atecc.errors import ArgumentError, CorruptReply

EMOJI = "grüße 😀 \U0010ffff"
# As Python shows a program bytes that are no UTF-8, and JSON half a pair.
NO_TEXT = [os.fsdecode(b"gr\xfc\xdfe"), "\ud83d", "\ude00\ud83d"]


@pytest.fixture
def online(board, run):
    board.mqtt = "connected"
    return board


def test_a_message_beyond_the_basic_plane(online, run):
    for message, typed in ((EMOJI, None), ("-", EMOJI)):
        seen = run(online, "mqtt", "publish", "😀/t", message, "--round-trip", "--json", typed=typed)
        assert seen.status == 0 and seen.json["received"] == seen.json["sent"] == EMOJI, seen.err


def test_settings_beyond_the_basic_plane(networked, run, tmp_path):
    (tmp_path / "s.json").write_text(json.dumps({"device": {"id": EMOJI}}))
    for arguments in ([f"device.id={EMOJI}"], ["--from", tmp_path / "s.json"]):
        assert run(networked, "config", "set", *arguments).status == 0
        assert networked.settings["device"]["id"] == EMOJI
        assert run(networked, "config", "get", "device.id").out == f"{EMOJI}\n"
        assert run(networked, "config", "get", "device.id", "--json").json == EMOJI
        networked.settings["device"]["id"] = ""


@pytest.mark.parametrize("word", NO_TEXT, ids=ascii)
@pytest.mark.parametrize(
    "command",
    [
        ["mqtt", "publish", "t", "WORD"],
        ["mqtt", "publish", "WORD", "x"],
        ["config", "set", "device.id=WORD"],
        ["csr", "--slot", "0", "--subject", "CN=WORD"],
        ["rpc", "call", "Sys.GetInfo", '{"a": "WORD"}'],
        ["rpc", "call", "WORD"],
        ["wifi", "set", "WORD"],
    ],
    ids=" ".join,
)
def test_what_is_no_text_is_a_usage_error(online, run, command, word):
    seen = run(online, *[part.replace("WORD", word) for part in command])
    assert seen.status == 2 and "not text in UTF-8" in seen.err, seen.err
    assert online.calls == []


def test_half_a_character_in_json(online, run, tmp_path):
    assert run(online, "rpc", "call", "X.Y", r'{"a": "\ud83d"}').status == 2
    (tmp_path / "s.json").write_text(r'{"device": {"id": "\ud83d"}}')
    seen = run(online, "config", "set", "--from", tmp_path / "s.json")
    assert seen.status == 2 and "half a character" in seen.err
    with pytest.raises(ArgumentError, match="half a character"):
        Device(online).call("X.Y", {"a": ["\ud83d"]})
    assert online.calls == []


@pytest.mark.parametrize(
    "text",
    [
        rb'"\ud83d"',
        rb'{"\uDE00": 1}',
        rb'["\ud83dx"]',
        b'"\xed\xa0\xbd"',
        b'"\xff"',
        '"\udcff"',
        '["\ud83d"]',
    ],
)
def test_json_that_holds_half_a_character_is_none(text):
    with pytest.raises(ValueError, match=r"."):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        r'"\ud83d\ude00"',
        r'"\\ud83d"',
        '"😀"',
        '"😀"'.encode(),
        '"😀"'.encode("utf-16"),
        '\ufeff"😀"'.encode(),
    ],
)
def test_json_that_holds_whole_ones(text):
    assert parse(text) in ("😀", r"\ud83d")


def test_a_board_that_answers_with_halves():
    class Halves:
        def request(self, frame, timeout):
            return rb'{"id": 1, "result": "\ud83d"}'

    with pytest.raises(CorruptReply):
        Device(Halves()).call("Sys.GetInfo2")

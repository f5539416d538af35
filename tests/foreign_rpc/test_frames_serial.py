"""Bad frames on the serial line; the framing is found again after each."""

import json
from collections.abc import Iterator

import pytest
from foreign_rpc.badframes import (
    BROKEN,
    HUGE,
    MAX_FRAME,
    TOO_LONG,
    assert_answered,
    padded,
    works,
)
from foreign_rpc.frames import Refused, check, request, text
from foreign_rpc.rpcbench import Device
from foreign_rpc.serialchannel import QUOTES, SerialChannel


@pytest.fixture
def owner(shared: Device) -> Iterator[SerialChannel]:
    with SerialChannel(shared.port) as channel:
        yield channel


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_frame_on_the_line(owner: SerialChannel, broken: bytes) -> None:
    """What is no frame ends the framing, and the next probe starts it again."""
    owner.shake_hands()
    owner.send(broken)
    works(owner)


def test_who_asked_too_much_is_told(owner: SerialChannel) -> None:
    asked = TOO_LONG["a little"]
    with pytest.raises(Refused, match="longer than 12288 bytes"):
        check(owner.exchange(asked), asked)
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

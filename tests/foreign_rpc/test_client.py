"""The stand-in client itself, against a fake device: its bytes, and that it is as strict as it should be."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from foreign_rpc import digest, frames
from foreign_rpc.csr import certificate_request
from foreign_rpc.fakedevice import OnPty, OnTcp
from foreign_rpc.httpchannel import Http
from foreign_rpc.mos import GivesUp, Mos, b64, nested
from foreign_rpc.serialchannel import SerialChannel
from foreign_rpc.websocket import BINARY, WebSocket, frame_bytes


@pytest.fixture
def device() -> Iterator[OnTcp]:
    with OnTcp() as device:
        yield device


def test_a_serial_frame_byte_by_byte() -> None:
    with OnPty() as device, SerialChannel(device.port) as line:
        sent: list[bytes] = []
        write = line.line.write
        line.line.write = lambda data: sent.append(data) or write(data)
        asked = frames.request("Echo", {"a": 1})
        assert frames.check(line.exchange(asked), asked) == {"a": 1}
    body = b'{"src":"mos","id":%d,"method":"Echo","params":{"a":1}}' % asked["id"]
    assert sent == [b'"""\x04"""\n\n', b'\n"""' + body + frames.checksum(body) + b'"""\n']


def test_it_probes_before_every_frame_and_until_it_is_answered() -> None:
    with OnPty(deaf=2) as device, Mos(SerialChannel(device.port)) as mos:
        assert mos.call("Echo", [1]) == [1]
        assert mos.channel.probes == 3
        assert mos.call("Echo", [2]) == [2]
        assert device.probes == 4


@pytest.mark.parametrize("with_crc", [True, False])
def test_what_is_no_frame_is_junk(with_crc: bool) -> None:
    with OnPty() as device, Mos(SerialChannel(device.port)) as mos:
        device.with_crc = with_crc
        device.before_frames = b'a log line\r\n"""\xff{\n{"id":1,"result":2}00000000\n"""\x04"""'
        assert mos.call("Echo", {"x": 'quotes """ and\nlines'}) == {"x": 'quotes """ and\nlines'}
        assert b"a log line" in mos.channel.junk


def test_a_websocket_upgrade_byte_by_byte(device: OnTcp) -> None:
    with Mos(WebSocket(device.host, device.port)) as mos:
        assert mos.call("Echo", {"a": "ü" * 200}) == {"a": "ü" * 200}
    head = device.heads[0].decode()
    assert head.startswith("GET /rpc HTTP/1.1\r\n")
    assert "Sec-WebSocket-Protocol: clubby.cesanta.com\r\nOrigin" not in head
    for line in ("Sec-WebSocket-Protocol: clubby.cesanta.com", "Origin: https://api.cesanta.com/"):
        assert line in head.splitlines()


def test_binary_messages_too(device: OnTcp) -> None:
    with WebSocket(device.host, device.port) as socket:
        asked = frames.request("Echo", 5)
        assert frames.check(socket.exchange(asked, opcode=BINARY), asked) == 5


def test_the_masked_hello_of_rfc_6455() -> None:
    assert frame_bytes(1, b"Hello") == bytes.fromhex("818537fa213d7f9f4d5158")


def test_http(device: OnTcp) -> None:
    assert Mos(Http(device.host, device.port)).call("Echo", [1]) == [1]
    assert b"POST /rpc HTTP/1.1" in device.heads[0]


def test_digest_in_frames_keeps_the_id(device: OnTcp) -> None:
    device.secret = digest.ha1("admin", "right")
    with Mos(WebSocket(device.host, device.port), "admin", "right") as mos:
        assert mos.call("Echo", [1]) == [1]
    first, second = device.requests
    assert second.pop("auth")["nonce"] == 1_700_000_000
    assert first == second


def test_digest_over_http(device: OnTcp) -> None:
    device.secret = digest.ha1("admin", "right")
    http = Http(device.host, device.port, user="admin", password="right")
    assert Mos(http).call("Echo", [1]) == [1]
    with pytest.raises(frames.BadReply, match="401"):
        Mos(Http(device.host, device.port, user="admin", password="wrong")).call("Echo", [1])


def test_the_digest_of_rfc_7616() -> None:
    """Its example, section 3.9.1, SHA-256."""
    ha1 = digest.ha1("Mufasa", "Circle of Life", "http-auth@example.org")
    nonce, cnonce = (
        "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    told = f"{ha1}:{nonce}:00000001:{cnonce}:auth:{digest.h('GET:/dir/index.html')}"
    assert digest.h(told) == "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"


GOOD = {"id": 0, "src": "fake", "dst": "mos", "result": None}


@pytest.mark.parametrize(
    "change",
    [
        {"id": "7"},
        {"id": 7.5},
        {"id": True},
        {"id": 1},
        {"src": None},
        {"dst": "somebody"},
        {"tag": "unasked"},
        {"method": "Echo"},
        {"error": {"code": 1, "message": "and a result"}},
    ],
)
def test_replies_that_it_does_not_take(device: OnTcp, change: dict[str, Any]) -> None:
    device.answer = lambda frame: GOOD | {"id": frame["id"]} | change
    with Mos(WebSocket(device.host, device.port)) as mos, pytest.raises(frames.BadReply):
        mos.call("Echo")


@pytest.mark.parametrize(
    "error", [{"code": 0, "message": "fine"}, {"message": "no code"}, {"code": 1}, "text"]
)
def test_errors_that_it_does_not_take(device: OnTcp, error: Any) -> None:
    device.answer = lambda frame: {"id": frame["id"], "src": "fake", "dst": "mos", "error": error}
    with Mos(WebSocket(device.host, device.port)) as mos, pytest.raises(frames.BadReply):
        mos.call("Echo")


def test_a_reply_without_a_result_is_none(device: OnTcp) -> None:
    device.answer = lambda frame: {"id": frame["id"], "src": "fake", "dst": "mos"}
    with Mos(WebSocket(device.host, device.port)) as mos, pytest.raises(frames.BadReply):
        mos.call("Echo")


@pytest.mark.parametrize("config", [b"\x11" * 128, b"\x55" * 128, b"\x00" * 127])
def test_chip_configurations_that_it_does_not_take(device: OnTcp, config: bytes) -> None:
    device.answer = lambda frame: GOOD | {"id": frame["id"], "result": {"config": b64(config)}}
    with Mos(WebSocket(device.host, device.port)) as mos, pytest.raises(GivesUp):
        mos.atca_get_config()


def test_a_request_signed_elsewhere() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    numbers = key.public_key().public_numbers()

    def sign(told: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(told, ec.ECDSA(Prehashed(SHA256()))))
        return r.to_bytes(32) + s.to_bytes(32)

    point = numbers.x.to_bytes(32) + numbers.y.to_bytes(32)
    made = x509.load_der_x509_csr(certificate_request("x" * 64, point, sign))
    assert made.is_signature_valid
    assert made.subject.rfc4514_string() == "CN=" + "x" * 64


def test_settings_by_their_dotted_names() -> None:
    assert json.dumps(nested({"a.b.c": 1, "a.b.d": 2, "e": 3})) == '{"a": {"b": {"c": 1, "d": 2}}, "e": 3}'

"""A tiny device of our own, to test the stand-in client against before it judges a real one.

`answer` makes the reply to a request: replace it for a device that misbehaves.
"""

import base64
import hashlib
import json
import os
import pty
import select
import socket
import struct
import threading
import tty
import zlib
from collections.abc import Callable
from typing import Any

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
NONCE = 1_700_000_000


class FakeDevice:
    """Knows one method, Echo. With a `secret` (an HA1) it wants a digest."""

    def __init__(self, secret: str | None = None) -> None:
        self.secret = secret
        self.requests: list[dict[str, Any]] = []
        self.answer: Callable[[dict[str, Any]], Any] = self.honest
        self.before_frames = b""
        self.with_crc = True

    def honest(self, frame: dict[str, Any]) -> dict[str, Any]:
        reply = {"id": frame["id"], "src": "fake", "dst": frame["src"]}
        if self.secret and not self._proved(frame.get("auth")):
            challenge = {
                "auth_type": "digest",
                "nonce": NONCE,
                "nc": 1,
                "realm": "RPC",
                "algorithm": "SHA-256",
            }
            return reply | {"error": {"code": 401, "message": json.dumps(challenge)}}
        if frame["method"] == "Echo":
            return reply | {"result": frame.get("params")}
        return reply | {"error": {"code": 404, "message": f"No handler for {frame['method']}"}}

    def _proved(self, auth: dict[str, Any] | None) -> bool:
        if not auth:
            return False
        ha2 = hashlib.sha256(b"dummy_method:dummy_uri").hexdigest()
        told = f"{self.secret}:{NONCE}:1:{auth['cnonce']}:auth:{ha2}"
        return auth["response"] == hashlib.sha256(told.encode()).hexdigest()

    def reply(self, data: bytes) -> bytes:
        frame = json.loads(data)
        self.requests.append(frame)
        return json.dumps(self.answer(frame)).encode()


class OnPty(FakeDevice):
    """Start with `with`; `port` is a serial port. It answers the `deaf`th probe, having echoed all of them."""

    def __init__(self, deaf: int = 0, **more: Any) -> None:
        super().__init__(**more)
        self.deaf = deaf
        self.probes = 0

    def __enter__(self) -> "OnPty":
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self._stopping, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.write(self._stop, b"x")
        self._thread.join()
        for descriptor in (self._master, self._slave, self._stopping, self._stop):
            os.close(descriptor)

    def _serve(self) -> None:
        unread = b""
        while self._stopping not in select.select([self._master, self._stopping], [], [])[0]:
            unread += os.read(self._master, 4096)
            *pieces, unread = unread.split(b'"""')
            for piece in pieces:
                self._react(piece)

    def _react(self, piece: bytes) -> None:
        if piece == b"\x04":
            self.probes += 1
            os.write(self._master, b'>>> """"""\r\n' if self.probes <= self.deaf else b'"""\x04"""\r\n')
        elif piece.startswith(b"{"):
            assert int(piece[-8:], 16) == zlib.crc32(piece[:-8]), piece
            reply = self.reply(piece[:-8])
            crc = b"%08x" % zlib.crc32(reply)
            framed = b'"""' + reply + crc + b'"""' if self.with_crc else reply
            os.write(self._master, self.before_frames + b"\n" + framed + b"\n")


class OnTcp(FakeDevice):
    """HTTP and WebSocket on a port of the loopback; `received` has the bytes of each connection."""

    host = "127.0.0.1"

    def __enter__(self) -> "OnTcp":
        self._listening = socket.create_server((self.host, 0))
        self.port = self._listening.getsockname()[1]
        self.heads: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rwb") as stream:
            head = b"".join(iter(stream.readline, b"\r\n"))
            self.heads.append(head)
            fields = dict(line.split(": ", 1) for line in head.decode().splitlines()[1:])
            if key := fields.get("Sec-WebSocket-Key"):
                self._websocket(stream, key)
            else:
                self._http(stream, fields)

    def _websocket(self, stream: Any, key: str) -> None:
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        stream.write(
            b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: %s\r\n\r\n" % accept.encode()
        )
        stream.flush()
        while head := stream.read(2):
            assert head[1] & 0x80, "a client masks"
            size = head[1] & 0x7F
            if size == 126:
                (size,) = struct.unpack(">H", stream.read(2))
            mask = stream.read(4)
            payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(stream.read(size)))
            if head[0] & 0x0F not in (1, 2):
                return
            reply = self.reply(payload)
            stream.write(b"\x89\x00")  # a ping first: the client has to answer it and go on
            stream.write(bytes([0x81, 126]) + struct.pack(">H", len(reply)) + reply)
            stream.flush()
            assert stream.read(6)[:2] == b"\x8a\x80", "no pong"

    def _http(self, stream: Any, fields: dict[str, str]) -> None:
        body = stream.read(int(fields["Content-Length"]))
        told = fields.get("Authorization", "")
        if self.secret and self._http_response() not in told:
            challenge = f'Digest qop="auth", realm="RPC", nonce="{NONCE}", algorithm=SHA-256'
            stream.write(
                f"HTTP/1.1 401 No\r\nWWW-Authenticate: {challenge}\r\nContent-Length: 0\r\n\r\n".encode()
            )
            return
        secret, self.secret = self.secret, None
        reply = self.reply(body)
        self.secret = secret
        stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(reply), reply))

    def _http_response(self) -> str:
        ha2 = hashlib.sha256(b"POST:/rpc").hexdigest()
        return hashlib.sha256(f"{self.secret}:{NONCE}:00000001:00005eed:auth:{ha2}".encode()).hexdigest()

"""A WebSocket client of bare bytes (RFC 6455), so that it can also send what no library would."""

import base64
import hashlib
import os
import socket
import ssl
import struct
from typing import Any

from foreign_rpc.frames import BadReply, Closed, Silence, parse, text

MOS_PROTOCOL = "clubby.cesanta.com"
MOS_ORIGIN = "https://api.cesanta.com/"
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x37\xfa\x21\x3d"  # the example of RFC 6455
MAX_SHORT, MAX_MEDIUM = 125, 0xFFFF


def frame_bytes(opcode: int, payload: bytes, *, fin: bool = True, mask: bytes = MASK, bits: int = 0) -> bytes:
    """One frame as a client sends it; an empty `mask` leaves it unmasked, `bits` are the reserved ones."""
    size = len(payload)
    first = fin << 7 | bits << 4 | opcode
    masked = bool(mask) << 7
    if size <= MAX_SHORT:
        head = struct.pack(">BB", first, masked | size)
    elif size <= MAX_MEDIUM:
        head = struct.pack(">BBH", first, masked | 126, size)
    else:
        head = struct.pack(">BBQ", first, masked | 127, size)
    return head + mask + (_masked(payload, mask) if mask else payload)


def _masked(payload: bytes, mask: bytes) -> bytes:
    key = (mask * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(len(payload), "big")


class WebSocket:
    """An open WebSocket to `/rpc`. Raises Rejected if the answer to the upgrade isn't 101."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
        origin: str | None = MOS_ORIGIN,
        protocol: str | None = MOS_PROTOCOL,
        timeout: float = 10,
    ) -> None:
        self._unread = b""
        self.socket: socket.socket = socket.create_connection((host, port), timeout)
        try:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls:
                self.socket = tls.wrap_socket(self.socket, server_hostname=server_name or host)
            self._upgrade(f"{host}:{port}", origin, protocol)
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self) -> "WebSocket":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def _upgrade(self, host: str, origin: str | None, protocol: str | None) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(upgrade_request(host, key, origin, protocol))
        status, headers = self._head()
        if status != 101:
            raise Rejected(status, headers)
        expected = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        if headers.get("sec-websocket-accept") != expected:
            raise BadReply(f"not the answer to this key: {headers}")
        if headers.get("sec-websocket-protocol", protocol) != protocol:
            raise BadReply(f"a subprotocol that wasn't asked for: {headers}")

    def _head(self) -> tuple[int, dict[str, str]]:
        while b"\r\n\r\n" not in self._unread:
            self._read_more()
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        return parse_head(head)

    # --- messages

    def exchange(self, frame: dict[str, Any], timeout: float = 10, opcode: int = TEXT) -> dict[str, Any]:
        self.send(text(frame), opcode)
        return self.receive(timeout)

    def send(self, payload: bytes, opcode: int = TEXT) -> None:
        self.send_bytes(frame_bytes(opcode, payload))

    def send_bytes(self, data: bytes) -> None:
        """Anything, with or without sense."""
        try:
            self.socket.sendall(data)
        except (ConnectionError, ssl.SSLError) as error:
            raise Closed(str(error)) from None

    def receive(self, timeout: float = 10) -> dict[str, Any]:
        """The next reply; pings are answered before."""
        while True:
            opcode, payload = self.receive_frame(timeout)
            if opcode in (TEXT, BINARY):
                return parse(payload)
            if opcode == PING:
                self.send(payload, PONG)
            elif opcode == CLOSE:
                raise Closed(f"closed with {payload!r}")

    def receive_frame(self, timeout: float = 10) -> tuple[int, bytes]:
        """Opcode and payload of one frame, which must be final and unmasked."""
        self.socket.settimeout(timeout)
        first, second = self._read(2)
        if first & 0xF0 != 0x80 or second & 0x80:
            raise BadReply(
                f"a frame that is a fragment, masked or has reserved bits: {first:02x} {second:02x}"
            )
        size = second
        if second == 126:
            (size,) = struct.unpack(">H", self._read(2))
        elif second == 127:
            (size,) = struct.unpack(">Q", self._read(8))
        return first & 0x0F, self._read(size)

    def _read(self, size: int) -> bytes:
        while len(self._unread) < size:
            self._read_more()
        data, self._unread = self._unread[:size], self._unread[size:]
        return data

    def _read_more(self) -> None:
        try:
            data = self.socket.recv(65536)
        except TimeoutError:
            raise Silence("nothing came in time") from None
        except (ConnectionError, ssl.SSLError) as error:
            raise Closed(str(error)) from None
        if not data:
            raise Closed(f"the connection ended; unread: {self._unread!r}")
        self._unread += data


class Rejected(Exception):
    """The upgrade was answered with another status than 101."""

    def __init__(self, status: int, headers: dict[str, str]) -> None:
        super().__init__(f"{status} {headers}")
        self.status = status
        self.headers = headers


def upgrade_request(
    host: str, key: str, origin: str | None = MOS_ORIGIN, protocol: str | None = MOS_PROTOCOL
) -> bytes:
    """What asks for a WebSocket on `/rpc`."""
    lines = [
        "GET /rpc HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        *([f"Origin: {origin}"] if origin else []),
        "Sec-WebSocket-Version: 13",
        *([f"Sec-WebSocket-Protocol: {protocol}"] if protocol else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    """Status and headers, whose names become lower case, of an HTTP answer."""
    status_line, *lines = head.decode("latin-1").split("\r\n")
    if not status_line.startswith("HTTP/1."):
        raise BadReply(f"no HTTP: {head!r}")
    headers = (line.partition(":") for line in lines)
    return int(status_line.split(" ")[1]), {name.lower().strip(): value.strip() for name, _, value in headers}

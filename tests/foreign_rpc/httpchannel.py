"""HTTP with a bare socket: one request a connection, as the client does it."""

import socket
import ssl
from dataclasses import dataclass
from typing import Any

from foreign_rpc import digest
from foreign_rpc.frames import BadReply, Closed, Silence, parse, text
from foreign_rpc.websocket import parse_head


@dataclass
class Answer:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes


def request_bytes(method: str, target: str, host: str, body: bytes | None = None, **headers: str) -> bytes:
    """A request; a header's name is written with _ for -."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "User-Agent: Go-http-client/1.1"]
    if body is not None:
        lines += [f"Content-Length: {len(body)}", "Content-Type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


class Http:
    """Where a device's HTTP is."""

    def __init__(
        self, host: str, port: int, *, user: str = "", password: str = "", tls: ssl.SSLContext | None = None
    ) -> None:
        self.host, self.port = host, port
        self._user, self._password = user, password
        self._tls = tls

    def exchange(self, frame: dict[str, Any], timeout: float = 10) -> dict[str, Any]:
        """A whole frame; the digest is answered if there is a password. Anything but 200 is fatal then."""
        answer = self.ask("POST", "/rpc", text(frame), timeout)
        if answer.status != 200:
            raise BadReply(f"HTTP {answer.status}: {answer.body!r}")
        return parse(answer.body)

    def ask(
        self, method: str, target: str, body: bytes | None = None, timeout: float = 10, **headers: str
    ) -> Answer:
        """One request, and a second one with the digest where the first is answered with a challenge."""
        answer = self.ask_once(method, target, body, timeout, **headers)
        if answer.status != 401 or not self._user:
            return answer
        challenge = digest.http_challenge(answer.headers["www-authenticate"])
        told = digest.authorization(challenge, self._user, self._password, method, target)
        return self.ask_once(method, target, body, timeout, Authorization=told, **headers)

    def ask_once(
        self, method: str, target: str, body: bytes | None = None, timeout: float = 10, **headers: str
    ) -> Answer:
        return self.ask_bytes(
            request_bytes(method, target, f"{self.host}:{self.port}", body, **headers), timeout
        )

    def ask_bytes(self, data: bytes, timeout: float = 10) -> Answer:
        """Anything at all, and what is answered."""
        with self.connect(timeout) as connection:
            try:
                connection.sendall(data)
                return read_answer(connection)
            except TimeoutError:
                raise Silence(f"no answer to {data[:80]!r} in {timeout} s") from None
            except (ConnectionError, ssl.SSLError) as error:
                raise Closed(str(error)) from None

    def connect(self, timeout: float = 10) -> socket.socket:
        connection = socket.create_connection((self.host, self.port), timeout)
        return self._tls.wrap_socket(connection, server_hostname=self.host) if self._tls else connection

    def close(self) -> None:
        """Nothing stays open."""


def read_answer(connection: socket.socket) -> Answer:
    """Head and body: as long as Content-Length says, or else up to the end."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection, data)
    head, _, body = data.partition(b"\r\n\r\n")
    status, headers = parse_head(head)
    if "content-length" in headers:
        while len(body) < int(headers["content-length"]):
            body += _more(connection, data)
    else:
        while more := connection.recv(65536):
            body += more
    return Answer(status, headers, body)


def _more(connection: socket.socket, so_far: bytes) -> bytes:
    if not (data := connection.recv(65536)):
        raise Closed(f"the connection ended after {so_far!r}")
    return data

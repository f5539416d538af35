"""The LAN: a frame a message on a WebSocket, over TLS with certificates (wss://) or plain with a password (ws://).

The socket is made, and for wss:// the device recognised, before the WebSocket library gets it. A device closes a
connection on which nothing happens; the next request makes a new one.
"""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import time
from typing import TYPE_CHECKING, Any

from atecc.channels.digest import DEFAULT_USER, answer, challenge_in
from atecc.channels.tcp import dial, peer
from atecc.errors import ArgumentError, ChannelError, ChannelTimeout, ConnectionLost, RefusedError
from atecc.log import traffic

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

    from atecc.channels.address import Address
    from atecc.channels.channel import Access

logger = logging.getLogger(__name__)

UPGRADE_TIMEOUT = 20.0
CLOSE_TIMEOUT = 1.0
LARGEST_REPLY = 1 << 20

LISTENS = {
    "wss": "A device listens for wss:// once it has an identity and trusts an operator: `atecc provision` and "
    "`atecc operator trust`, over USB. `atecc operator list` over USB tells why it does not.",
    "ws": "ws:// is off until its owner switches it on, over USB: `atecc websocket on`.",
}


class WebSocketChannel:
    """A device at a wss:// or ws:// address."""

    def __init__(self, address: Address, access: Access) -> None:
        self._address = address
        self._ask = access.password
        self._password = address.password
        self._tls = None
        if address.scheme == "wss":
            from atecc.channels.pinned import PinnedTls

            self._tls = PinnedTls(access)
        elif access.device or access.device_key:
            raise ArgumentError(
                "--device and --device-key need wss://: over ws:// no device proves who it is."
            )
        self._open = contextlib.ExitStack()
        self._connection: ClientConnection | None = None

    def request(self, frame: bytes, timeout: float) -> bytes:
        traffic(logger, "→", frame)
        reply = self._exchange(frame, timeout)
        if self._tls is None and (challenge := challenge_in(reply)) is not None:
            reply = self._exchange(self._authenticated(frame, challenge), timeout)
            if challenge_in(reply) is not None:
                self._password = None
                raise RefusedError(
                    f"The device at {self._address.place} does not accept this user and password.",
                    "The user stands in the address, ws://USER@HOST (default: admin). `atecc websocket on` over "
                    "USB sets both anew.",
                )
        traffic(logger, "←", reply, frame)
        return reply

    def close(self) -> None:
        self._connection = None
        self._open.close()

    def _exchange(self, frame: bytes, timeout: float) -> bytes:
        from websockets.exceptions import ConnectionClosed

        connection = self._connected()
        try:
            connection.send(frame.decode(), text=True)
            return connection.recv(timeout, decode=False)
        except TimeoutError as error:
            self.close()
            raise ChannelTimeout(
                f"The device at {self._address.place} did not answer within {timeout:.0f} s."
            ) from error
        except ConnectionClosed as error:
            self.close()
            raise ConnectionLost(
                f"The device at {self._address.place} closed the connection before it answered.", "Try again."
            ) from error
        except BaseException:
            self.close()  # Ctrl-C: the answer that is on its way belongs to nobody
            raise

    def _authenticated(self, frame: bytes, challenge: dict[str, Any]) -> bytes:
        if self._password is None and self._ask:
            self._password = self._ask()
        if self._password is None:
            raise RefusedError(
                f"The device at {self._address.place} wants a password.",
                "--ws-password-file FILE holds it; the user stands in the address: ws://USER@HOST.",
            )
        user = self._address.user or DEFAULT_USER
        document = json.loads(frame) | {"auth": answer(challenge, user, self._password)}
        return json.dumps(document, separators=(",", ":")).encode()

    # The connection

    def _connected(self) -> ClientConnection:
        from websockets.protocol import State

        if self._connection is not None and self._connection.state is not State.OPEN:
            logger.info("%s closed the connection; connecting again", self._address)
            self.close()
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> ClientConnection:
        address = self._address
        started = time.monotonic()
        plain = dial(address.host, address.port, LISTENS[address.scheme])
        secure = self._tls.wrap(plain, address) if self._tls else plain
        with contextlib.ExitStack() as undo:
            undo.callback(secure.close)
            connection = self._upgrade(secure)
            undo.pop_all()
        logger.info("connected to %s in %.1f s", address, time.monotonic() - started)
        return connection

    def _upgrade(self, connected: socket.socket) -> ClientConnection:
        from websockets.exceptions import InvalidStatus, WebSocketException
        from websockets.sync.client import connect

        connected.settimeout(None)
        address = self._address
        try:
            opened = connect(
                f"ws://{peer(connected)}{address.path}",
                sock=connected,
                compression=None,
                proxy=None,
                open_timeout=UPGRADE_TIMEOUT,
                close_timeout=CLOSE_TIMEOUT,
                ping_interval=None,
                max_size=LARGEST_REPLY,
                logger=_silent(),
            )
            return self._open.enter_context(opened)
        except TimeoutError as error:
            raise ChannelTimeout(
                f"{address.place} accepts connections, but does not answer within {UPGRADE_TIMEOUT:.0f} s.",
                "A device serves a few callers at a time: try again.",
            ) from error
        except InvalidStatus as error:
            raise _no_websocket(address, error.response.status_code) from error
        except (WebSocketException, EOFError, OSError, ValueError, AssertionError) as error:
            # AssertionError: the library's, when the other side speaks first.
            raise self._broken_off(error) from error

    def _broken_off(self, error: BaseException) -> Exception:
        """Closed before it said a word that makes sense: in TLS 1.3, a refused certificate looks like this too."""
        from websockets.exceptions import ConnectionClosed

        place = self._address.place
        endings = (OSError, EOFError, ConnectionClosed)
        closed = isinstance(error, endings) or isinstance(error.__cause__, endings)
        if self._tls is not None and closed:
            from atecc.channels.pinned import not_accepted

            return not_accepted(place, "it closed the connection after the handshake")
        if closed:
            return ChannelError(
                f"The device at {place} closed the connection at once.", "Try again in a moment."
            )
        return ChannelError(
            f"What listens on {place} does not speak WebSocket.",
            "Is it the device's address, and the right port?",
        )


def _no_websocket(address: Address, status: int) -> ChannelError:
    if status in (401, 403):
        return ChannelError(
            f"{address.place} does not let this computer in (HTTP {status}).", LISTENS[address.scheme]
        )
    if status == 503:
        return ChannelError(f"The device at {address.place} is busy (HTTP 503).", "Try again in a moment.")
    return ChannelError(
        f"What listens on {address.place} has no {address.path} for WebSockets (HTTP {status}).",
        "Is it the device's address, and the right port?",
    )


def _silent() -> logging.Logger:
    """The library would log what the frames hold, secrets included; ours are logged here."""
    quiet = logging.Logger("atecc.websockets", logging.CRITICAL + 1)
    quiet.propagate = False
    return quiet

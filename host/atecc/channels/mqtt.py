"""The field: frames through an MQTT broker, whose policy says who may call which device.

Requests go to `<device>/rpc` with a `src` below `<device>/rpc-resp/`, the reply comes to `<src>/rpc`, all of it with
QoS 1 (firmware/rpc/README.md, "Over MQTT"). The broker is always verified, and wants the operator's certificate.
"""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import secrets
import socket
import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atecc.channels.address import CLIENT_PREFIX
from atecc.channels.tcp import CONNECT_TIMEOUT, why_unreachable
from atecc.errors import ArgumentError, CertificateError, ChannelError, ChannelTimeout, ConnectionLost
from atecc.log import traffic
from atecc.operators.operator import Operator

if TYPE_CHECKING:
    from paho.mqtt.client import Client

    from atecc.channels.address import Address
    from atecc.channels.channel import Access

logger = logging.getLogger(__name__)

KEEPALIVE = 30
QOS = 1

_POLICY = (
    "Does the broker know this operator's certificate, and does its policy allow the client ID and the topics? "
    "`atecc operator policy` prints one for AWS IoT."
)
_LISTENS = "Is that the broker's TLS port? Usual is 8883."

CONNECTED, SUBSCRIBED, MESSAGE, CLOSED = "connected", "subscribed", "message", "closed"


class MqttChannel:
    """A device behind a broker, by its name."""

    def __init__(self, address: Address, access: Access) -> None:
        if access.device_key or access.device not in (None, address.device):
            raise ArgumentError(
                f"The address is that of {address.device}; --device and --device-key are for wss://."
            )
        self._address = address
        self._context = _context(access)
        self._client_id = CLIENT_PREFIX + secrets.token_hex(8)
        self._src = f"{address.device}/rpc-resp/{self._client_id}"
        self._client: Client | None = None
        self._events: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._abandoned: set[Any] = set()

    def request(self, frame: bytes, timeout: float) -> bytes:
        traffic(logger, "→", frame)
        document = json.loads(frame) | {"src": self._src}
        try:
            self._connected()
            reply = self._exchange(document, timeout)
        except BaseException:
            self.close()
            raise
        finally:
            self._abandoned.add(document.get("id"))
        traffic(logger, "←", reply)
        return reply

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.on_disconnect = None
            client.disconnect()
            client.loop_stop()

    def _exchange(self, document: dict[str, Any], timeout: float) -> bytes:
        assert self._client is not None
        topic = f"{self._address.device}/rpc"
        self._client.publish(topic, json.dumps(document, separators=(",", ":")), QOS)
        deadline = time.monotonic() + timeout
        while True:
            reply = self._next(MESSAGE, deadline)
            if reply is None:
                raise ChannelTimeout(
                    f"{self._address.device} did not answer on {self._address.place} within {timeout:.0f} s.",
                    "Is it connected to this broker, under that name? Does its policy let it subscribe to "
                    f"{topic}, and publish below {self._address.device}/rpc-resp/?",
                )
            if _id_of(reply) not in self._abandoned:
                return bytes(reply)
            logger.info("a reply that comes twice or too late is left out")

    # The connection

    def _connected(self) -> None:
        if self._client is not None and not self._client.is_connected():
            logger.info("the connection to %s was closed; connecting again", self._address.place)
            self.close()
        if self._client is None:
            self._events = queue.Queue()
            self._client = self._new_client()
            self._connect()

    def _new_client(self) -> Client:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        events = self._events
        client = Client(CallbackAPIVersion.VERSION2, self._client_id, reconnect_on_failure=False)
        client.tls_set_context(self._context)
        client.connect_timeout = CONNECT_TIMEOUT
        client.on_connect = lambda _c, _u, _f, code, _p: events.put((CONNECTED, code))
        client.on_subscribe = lambda _c, _u, _m, codes, _p: events.put((SUBSCRIBED, codes))
        client.on_message = lambda _c, _u, message: events.put((MESSAGE, message.payload))
        client.on_disconnect = lambda _c, _u, _f, code, _p: events.put((CLOSED, code))
        return client

    def _connect(self) -> None:
        assert self._client is not None
        address, deadline = self._address, time.monotonic() + 2 * CONNECT_TIMEOUT
        try:
            self._client.connect(address.host, address.port, KEEPALIVE)
        except OSError as error:
            raise _why_not(error, address) from error
        self._client.loop_start()
        code = self._next(CONNECTED, deadline)
        if code is None or code.is_failure:
            raise _silent(address) if code is None else _refused(address, str(code))
        self._client.subscribe(f"{self._src}/rpc", QOS)
        codes = self._next(SUBSCRIBED, deadline)
        if codes is None or any(code.is_failure for code in codes):
            raise _silent(address) if codes is None else _refused(address, str(codes[0]))

    def _next(self, kind: str, deadline: float) -> Any:
        """What comes with the next event of this kind; None when time is over."""
        while True:
            try:
                event, value = self._events.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return None
            if event == kind:
                return value
            if event == CLOSED:
                raise _closed(self._address, kind)


def _context(access: Access) -> ssl.SSLContext:
    """Verifies the broker by its name, always; shows the operator's certificate, or the one that is named."""
    try:
        context = ssl.create_default_context(cafile=access.mqtt_ca and str(access.mqtt_ca))
    except OSError as error:
        raise CertificateError(f"{access.mqtt_ca} is no file of CA certificates in PEM.") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    certificate, key = _client_certificate(access)
    try:
        context.load_cert_chain(certificate, key, password=_no_password(key))
    except OSError as error:
        raise CertificateError(
            f"{certificate} and {key} are not a certificate and its key, both in PEM."
        ) from error
    return context


def _client_certificate(access: Access) -> tuple[Path, Path]:
    if access.mqtt_certificate and access.mqtt_key:
        return access.mqtt_certificate, access.mqtt_key
    if access.mqtt_certificate or access.mqtt_key:
        raise ArgumentError("--mqtt-cert and --mqtt-key go together.")
    operator = Operator(access.operator)
    operator.check()
    return operator.certificate_file, operator.key_file


def _no_password(key: Path) -> Any:
    """OpenSSL would ask on the terminal."""

    def ask() -> str:
        raise CertificateError(
            f"The key in {key} has a password: write it to a file of mode 0600 without one."
        )

    return ask


def _why_not(error: OSError, address: Address) -> Exception:
    if isinstance(error, ssl.SSLCertVerificationError):
        return CertificateError(
            f"The broker {address.place} can't be trusted: {error.verify_message or error.reason}. It was not "
            "talked to.",
            "--mqtt-ca FILE (or ATECC_MQTT_CA) names the CA of its certificate; the name must be the one in it.",
        )
    if isinstance(error, ssl.SSLError):
        reason = str(error.reason or "")
        if "ALERT" in reason:
            said = reason.partition("ALERT_")[2].replace("_", " ").lower()
            return CertificateError(
                f"The broker {address.place} broke the TLS handshake off: {said}.", _POLICY
            )
        return ChannelError(f"What listens on {address.place} does not speak TLS.", _LISTENS)
    if isinstance(error, ConnectionResetError):
        return _refused(address, "it broke the TLS handshake off")
    if isinstance(error, socket.timeout | OSError):
        return why_unreachable(error, address.host, address.port, _LISTENS)
    return error


def _refused(address: Address, why: str) -> ChannelError:
    return ChannelError(f"The broker {address.place} does not let this operator in: {why}.", _POLICY)


def _silent(address: Address) -> ChannelError:
    return ChannelTimeout(f"The broker {address.place} accepts connections, but does not answer.", _LISTENS)


def _closed(address: Address, waiting_for: str) -> ChannelError:
    if waiting_for == MESSAGE:
        return ConnectionLost(
            f"The broker {address.place} closed the connection before an answer came.", _POLICY
        )
    if waiting_for == SUBSCRIBED:
        return ChannelError(
            f"The broker {address.place} does not let this operator call {address.device}: it closed the "
            "connection without a word.",
            _POLICY,
        )
    return _refused(address, "it closed the connection without a word")


def _id_of(reply: bytes) -> Any:
    with contextlib.suppress(ValueError, AttributeError, TypeError):
        number = json.loads(reply).get("id")
        return number if isinstance(number, int | str) else None
    return None

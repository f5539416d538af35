"""The field: frames through an MQTT broker, which need not be believed: requests are signed, and so are the replies.

Requests go to `<device>/rpc` with a `src` below `<device>/rpc-resp/`, the reply comes to `<src>/rpc`, all of it with
QoS 1 (firmware/rpc/README.md, "Over MQTT"). The broker is verified all the same, and wants a certificate.
"""

from __future__ import annotations

import json
import logging
import queue
import secrets
import socket
import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atecc.bounded import parse
from atecc.channels.address import CLIENT_PREFIX
from atecc.channels.pinned import KeyCheck
from atecc.channels.tcp import CONNECT_TIMEOUT, why_unreachable
from atecc.errors import ArgumentError, CertificateError, ChannelError, ChannelTimeout, ConnectionLost
from atecc.log import traffic
from atecc.operators.operator import Operator
from atecc.operators.signed import opened

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

# How often a request is sent again with a higher number: another computer with the same key may call as well.
NUMBERS = 3

CONNECTED, SUBSCRIBED, MESSAGE, CLOSED = "connected", "subscribed", "message", "closed"


class MqttChannel:
    """A device behind a broker, by its name."""

    def __init__(self, address: Address, access: Access) -> None:
        if access.device not in (None, address.device):
            raise ArgumentError(f"The address is that of {address.device}, not of {access.device}.")
        operator = Operator(access.operator)
        self._signer = operator.signer(address.device)
        self._keys = KeyCheck(operator, address.device, access.device_key)
        self._address = address
        self._context = _context(access)
        self._client_id = CLIENT_PREFIX + secrets.token_hex(8)
        self._src = f"{address.device}/rpc-resp/{self._client_id}"
        self._client: Client | None = None
        self._events: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._unsigned: bytes | None = None

    def request(self, frame: bytes, timeout: float) -> bytes:
        traffic(logger, "→", frame)
        document = json.loads(frame) | {"src": self._src}
        try:
            self._connected()
            reply = self._exchange(document, timeout)
        except BaseException:
            self.close()
            raise
        traffic(logger, "←", reply, frame)
        return reply

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.on_disconnect = None
            client.disconnect()
            client.loop_stop()

    def _exchange(self, document: dict[str, Any], timeout: float) -> bytes:
        """The reply. If the device has had the number already, nothing was done, and it names the next one."""
        head: dict[str, Any] = {name: document[name] for name in ("id", "src") if name in document}
        frame = json.dumps(document, separators=(",", ":")).encode()
        deadline = time.monotonic() + timeout
        least = 1
        for _ in range(NUMBERS):
            reply = self._signed(head, frame, least, deadline, timeout)
            least = _next_number(reply)
            if not least:
                return reply
            logger.info("the device has had this number: %d is the next one", least)
        return reply

    def _signed(
        self, head: dict[str, Any], frame: bytes, least: int, deadline: float, timeout: float
    ) -> bytes:
        """Send it once, and wait for what the device has signed in answer to that. All else is left out."""
        assert self._client is not None
        payload, digest = self._signer.sign(head, frame, least)
        self._client.publish(f"{self._address.device}/rpc", payload, QOS)
        while True:
            message = self._next(MESSAGE, deadline)
            if message is None:
                raise self._silence(timeout)
            found = opened(bytes(message), digest)
            if found and self._keys.is_wanted(found[1]):
                return found[0]
            self._unsigned = bytes(message)
            logger.info("an answer that the device has not signed, or not for this request, is left out")

    def _silence(self, timeout: float) -> ChannelTimeout:
        device, place = self._address.device, self._address.place
        error = ChannelTimeout(
            f"{device} did not answer on {place} within {timeout:.0f} s.",
            "Does it serve requests over MQTT (`atecc info` over USB shows it), is it connected to this broker, under "
            f"that name? Does its policy let it subscribe to {device}/rpc, and publish below {device}/rpc-resp/?",
        )
        if self._unsigned is not None:
            error.notes.append(
                "Something came that is not signed by a key of this device that is known here, and was left out"
                f"{_said(self._unsigned)}. `atecc operator trust` over USB learns a device's keys."
            )
        return error

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


def _next_number(reply: bytes) -> int:
    """What the device wants as the next number, if that is its answer; else 0."""
    try:
        error = parse(reply).get("error")
        return int(error["next"]) if error and error.get("kind") == "counter" else 0
    except (ValueError, AttributeError, TypeError, KeyError):
        return 0


def _said(payload: bytes) -> str:
    """The error in it, if there is one: it may tell why nobody has signed it."""
    try:
        return f": {parse(payload)['error']['message']!r}"
    except (ValueError, TypeError, KeyError):
        return ""

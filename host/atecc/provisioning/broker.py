"""The broker, looked at from this computer before the chip makes a key: does its certificate fit?"""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import TYPE_CHECKING

from atecc.errors import ArgumentError, NetworkError

if TYPE_CHECKING:
    from cryptography import x509

MQTT_TLS_PORT = 8883
TIMEOUT = 5.0


def parse_broker(text: str, port: int = MQTT_TLS_PORT) -> tuple[str, int]:
    """HOST, HOST:PORT or [IPV6]:PORT."""
    host, colon, digits = text.strip().rpartition(":")
    if not colon or digits.endswith("]"):
        host, digits = text.strip(), str(port)
    host = host.removeprefix("[").removesuffix("]")
    if not host or "/" in host or not digits.isdigit() or not 0 < int(digits) < 65536:
        raise ArgumentError(
            f"{text!r} is not a broker's address.", "Write it as HOST:PORT, for example mqtt.acme.ie:8883."
        )
    return host, int(digits)


def probe(host: str, port: int, ca: list[x509.Certificate], timeout: float = TIMEOUT) -> str:
    """Nothing if the broker's certificate is right, a warning if it can't be reached; else a NetworkError."""
    from atecc.x509.requests import pem

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata="".join(pem(one) for one in ca))
    try:
        with socket.create_connection((host, port), timeout) as plain, contextlib.closing(plain):
            _handshake(context, plain, host, port)
    except ssl.SSLError:
        raise
    except OSError as error:
        reason = error.strerror or str(error) or "no answer"
        return f"This computer can't reach {host}:{port} ({reason}); the board will try for itself."
    return ""


def _handshake(context: ssl.SSLContext, plain: socket.socket, host: str, port: int) -> None:
    try:
        context.wrap_socket(plain, server_hostname=host).close()
    except ssl.SSLCertVerificationError as error:
        raise _verification_error(error, host, port) from error
    except ssl.SSLError as error:
        if error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNEXPECTED_EOF_WHILE_READING"):
            raise NetworkError(
                f"What listens on {host}:{port} does not speak TLS ({error.reason}).",
                "Is it the broker's TLS port?",
            ) from error
        # Anything else comes after the broker's certificate was found good: it wants a client's certificate.


def _verification_error(error: ssl.SSLCertVerificationError, host: str, port: int) -> NetworkError:
    text = error.verify_message
    if "mismatch" in text.lower():
        return NetworkError(
            f"The broker's certificate is for another name than {host}.",
            "Use the name that its certificate carries; the board would refuse it as well.",
        )
    if "expired" in text:
        return NetworkError(f"The certificate of the broker {host}:{port} has expired.")
    return NetworkError(
        f"The certificate of the broker {host}:{port} does not come from the CA that the board would "
        f"trust ({text}).",
        "Give the CA that signed the broker's certificate: --server-ca FILE.",
    )

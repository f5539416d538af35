"""TLS handshakes of a board: a server that lets it in, and what the board does."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from repl import Repl
from simcloud import pki

# What `context_for` needs, and handshake(context, port).
HANDSHAKE_WITH = """
import socket
from binascii import b2a_base64
from identity.context import ClientContext
def handshake(context, port):
    s = socket.socket()
    s.connect(socket.getaddrinfo("127.0.0.1", port)[0][-1])
    secured = context.wrap_socket(s, server_hostname="localhost")
    assert secured.read(2) == b"in"
    secured.close()
"""


@contextmanager
def tls_server(authority: pki.Authority, says: bytes = b"in") -> Iterator[int]:
    """Lets clients with a certificate of this CA in, and says so; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with TemporaryDirectory() as directory:
        identity = pki.server_certificate(Path(directory), authority, "localhost")
        context.load_cert_chain(identity.certificate_file, identity.key_file)
    context.load_verify_locations(cadata=pki.pem(authority.certificate).decode())
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, context, says))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(listener: socket.socket, context: ssl.SSLContext, says: bytes) -> None:
    while True:
        try:
            plain, _ = listener.accept()
        except OSError:
            return
        with suppress(OSError), plain, context.wrap_socket(plain, server_side=True) as secured:
            if says.startswith(b"HTTP"):
                secured.recv(4096)  # closed with a request unread, it would be reset
            secured.sendall(says)


def context_for(repl: Repl, authority: pki.Authority, slot: int) -> str:
    """Code that makes the TLS context of a device with the key in `slot`, where the driver's `chip` is at hand."""
    point = bytes.fromhex(repl.run_in_main(f"print(chip.PublicKey({slot}).hex())").strip())
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + point)
    certificate = authority.sign(key, pki.name(common_name="thing-1"), pki.Validity.days(-1, 30))
    encoded = [each.public_bytes(Encoding.DER) for each in (certificate, authority.certificate)]
    now = datetime.now(UTC)
    clock = (now.year, now.month, now.day, 0, now.hour, now.minute, now.second, 0)
    return (
        f"machine.RTC().datetime({clock!r})\n"
        f"certificate, ca = [b2a_base64(each) for each in {encoded!r}]\n"
        f"record = {{'slot': {slot}, 'chip': chip.config().serial.hex(), 'certificate': certificate, 'cas': [ca]}}\n"
        "context = ClientContext(chip, record, 10)\n"
        "context.check_chip()\n"
    )

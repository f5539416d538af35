"""The jobs as this project's firmware does them, on the simulated board."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import DRIVER, benches
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from repl import Repl
from simcloud import pki
from speed.cost import Cost, TimedChip
from speed.jobs import GENKEY, HANDSHAKE, NONCE, REQUEST, SIGN

SLOT = 2
SETUP = """
import socket
from binascii import b2a_base64
from hashlib import sha256
from identity.context import ClientContext
from identity.store import Store
store = Store(chip, "/identities", (0, 1))
digest = sha256(b"a message").digest()
def handshake(context, port):
    s = socket.socket()
    s.connect(socket.getaddrinfo("127.0.0.1", port)[0][-1])
    secured = context.wrap_socket(s, server_hostname="localhost")
    assert secured.read(2) == b"in"
    secured.close()
"""


@contextmanager
def tls_server(authority: pki.Authority) -> Iterator[int]:
    """Lets clients with a certificate of this CA in, and says so; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with TemporaryDirectory() as directory:
        identity = pki.server_certificate(Path(directory), authority, "localhost")
        context.load_cert_chain(identity.certificate_file, identity.key_file)
    context.load_verify_locations(cadata=pki.pem(authority.certificate).decode())
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, context))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            plain, _ = listener.accept()
        except OSError:
            return
        with suppress(OSError), plain, context.wrap_socket(plain, server_side=True) as secured:
            secured.sendall(b"in")


def _context(repl: Repl, authority: pki.Authority) -> str:
    """Code that makes the TLS context of a device whose certificate is for the key in SLOT."""
    point = bytes.fromhex(repl.run_in_main(f"print(chip.PublicKey({SLOT}).hex())").strip())
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + point)
    certificate = authority.sign(key, pki.name(common_name="thing-1"), pki.Validity.days(-1, 30))
    encoded = [each.public_bytes(Encoding.DER) for each in (certificate, authority.certificate)]
    now = datetime.now(UTC)
    clock = (now.year, now.month, now.day, 0, now.hour, now.minute, now.second, 0)
    return (
        f"machine.RTC().datetime({clock!r})\n"
        f"certificate, ca = [b2a_base64(each) for each in {encoded!r}]\n"
        f"record = {{'slot': {SLOT}, 'certificate': certificate, 'cas': [ca]}}\n"
        "context = ClientContext(chip, record, 10)\n"
    )


def measured(chip: TimedChip) -> dict[str, Cost]:
    """Before the first job the chip is found, no more: what it takes for a command is learned on the way."""
    authority = pki.Authority.root(pki.name(common_name="a CA"))
    with benches() as make, tls_server(authority) as port:
        repl = make(chip).repl

        def cost(code: str) -> Cost:
            return chip.cost(lambda: repl.run_in_main(code))

        repl.run_in_main(DRIVER + SETUP + "chip.Info()")
        costs = {
            GENKEY: cost(f"chip.GenKey({SLOT})"),
            NONCE: cost("chip.Nonce(digest)"),
            SIGN: cost(f"chip.Sign({SLOT}, digest)"),
            REQUEST: cost("store.begin([[['CN', 'thing-1']]])"),
        }
        repl.run_in_main(_context(repl, authority))
        return costs | {HANDSHAKE: cost(f"handshake(context, {port})")}

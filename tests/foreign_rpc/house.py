"""A device on wss:// and who may call it there: certificates of its operators' CA, and of others."""

import os
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench import benches
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from foreign_rpc.frames import Closed
from foreign_rpc.mos import Mos
from foreign_rpc.rpcbench import HOST, Device, until
from foreign_rpc.websocket import WebSocket
from simcloud.pki import Authority, Validity, name, pem, private_pem, write_secret

SIGN = 0x41
MARK = x509.ObjectIdentifier("2.25.274449194123620572914822031769018701066")
OPERATOR = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, MARK]), False)
PATIENCE_S = 20.0


@dataclass
class House:
    """A device that listens on wss://, and the CAs around it."""

    device: Device
    device_ca: Authority
    operators: Authority
    directory: Path

    def context(
        self, authority: Authority | None = None, days: tuple[int, int] = (-1, 10), *usages: tuple
    ) -> ssl.SSLContext:
        """A caller's side; without an authority it has no certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=pem(self.device_ca.certificate).decode())
        if authority:
            key = ec.generate_private_key(ec.SECP256R1())
            extensions = tuple(usage for usage in usages or (OPERATOR,) if usage)
            certificate = authority.sign(
                key.public_key(), name(common_name="operator"), Validity.days(*days), extensions
            )
            files = self.directory / "caller.crt.pem", self.directory / "caller.key.pem"
            files[0].write_bytes(pem(certificate, *authority.chain))
            write_secret(files[1], private_pem(key))
            context.load_cert_chain(*files)
        return context

    def connect(self, context: ssl.SSLContext) -> Mos:
        """Once there is a place: handshakes are few."""
        return Mos(
            WebSocket(HOST, self.device.wss_port, tls=context, server_name="wss-device", timeout=PATIENCE_S)
        )

    def connect_in_the_end(self, context: ssl.SSLContext) -> Mos:
        """Where too many failed before, one is let wait, or sent away."""

        def attempt() -> Mos | None:
            try:
                return self.connect(context)
            except (Closed, OSError):
                time.sleep(0.2)
                return None

        return until(attempt, "an operator gets in", PATIENCE_S)

    @property
    def sockets(self) -> int:
        """How many the device has open, that of its chip among them."""
        found = 0
        for each in Path(f"/proc/{self.device.bench.board.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # it was closed meanwhile
                found += os.readlink(each).startswith("socket:")
        return found

    @property
    def signatures(self) -> int:
        return self.device.chip.commands.count(SIGN)


@contextmanager
def listening(folder: Path) -> Iterator[House]:
    with benches() as make:
        made = House(
            Device(make(preset="tls", locked=True)),
            Authority.root(name(common_name="Device CA")),
            Authority.root(name(common_name="Operators CA")),
            folder,
        )
        made.device.open_wss(made.device_ca, made.operators)
        yield made

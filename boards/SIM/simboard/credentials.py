"""Who is who on a bench: a CA and an operator in files, and the identity that a board gets from that CA.

It gets it as a user gives it one: over its serial port, with the host tool's own code. Its MQTT broker runs as long as
the board does.
"""

from contextlib import ExitStack
from pathlib import Path

from atecc.device import Device
from atecc.device.replies import Stored
from atecc.operators.operator import Names, Operator
from atecc.provisioning.authority import Target, Wish
from atecc.provisioning.local import LocalAuthority
from atecc.provisioning.trust import introduce
from atecc.provisioning.workflow import Provisioning
from atecc.x509.authority import LocalCA
from atecc.x509.requests import der
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate
from simcloud import pki
from simcloud.broker import MQTT_TLS_PORT, Broker, free_address

from simboard.tcpport import LOOPBACK

NAME = "bench-board"
DAYS = 365


class Credentials:
    """Files under `directory`; CA and operator are used again if they are there."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ca_file = directory / "ca.crt.pem"
        self.device_file = directory / "device.crt.pem"
        self.operator = Operator(directory / "operator")
        self.name = NAME
        self._ca_key_file = directory / "ca.key.pem"

    def prepare(self) -> None:
        """What needs no board."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._ca_key_file.exists():
            root = pki.Authority.root(pki.name(common_name="bench CA"))
            self.ca_file.write_bytes(pki.pem(root.certificate))
            pki.write_secret(self._ca_key_file, pki.private_pem(root.key))
        if not self.operator.exists:
            self.operator.make(Names("bench"))
        self.operator.check()

    def join(self, device: Device, stack: ExitStack) -> None:
        """An identity for the board, with its broker in `stack`; nobody is introduced."""
        ca = self._load_ca()
        broker = stack.enter_context(self._broker(ca, free_address()))
        self._provision(device, ca, broker.address)

    def give(self, device: Device, stack: ExitStack) -> None:
        """An identity for the board, if it has none, with its broker in `stack`; operator and board are introduced."""
        ca = self._load_ca()
        status = device.identity_status()
        if status.active is None:
            self.join(device, stack)
        elif device.stored(status.active).ca == [der(ca.certificate)]:
            stack.enter_context(self._broker(ca, status.identities[status.active].endpoint or LOOPBACK))
        self._write_device_certificate(device)
        # The name is the bench's, whichever chip is on it today.
        self.name = introduce(device, self.operator, replace=True).name

    def renew(self, device: Device) -> None:
        """Another key and certificate for a board that has an identity, as an operator does it from afar."""
        status = device.identity_status()
        self._provision(device, self._load_ca(), status.identities[status.active or ""].endpoint or LOOPBACK)

    def _load_ca(self) -> LocalCA:
        return LocalCA.load(self.ca_file, self._ca_key_file, lambda question: b"")

    def _broker(self, ca: LocalCA, address: str) -> Broker:
        """One that lets devices and operators of this bench in."""
        folder = self.directory / "broker"
        folder.mkdir(exist_ok=True)
        server = pki.server_certificate(folder, _as_authority(ca), address)
        clients = folder / "clients.pem"
        clients.write_bytes(pki.pem(ca.certificate, self.operator.ca()))
        return Broker(folder, server, clients, address=address)

    def _provision(self, device: Device, ca: LocalCA, broker: str) -> None:
        target = Target(NAME, NAME, broker, MQTT_TLS_PORT, [ca.certificate])
        wish = Wish([[("CN", NAME)]], [f"IP:{LOOPBACK}"], _which_key(device))
        Provisioning(device, LocalAuthority(ca, DAYS, target, check_broker=False), wish).run()

    def _write_device_certificate(self, device: Device) -> None:
        active = device.identity_status().active
        stored: Stored = device.stored(active or "")
        certificate = load_der_x509_certificate(stored.certificate)
        self.device_file.write_bytes(certificate.public_bytes(Encoding.PEM))


def _as_authority(ca: LocalCA) -> pki.Authority:
    return pki.Authority(ca.key, ca.certificate)


def _which_key(device: Device) -> str:
    """A chip that brought a key along keeps it."""
    status = device.identity_status()
    slot = status.identities[status.idle].slot
    brought = slot is not None and device.key_info(slot).in_use == "unknown"
    return "existing" if brought else "new"

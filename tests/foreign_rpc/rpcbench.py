"""A simulated board with everybody who talks to it."""

import base64
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import Bench
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from foreign_rpc import digest
from foreign_rpc.httpchannel import Http
from foreign_rpc.mos import Mos, b64
from foreign_rpc.rawrepl import RawRepl
from foreign_rpc.serialchannel import SerialChannel
from foreign_rpc.websocket import WebSocket
from ports import free_port
from simcloud.pki import Authority, Validity, name

HOST = "127.0.0.1"
CONTRACT = Path(__file__).parents[2] / "firmware/rpc/README.md"
PATIENCE_S = 30.0
USER, PASSWORD = "admin", "correct horse"


def until(condition: Callable[[], Any], what: str, patience: float = PATIENCE_S) -> Any:
    """Wait for a true value, and return it."""
    deadline = time.monotonic() + patience
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {patience} s: {what}"
        time.sleep(0.01)
    return value


@dataclass(frozen=True)
class Method:
    """A row of the contract's table."""

    name: str
    mark: str
    required: tuple[str, ...]
    optional: tuple[str, ...]


def contract() -> dict[str, Method]:
    """The methods that the contract names."""
    rows = re.findall(r"^\| `([A-Z]\w+\.[A-Z]\w+)`(?: \*\*(\w)\*\*)? \| (.*?) \|", CONTRACT.read_text(), re.M)
    return {row[0]: _method(*row) for row in rows}


def _method(method: str, mark: str, parameters: str) -> Method:
    named = re.findall(r"`(\w+)(\??)`", re.sub(r"\(.*?\)", "", parameters))
    return Method(
        method,
        mark,
        tuple(parameter for parameter, optional in named if not optional),
        tuple(parameter for parameter, optional in named if optional),
    )


@dataclass
class Device:
    """A board, its owner on the USB cable, and those who come over the network."""

    bench: Bench
    ws_port: int = 0
    wss_port: int = 0

    @property
    def port(self) -> str:
        return self.bench.board.port

    @property
    def chip(self) -> Any:
        return self.bench.chip

    def owner(self) -> Mos:
        """Over the raw REPL; to be closed before anybody else uses the port."""
        return Mos(RawRepl(self.port))

    def serial(self) -> Mos:
        return Mos(SerialChannel(self.port))

    def asks(self, method: str, params: Any = None) -> Any:
        """One call of the owner's."""
        with self.owner() as owner:
            return owner.call(method, params)

    # --- the plain network

    def open_ws(self, *, bench: bool = True, password: str | None = None) -> None:
        """Switch `ws://` on: for everybody while the bench permission is on, or for who has the password."""
        self.ws_port = free_port()
        secret = {"username": USER, "ha1": digest.ha1(USER, password)} if password else {}
        with self.owner() as owner:
            owner.call("Access.Bench", {"on": bench})
            owner.call("Access.WebSocket", {"enable": True, "port": self.ws_port, **secret})
            until(
                lambda: owner.call("Access.Status")["ws"]["listening"],
                f"ws:// listens on port {self.ws_port}",
            )

    def websocket(self, **options: Any) -> WebSocket:
        return WebSocket(HOST, self.ws_port, **options)

    def ws(self, user: str = "", password: str = "") -> Mos:
        return Mos(self.websocket(), user, password)

    def http(self, user: str = "", password: str = "") -> Http:
        return Http(HOST, self.ws_port, user=user, password=password)

    # --- the network with TLS

    def open_wss(self, device_ca: Authority, operators: Authority) -> None:
        """Give the device an identity by `device_ca`, and have it trust the callers of `operators`."""
        self.wss_port = free_port()
        with self.owner() as owner:
            owner.call("Sys.SetTime", {"time": int(time.time())})
            owner.call(
                "Config.Set", {"config": {"rpc": {"wss": {"port": self.wss_port}}, "mqtt": {"enable": False}}}
            )
            give_identity(owner, device_ca, "wss-device")
            owner.call("Access.Trust", {"ca": b64(der(operators.certificate))})
            until(
                lambda: owner.call("Access.Status")["wss"]["listening"],
                f"wss:// listens on port {self.wss_port}",
            )

    def uptime(self) -> float:
        return float(self.asks("Sys.GetInfo")["uptime"])


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def give_identity(
    owner: Mos, ca: Authority, device: str, endpoint: str = "broker.invalid", port: int = 8883
) -> None:
    """An active identity, untried, whose certificate `ca` signs."""
    begun = owner.call("Identity.Begin", {"subject": [[["CN", device]]]})
    point = bytes.fromhex("04") + base64.b64decode(begun["pubkey"])
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    certificate = ca.sign(key, name(common_name=device), Validity.days(-1, 365), server_names(device))
    owner.call(
        "Identity.Stage",
        {
            "token": begun["token"],
            "certificate": b64(der(certificate)),
            "ca": [b64(der(ca.certificate))],
            "name": device,
            "client_id": device,
            "endpoint": endpoint,
            "port": port,
        },
    )
    owner.call("Identity.Commit", {"token": begun["token"], "untried": True})


def server_names(device: str) -> tuple[tuple[x509.ExtensionType, bool], ...]:
    return ((x509.SubjectAlternativeName([x509.DNSName(device)]), False),)


def alive(mos: Mos, before: float = 0.0) -> float:
    """The device's uptime, which has grown since `before`: it was not reset."""
    uptime = float(mos.call("Sys.GetInfo")["uptime"])
    assert uptime >= before, f"the device was reset: up {uptime} s, before {before} s"
    return uptime

"""The whole path on an emulated ESP32-C3: `make firmware-test`. Without a firmware for it these are no tests at all.

QEMU has no I2C and no Wi-Fi: the chip is simulated, at the port that ESP32_QEMU_C3/board.py names, and the network is
QEMU's own.
"""

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from atecc.channels.serial import SerialChannel
from atecc.device import Device
from atecc.errors import AteccError
from boards.places import ROOT, Board
from ports import free_port
from qemu import Emulated
from simchip import Chip
from simchip.clock import RealClock
from simchip.server import Server, parse_endpoint
from simcloud import pki
from simcloud.broker import MQTT_TLS_PORT, Broker
from user import User

IMAGE = os.environ.get("QEMU_IMAGE", "")
# The computer as the board sees it, and the port of its chip: other ones where QEMU itself is played.
HOST = os.environ.get("QEMU_HOST", "10.0.2.2")
BUS = int(os.environ.get("QEMU_BUS", Board(ROOT / "boards/ESP32_QEMU_C3").py.BUS[1]))
collect_ignore_glob = [] if IMAGE else ["test_*"]
START_ATTEMPTS = 6


@dataclass
class Bench:
    """An emulated board with a blank chip, a user at its cable, a CA, and a broker that trusts it."""

    user: User
    folder: Path
    broker: str
    forwarded: int
    name: str = "emulated"

    def provision(self, *more: str | Path) -> None:
        self.user.succeeds(
            "provision", "ca", "--ca-cert", self.folder / "ca.crt", "--ca-key", self.folder / "ca.key",
            "--subject", f"/CN={self.name}", "--san", "IP:127.0.0.1", "--days", "365",
            "--broker", f"{self.broker}:{MQTT_TLS_PORT}", "--no-broker-check", *more,
        )  # fmt: skip


@pytest.fixture(scope="session")
def chip() -> Iterator[Chip]:
    """A blank one."""
    chip = Chip(clock=RealClock())
    server = Server(chip, parse_endpoint(f"tcp:127.0.0.1:{BUS}"))
    threading.Thread(target=server.serve).start()
    yield chip
    server.stop()


@pytest.fixture(scope="session")
def bench(chip: Chip, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder, forwarded = tmp_path_factory.mktemp("emulated"), free_port()
    root = pki.Authority.root(pki.name(common_name="bench CA"))
    (folder / "ca.crt").write_bytes(pki.pem(root.certificate))
    pki.write_secret(folder / "ca.key", pki.private_pem(root.key))
    server = pki.server_certificate(folder, root, HOST)
    path = os.environ.get("QEMU_PATH") or None
    # QEMU leads 10.0.2.2 to the loopback.
    local = HOST if HOST.startswith("127.") else "127.0.0.1"
    with (
        Broker(folder, server, folder / "ca.crt", address=local),
        Emulated(Path(IMAGE), folder, forwarded, path) as board,
    ):
        wait_for(board.port)
        yield Bench(User(board.port, {"ATECC_OPERATOR_DIR": str(folder / "me")}), folder, HOST, forwarded)


def wait_for(port: str) -> None:
    """Until the board answers: it makes its file system first."""
    for left in reversed(range(START_ATTEMPTS)):
        try:
            with Device(SerialChannel(port)) as device:
                device.info()
                return
        except AteccError as error:
            if not left:
                pytest.exit(f"{error.message} {error.hint}", 3)

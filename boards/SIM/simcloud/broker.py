"""Debian's mosquitto as a process: mutual TLS on one loopback address, nothing kept, everything logged."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import randbelow

from simcloud.pki import ServerIdentity

MQTT_TLS_PORT = 8883
BUILD = Path(__file__).parents[3] / "build"
START_SECONDS, STOP_SECONDS = 10.0, 5.0
TRUSTING = ("allow_anonymous true",)  # a name and a password besides the certificate, that is


class BrokerError(Exception):
    """Why there is no broker."""


@dataclass(frozen=True)
class Plugin:
    """plugin.c, built, and the open socket on which it asks."""

    file: Path
    socket: int


class Broker:
    """`with Broker(directory, server, client_ca_file):` runs one; clients need a certificate by that CA.

    Without a plugin the broker is a plain one: whoever has a certificate may use every topic. `extra` lines go to
    the end of its configuration.
    """

    def __init__(
        self,
        directory: Path,
        server: ServerIdentity,
        client_ca_file: Path,
        *,
        address: str = "127.0.0.1",
        port: int = MQTT_TLS_PORT,
        plugin: Plugin | None = None,
        extra: Sequence[str] = (),
        build: Path = BUILD,
    ) -> None:
        self.address = address
        self.port = port
        self.log_file = directory / "mosquitto.log"
        self._configuration_file = directory / "mosquitto.conf"
        self._configuration = [
            *general(self.log_file),
            *listener(address, port, server, client_ca_file),
            *(asking(plugin) if plugin else TRUSTING),
            *extra,
        ]
        self._pass_fds = (plugin.socket,) if plugin else ()
        self._root = build / "debian"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = self._root / "usr/sbin/mosquitto"
        if not program.exists():
            raise BrokerError(f"there is no {program}: `make mosquitto` puts it there")
        self._configuration_file.write_text("".join(f"{line}\n" for line in self._configuration))
        with open(self.log_file, "wb") as log:  # what mosquitto says before it opens its log goes there too
            # setpriv: if this process is killed, the broker goes with it.
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", program, "-c", self._configuration_file],
                env={**os.environ, "LD_LIBRARY_PATH": library_path(self._root)},
                pass_fds=self._pass_fds,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self._wait_until_running()
        except BrokerError:
            self.stop()
            raise

    def _wait_until_running(self) -> None:
        assert self._process
        deadline = time.monotonic() + START_SECONDS
        while " running" not in self.log():
            if self._process.poll() is not None:
                raise BrokerError(f"mosquitto ended at once: {self.log().strip() or 'it logged nothing'}")
            if time.monotonic() > deadline:
                raise BrokerError(f"mosquitto isn't ready after {START_SECONDS:.0f} s: {self.log().strip()}")
            time.sleep(0.01)

    def stop(self) -> None:
        """Also of a broker that has ended or never started."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def log(self) -> str:
        """All that mosquitto has logged so far."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def __enter__(self) -> "Broker":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def general(log_file: Path) -> list[str]:
    return [
        "user root",  # don't become another user when root starts it; means nothing to anybody else
        "persistence false",
        "sys_interval 0",
        "check_retain_source false",
        f"log_dest file {log_file}",
        "log_type all",
        "log_timestamp_format %Y-%m-%dT%H:%M:%S",
    ]


def listener(address: str, port: int, server: ServerIdentity, client_ca_file: Path) -> list[str]:
    return [
        f"listener {port} {address}",
        f"certfile {server.certificate_file}",
        f"keyfile {server.key_file}",
        f"cafile {client_ca_file}",
        "require_certificate true",
    ]


def asking(plugin: Plugin) -> list[str]:
    return [f"plugin {plugin.file}", f"plugin_opt_socket {plugin.socket}"]


def library_path(root: Path) -> str:
    found = [
        str(path) for pattern in ("usr/lib/*-linux-gnu*", "lib/*-linux-gnu*") for path in root.glob(pattern)
    ]
    return os.pathsep.join([*found, *filter(None, [os.environ.get("LD_LIBRARY_PATH")])])


def free_address(port: int = MQTT_TLS_PORT) -> str:
    """A loopback address on which nobody listens at `port`."""
    for _ in range(100):
        address = f"127.{1 + randbelow(254)}.{randbelow(256)}.{1 + randbelow(254)}"
        with socket.socket() as probe:
            if probe.connect_ex((address, port)):
                return address
    raise BrokerError(f"no loopback address with a free port {port} was found")

"""A device that serves signed requests over MQTT, on a broker without any rules."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import benches
from cryptography.hazmat.primitives.asymmetric import ec
from foreign_rpc.frames import Silence, check, request
from foreign_rpc.mos import b64
from foreign_rpc.mqttchannel import MqttChannel
from foreign_rpc.rpcbench import HOST, Device, der, free_port, give_identity, until
from foreign_rpc.signed.signing import Operator, SignedChannel
from simcloud.broker import Broker
from simcloud.pki import Authority, Validity, name, pem, private_pem, server_certificate, write_secret

NAME = "through-mqtt"
VERIFY = 0x45
SHORT_S = 2.0


@dataclass
class Street:
    """A device that serves signed requests, its broker, at which everybody may do everything, and its operators' CA."""

    device: Device
    broker: Broker
    ca: Authority
    operators: Authority
    folder: Path
    _channels: list[MqttChannel] = field(default_factory=list)

    def channel(self, who: str = "mos-1") -> MqttChannel:
        """Anybody at the broker."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.ca.sign(key.public_key(), name(common_name=who), Validity.days(-1, 10))
        files = self.folder / f"{who}.crt.pem", self.folder / f"{who}.key.pem"
        files[0].write_bytes(pem(certificate))
        write_secret(files[1], private_pem(key))
        made = MqttChannel(
            HOST,
            self.broker.port,
            NAME,
            ca=self.folder / "ca.pem",
            certificate=files[0],
            key=files[1],
            name=who,
        )
        self._channels.append(made)
        return made

    def close(self) -> None:
        while self._channels:
            self._channels.pop().close()

    def operator(self, *args: Any, **options: Any) -> SignedChannel:
        operator = Operator(self.operators, *args, **options)
        return SignedChannel(self.channel(f"op-{os.urandom(4).hex()}"), operator)

    def configure(self, **mqtt: bool) -> None:
        self.device.asks("Config.Set", {"config": {"rpc": {"mqtt": mqtt}}, "save": True})

    def rest(self) -> None:
        """A quiet while, of the device's own time: what is allowed to strangers is so again."""
        with self.device.owner() as owner:
            owner.channel.run("import time; time.sleep(10)")

    def listening(self) -> dict[str, Any]:
        return self.device.asks("Access.Status")["mqtt"]

    @property
    def verifications(self) -> int:
        return self.device.chip.commands.count(VERIFY)


@contextmanager
def on_the_street(folder: Path) -> Iterator[Street]:
    ca, operators = (Authority.root(name(common_name=f"{whose} CA")) for whose in ("Devices", "Operators"))
    (folder / "ca.pem").write_bytes(pem(ca.certificate))
    server = server_certificate(folder, ca, HOST)
    with benches() as make, Broker(folder, server, folder / "ca.pem", port=free_port()) as broker:
        device = Device(make(preset="tls", locked=True))
        street = Street(device, broker, ca, operators, folder)
        with device.owner() as owner:
            owner.call("Sys.SetTime", {"time": int(time.time())})
            give_identity(owner, ca, NAME, HOST, broker.port)
            owner.call("Access.Trust", {"ca": b64(der(operators.certificate))})
            owner.call("Config.Set", {"config": {"rpc": {"mqtt": {"enable": True}}}, "save": True})
            owner.call("MQTT.Connect")
        yield street
        street.close()


def ask(channel: Any, method: str = "Sys.GetInfo", params: Any = None, **more: Any) -> Any:
    """The result, whatever the channel does with the frame."""
    asked = request(method, params, src=channel.src)
    return check(channel.exchange(asked, **more), asked)


def uptime(channel: Any) -> float:
    """Of the device, as soon as it answers. Not over its cable: there a start can be broken off."""

    def attempt() -> Any:
        try:
            return ask(channel, timeout=SHORT_S)
        except Silence:
            return None

    return float(until(attempt, "the device answers over MQTT")["uptime"])

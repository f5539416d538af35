"""A device in the field gets a new key and certificate without a cable; no message that was acknowledged is lost."""

import ssl
import threading
import time

import paho.mqtt.client as paho
import pytest
from atecc.channels import Access, open_channel
from atecc.device import Device
from atecc.errors import AteccError
from cryptography.hazmat.primitives.serialization import Encoding
from openssl import EC, make_ca, sh
from ports import free_port
from simcloud.broker import Broker, free_address
from simcloud.pki import Authority, name, server_certificate

TOPIC = "to/linked"


class Field:
    """A provisioned device that trusts an operator, its broker, and whoever else has a certificate for that."""

    def __init__(self, user, broker, folder):
        self.user = user
        self.broker = broker
        self.folder = folder
        self.operator = folder / "operator"
        self.wss_port = free_port()
        user.environment |= {
            "ATECC_OPERATOR_DIR": str(self.operator),
            "ATECC_MQTT_CERT": str(folder / "op.crt"), "ATECC_MQTT_KEY": str(folder / "op.key"),
            "ATECC_MQTT_CA": str(folder / "root.crt"),
        }  # fmt: skip
        self.certify("op")
        self.certify("other")
        self.provision()
        user.succeeds("operator", "init")
        user.succeeds("operator", "trust")
        user.succeeds("config", "set", f"rpc.wss.port={self.wss_port}")

    def certify(self, who):
        """A key and a certificate of the broker's clients' CA: who.key, who.crt."""
        sh(
            f"openssl req {EC} -keyout {who}.key -subj /CN={who} -out {who}.csr\n"
            f"openssl x509 -req -in {who}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 9 -out {who}.crt",
            self.folder,
        )

    def provision(self, *more):
        ca = ("--ca-cert", self.folder / "ca.crt", "--ca-key", self.folder / "ca.key", "--days", "5")
        server = f"{self.broker.address}:{self.broker.port}"
        broker = ("--broker", server, "--server-ca", self.folder / "root.crt")
        return self.user.succeeds("provision", "ca", *ca, "--subject", "/CN=linked", *broker, *more)

    def address(self, scheme):
        if scheme == "wss":
            return f"wss://127.0.0.1:{self.wss_port}"
        return f"mqtts://{self.broker.address}:{self.broker.port}/linked"

    def device(self, scheme):
        """The device's RPC by that way, through the library under the command line."""
        cert, key, ca = (self.folder / file for file in ("op.crt", "op.key", "root.crt"))
        access = Access(operator=self.operator, mqtt_certificate=cert, mqtt_key=key, mqtt_ca=ca)
        return Device(open_channel(self.address(scheme), access))

    def client(self, **callbacks):
        """Somebody else at the broker, connected."""
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
        client.tls_set(
            self.folder / "root.crt", self.folder / "other.crt", self.folder / "other.key",
            tls_version=ssl.PROTOCOL_TLS_CLIENT,
        )  # fmt: skip
        for what, callback in callbacks.items():
            setattr(client, what, callback)
        client.connect(self.broker.address, self.broker.port)
        client.loop_start()
        return client


@pytest.fixture
def field(user, tmp_path):
    make_ca(tmp_path)
    root = Authority.root(name(common_name="Broker's root"))
    (tmp_path / "root.crt").write_bytes(root.certificate.public_bytes(Encoding.PEM))
    host = free_address()
    identity = server_certificate(tmp_path, root, host)
    with Broker(tmp_path, identity, tmp_path / "ca.crt", address=host) as broker:
        yield Field(user, broker, tmp_path)


class Sender:
    """Sends numbers to the device, one after the other, and knows which ones the broker has acknowledged."""

    def __init__(self, field):
        self._acknowledged = set()
        self._numbers = {}
        self._client = field.client(on_publish=self._published)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def _published(self, _client, _data, mid, *_rest):
        self._acknowledged.add(mid)

    def _send(self):
        number = 0
        while not self._stop.wait(0.05):
            self._numbers[self._client.publish(TOPIC, str(number), qos=1).mid] = number
            number += 1

    def stop(self):
        """Stop, and wait for what is on its way; the numbers that were acknowledged."""
        self._stop.set()
        self._thread.join()
        deadline = time.monotonic() + 10
        while len(self._acknowledged) < len(self._numbers) and time.monotonic() < deadline:
            time.sleep(0.02)
        self._client.disconnect()
        self._client.loop_stop()
        return {self._numbers[mid] for mid in self._acknowledged}


class Talker:
    """Has the device publish numbers, and knows which ones it says were published."""

    def __init__(self, field, scheme):
        self.published = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._talk, args=(field, scheme), daemon=True)
        self._thread.start()

    def _talk(self, field, scheme):
        number = 0
        with field.device(scheme) as device:
            while not self._stop.wait(0.1):
                number += 1
                try:
                    device.publish("from/linked", str(number))
                except AteccError:
                    continue  # while the identity changes: it was not acknowledged, so nobody counts on it
                self.published.add(number)

    def stop(self):
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive(), "a request to the device never ended"
        return self.published


def received(device):
    """Every number the device has got, up to a silence."""
    numbers = set()
    while message := device.receive(timeout=2):
        numbers.add(int(message.message))
    return numbers


@pytest.mark.parametrize("scheme", ["wss", "mqtts"])
def test_a_new_key_and_certificate_without_a_cable(field: Field, scheme: str) -> None:
    heard = set()
    listener = field.client(on_message=lambda _client, _data, message: heard.add(int(message.payload)))
    listener.subscribe("from/linked", qos=1)
    with field.device("wss") as device:
        before = device.identity_status()
        device.subscribe(TOPIC)
    sender = Sender(field)
    talker = Talker(field, "wss")

    said = field.provision("--port", field.address(scheme), "--timeout", "30")

    with field.device("wss") as device:
        after = device.identity_status()
        assert after.active != before.active
        assert after.identities[after.active].sha256 != before.identities[before.active].sha256
        assert after.identities[after.active].slot != before.identities[before.active].slot
        spoken = talker.stop()
        acknowledged = sender.stop()
        assert acknowledged
        assert acknowledged - received(device) == set()
    deadline = time.monotonic() + 10
    while spoken - heard and time.monotonic() < deadline:
        time.sleep(0.05)
    assert spoken - heard == set()
    assert len(spoken) > 2
    assert "linked" in said.out + said.err
    listener.disconnect()
    listener.loop_stop()

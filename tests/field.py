"""A device out of reach: provisioned, trusting an operator, on a broker where others are too."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import paho.mqtt.client as paho
from atecc.channels import Access, open_channel
from atecc.device import Device
from cryptography.hazmat.primitives.serialization import Encoding
from openssl import EC, make_ca, sh
from ports import free_port
from simcloud.broker import Broker, free_address
from simcloud.pki import Authority, name, server_certificate


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
        user.succeeds("config", "set", f"rpc.wss.port={self.wss_port}", "rpc.mqtt.enable=true")

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
        return self.user.succeeds(
            "provision", "ca", *ca, "--subject", "/CN=linked", *broker, "--renew", *more
        )

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


@contextmanager
def in_the_field(user, folder) -> Iterator[Field]:
    """Provision the board of `user` on a broker of its own; files are made in `folder`."""
    make_ca(folder)
    root = Authority.root(name(common_name="Broker's root"))
    (folder / "root.crt").write_bytes(root.certificate.public_bytes(Encoding.PEM))
    host = free_address()
    identity = server_certificate(folder, root, host)
    with Broker(folder, identity, folder / "ca.crt", address=host) as broker:
        yield Field(user, broker, folder)

"""A device from afar: a user types the same commands as over USB, and the real device answers, on every channel."""

from pathlib import Path

import pytest
from openssl import make_ca
from simboard.tcpport import TcpPort
from simcloud.broker import Broker, free_address
from simcloud.pki import Authority, name, pem, server_certificate

PROVISION = ["--ca-cert", "x", "--ca-key", "x", "--subject", "/CN=x", "--days", "1", "--broker", "x"]
PASSWORD = "a password for the bench"


class Afar:
    """A user with a provisioned board, a broker that trusts the operator as well, and ports for the board."""

    def __init__(self, user, folder: Path, broker_host: str, wss: int, ws: int):
        self.user = user
        self.folder = folder
        self.wss = ["--port", f"wss://127.0.0.1:{wss}"]
        self.ws = ["--port", f"ws://127.0.0.1:{ws}", "--ws-password-file", folder / "ws.password"]
        self.mqtts = ["--port", f"mqtts://{broker_host}/sensor-1", "--mqtt-ca", folder / "root.crt"]
        self.broker = f"{broker_host}:8883"
        self.ports = wss, ws

    def provision(self, *more):
        return self.user.succeeds(
            "provision", "ca", "--ca-cert", self.folder / "ca.crt", "--ca-key", self.folder / "ca.key", "--subject",
            "/CN=sensor-1", "--days", "5", "--broker", self.broker, "--server-ca", self.folder / "root.crt", *more,
        )  # fmt: skip

    def serial(self, *where):
        return self.user.succeeds("info", "--json", *where).json["chip"]["serial"]


@pytest.fixture
def afar(user, tmp_path):
    user.environment["XDG_CONFIG_HOME"] = str(tmp_path)
    user.succeeds("operator", "init")
    make_ca(tmp_path)
    (tmp_path / "ws.password").write_text(PASSWORD)
    root = Authority.root(name(common_name="Broker's root"))
    (tmp_path / "root.crt").write_bytes(pem(root.certificate))
    callers = tmp_path / "callers.crt"
    callers.write_text(
        (tmp_path / "ca.crt").read_text() + (tmp_path / "atecc/operator/ca.crt.pem").read_text()
    )
    host = free_address()
    with (
        TcpPort() as wss,
        TcpPort() as ws,
        Broker(tmp_path, server_certificate(tmp_path, root, host), callers, address=host),
    ):
        made = Afar(user, tmp_path, host, wss.number, ws.number)
        made.provision()
        yield made


@pytest.fixture
def trusted(afar):
    """The device trusts the operator, and listens for wss:// on a port of the test's."""
    afar.user.succeeds("config", "set", f"rpc.wss.port={afar.ports[0]}", "--save")
    afar.user.succeeds("operator", "trust")
    return afar


def test_over_tls_with_certificates(trusted):
    user = trusted.user
    assert trusted.serial(*trusted.wss) == trusted.serial()
    assert trusted.serial(*trusted.wss, "--device", "sensor-1") == trusted.serial()
    assert "works over USB only" in user.fails(5, "bench", "on", *trusted.wss)


def test_a_certificate_is_replaced_from_afar_and_the_device_is_known_afterwards(trusted):
    before = trusted.user.succeeds("identity", "status", "--json").json["active"]
    trusted.provision("--renew", *trusted.wss)
    assert trusted.user.succeeds("identity", "status", "--json", *trusted.wss).json["active"] != before


def test_an_operator_that_the_device_does_not_trust(trusted, tmp_path):
    user = trusted.user
    user.succeeds("operator", "init", "--dir", tmp_path / "other")
    devices = (tmp_path / "atecc/operator/devices.json").read_bytes()
    (tmp_path / "other/devices.json").write_bytes(devices)
    said = user.fails(6, "info", *trusted.wss, "--operator-dir", tmp_path / "other")
    assert "does not accept this operator's certificate" in said


def test_a_device_that_is_not_known(trusted, tmp_path):
    (tmp_path / "atecc/operator/devices.json").unlink()
    assert "key that is not known here" in trusted.user.fails(6, "info", *trusted.wss)


def test_what_the_owner_forgets_is_closed(trusted):
    trusted.user.succeeds("operator", "forget")
    assert "operator trust" in trusted.user.fails(3, "info", *trusted.wss)


def test_with_a_password(afar):
    user = afar.user
    user.succeeds(
        "websocket", "on", "--http-port", str(afar.ports[1]), "--password-file", afar.folder / "ws.password"
    )
    assert afar.serial(*afar.ws) == afar.serial()
    (afar.folder / "ws.password").write_text("a guess")
    assert "does not accept this user and password" in user.fails(5, "info", *afar.ws)
    user.succeeds("websocket", "off")
    assert "atecc websocket on" in user.fails(3, "info", *afar.ws)


def test_without_a_password_while_the_bench_permission_is_on(afar):
    user = afar.user
    user.succeeds("bench", "on", "--for", "10m")
    user.succeeds("websocket", "on", "--http-port", str(afar.ports[1]), "--no-password")
    said = user.succeeds("info", *afar.ws[:2])
    assert "The bench permission is on" in said.err


def test_through_the_broker(trusted):
    user = trusted.user
    assert "mqtts://: off" in user.succeeds("info").out
    assert "did not answer" in user.fails(3, "info", *trusted.mqtts)
    user.succeeds("config", "set", "rpc.mqtt.enable=true", "--save")
    assert "mqtts://: on, for requests that an operator has signed" in user.succeeds("info").out
    assert trusted.serial(*trusted.mqtts) == trusted.serial()
    assert "works over USB only" in user.fails(5, "bench", "on", *trusted.mqtts)
    said = user.fails(5, "config", "set", "rpc.mqtt.unsigned=true", *trusted.mqtts)
    assert "only the owner may change this, over USB" in said


def test_provisioning_lets_operators_call_through_the_broker_if_asked_to(trusted):
    user = trusted.user
    said = trusted.provision("--mqtt-rpc")
    assert "operators may call it over MQTT" in said.err
    assert "the broker let this device write to the requests of another name" in said.err  # it has no rules
    assert trusted.serial(*trusted.mqtts) == trusted.serial()
    again = trusted.provision("--renew", *trusted.mqtts)
    assert "the broker let this device write" in again.err
    assert user.fails(5, "provision", "ca", *PROVISION, "--mqtt-rpc", *trusted.wss).count("over USB")
    assert trusted.serial(*trusted.mqtts) == trusted.serial()

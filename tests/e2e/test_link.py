"""The device's own MQTT link: it stays up, comes back, and says what it knows. A plain broker, a CA of one's own."""

import time

import pytest
from atecc.channels.serial import SerialChannel
from atecc.device import Device
from atecc.errors import DeviceError
from cryptography.hazmat.primitives.serialization import Encoding
from openssl import make_ca
from repl import Repl
from simchip.clock import RealClock
from simcloud.broker import Broker, free_address
from simcloud.pki import Authority, name, server_certificate

NEW_UMQTT = """
import link.mqtt
Old = link.mqtt.MQTTClient
class New(Old):
    '''umqtt.simple as micropython-lib has it now: no ssl_params, `ssl` is the context.'''
    def __init__(self, client_id, server, port=0, user=None, password=None, keepalive=0, ssl=None):
        params = {"context": ssl, "server_hostname": server}
        super().__init__(client_id, server, port, user, password, keepalive, ssl=True, ssl_params=params)
        New.used = True
New.used = False
link.mqtt.MQTTClient = New
"""


@pytest.fixture
def broker(tmp_path):
    """A running broker whose clients' CA is the one in tmp_path (ca.key, ca.crt)."""
    make_ca(tmp_path)
    root = Authority.root(name(common_name="Broker's root"))
    (tmp_path / "root.crt").write_bytes(root.certificate.public_bytes(Encoding.PEM))
    host = free_address()
    identity = server_certificate(tmp_path, root, host)
    with Broker(tmp_path, identity, tmp_path / "ca.crt", address=host) as broker:
        yield broker


def provision(user, broker, folder):
    user.succeeds(
        "provision", "ca", "--ca-cert", folder / "ca.crt", "--ca-key", folder / "ca.key", "--subject", "/CN=linked",
        "--days", "5", "--broker", f"{broker.address}:{broker.port}", "--server-ca", folder / "root.crt",
    )  # fmt: skip


def rpc(user):
    """The board's RPC, through the library under the command line."""
    return Device(SerialChannel(user.port))


@pytest.fixture
def provisioned(user, broker, tmp_path):
    """The user of a board that is connected to the broker."""
    provision(user, broker, tmp_path)
    return user


@pytest.fixture
def device(provisioned):
    with rpc(provisioned) as device:
        yield device


def until(condition, seconds=10):
    """Wait for something that happens on another thread of the board."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


def test_it_reconnects_and_subscribes_again(device, broker):
    device.subscribe("a/b")
    broker.stop()
    until(lambda: device.mqtt_status().state == "waiting")
    broker.start()
    until(lambda: device.mqtt_status().state == "connected")
    device.publish("a/b", "after")
    received = device.receive("a/b", 5)
    assert received and received.message == "after"


def test_while_it_waits_the_reason_is_told(device, broker):
    broker.stop()
    until(lambda: device.mqtt_status().state == "waiting")
    until(lambda: "refused" in (device.mqtt_status().last_error or {}).get("message", ""))
    with pytest.raises(DeviceError, match="can't be reached: connection refused"):
        device.publish("a/b", "lost")


def test_nothing_received_is_none(device):
    device.subscribe("silence")
    assert device.receive("silence", 0.3) is None


def test_messages_wait_in_order_and_by_topic(device):
    for topic in ("one", "two"):
        device.subscribe(topic)
    for message in ("1", "2", "3"):
        device.publish("one", message)
        device.publish("two", message * 2)
    assert [device.receive("two", 5).message for _ in range(3)] == ["11", "22", "33"]
    assert [device.receive(None, 5).message for _ in range(3)] == ["1", "2", "3"]


@pytest.mark.parametrize("size", [0, 1, 127, 128, 4096])
def test_messages_of_any_size(device, size):
    device.subscribe("size")
    device.publish("size", "x" * size)
    assert len(device.receive("size", 5).message) == size


def test_topics_and_messages_beyond_ascii(device):
    device.subscribe("größe/ö")
    device.publish("größe/ö", "42 µm - ok")
    assert device.receive("größe/ö", 5).message == "42 µm - ok"


def test_a_topic_longer_than_umqtt_can_subscribe_to(device):
    with pytest.raises(DeviceError, match="more than 122 bytes"):
        device.subscribe("t" * 123)
    assert device.mqtt_status().state == "connected"


def topics_told(provisioned):
    return provisioned.succeeds("--json", "mqtt", "status").json["subscriptions"]


def test_a_round_trip_leaves_no_subscription(provisioned):
    for n in range(3):
        said = provisioned.succeeds("--json", "mqtt", "publish", "here/and/back", str(n), "--round-trip")
        assert said.json["received"] == str(n)
    assert topics_told(provisioned) == []
    provisioned.fails(8, "mqtt", "publish", "here/x", "y", "--wait", "silence", "--timeout", "1")
    assert topics_told(provisioned) == []


def test_unsubscribed_nothing_comes_any_more(device):
    device.subscribe("a/#")
    device.publish("a/b", "1")
    assert device.receive("a/b", 5).message == "1"
    device.unsubscribe("a/#")
    device.publish("a/b", "2")
    assert device.receive(None, 0.3) is None
    assert device.mqtt_status().subscriptions == []
    device.unsubscribe("never/subscribed")


def on_the_board(user, code):
    with Repl(user.port) as repl:
        repl.run(code)


def test_a_topic_that_nobody_waits_for_is_given_up_and_that_is_told(provisioned):
    with rpc(provisioned) as device:
        device.subscribe("left/behind")
        device.subscribe("waited/for")
    for _ in range(2):
        on_the_board(provisioned, "import time; time.sleep(800)")
        with rpc(provisioned) as device:
            assert device.receive("waited/for", 0.3) is None
    with rpc(provisioned) as device:
        until(lambda: device.mqtt_status().subscriptions == ["waited/for"])
        (dropped,) = device.mqtt_status().dropped
        assert dropped["topic"] == "left/behind" and "nobody has asked" in dropped["why"]
        device.publish("left/behind", "nobody's")
        assert device.receive("left/behind", 0.3) is None  # the broker knows it too


@pytest.mark.parametrize(
    "topic",
    ["", "a\0b", "a\x1fb", "a\x7fb", "a\x9fb", "a\uffff", "a\ufdd0", "a\ufffe", "\x01", "a+b", "a/#", "+"],
)
def test_what_a_broker_would_hang_up_on_is_refused_here(device, topic):
    since = device.mqtt_status().since
    with pytest.raises(DeviceError) as caught:
        device.publish(topic, "x")
    assert caught.value.kind == "argument"
    if "+" not in topic and "#" not in topic:
        with pytest.raises(DeviceError):
            device.subscribe(topic)
    device.publish("a/b", "still there")
    assert device.mqtt_status().since == since


@pytest.mark.parametrize(
    "topic", [" ", "\xa0", "\ud7ff", "\ue000", "\ufdcf", "\ufdf0", "\ufffd", "a~", "/", "//"]
)
def test_what_it_takes_is_not(device, topic):
    device.subscribe(topic)
    device.publish(topic, "odd")
    assert device.receive(topic, 5).message == "odd"


def test_more_than_65535_packets(provisioned):
    """MQTT counts them in 16 bits, without 0; umqtt goes on counting."""
    on_the_board(provisioned, "from device import link; link._session._connection._client.pid = 65533")
    with rpc(provisioned) as device:
        since = device.mqtt_status().since
        device.subscribe("many")
        for n in range(4):
            device.publish("many", str(n))
            assert device.receive("many", 5).message == str(n)
        device.unsubscribe("many")
        assert device.mqtt_status().since == since


def test_switched_off_and_on(device):
    assert device.mqtt_disconnect().state == "off"
    with pytest.raises(DeviceError, match="the MQTT link is off"):
        device.publish("a", "b")
    assert device.mqtt_connect().state == "connected"


def test_the_chip_can_be_asked_while_the_link_signs(someone, broker, tmp_path):
    """RPC and TLS want the chip at the same time; nothing gets in between Nonce and Sign.

    In real time: in virtual time, two threads that wait side by side would wait one after the other.
    """
    user = someone(preset="tls", locked=True, clock=RealClock())
    provision(user, broker, tmp_path)
    with rpc(user) as device:
        for _ in range(3):
            broker.stop()
            until(lambda: device.mqtt_status().state == "waiting")
            broker.start()
            for _ in range(20):
                assert device.chip_info().part == "ATECC608A"
            until(lambda: device.mqtt_status().state == "connected")


def test_a_chips_refusal_in_the_handshake_arrives_as_itself(device, provisioned):
    device.mqtt_disconnect()
    provisioned.bench.chip.image.config[20] &= 0xFE  # SlotConfig, ReadKey bit 0: external signatures
    with pytest.raises(DeviceError) as caught:
        device.mqtt_connect()
    assert (caught.value.kind, caught.value.status) == ("chip", 0x0F)
    assert "Sign: the chip answers 0x0F (execution error)" in str(caught.value)


def test_a_chip_that_dies_in_the_handshake(device, provisioned):
    device.mqtt_disconnect()
    provisioned.bench.chip.power(False)
    with pytest.raises(DeviceError, match="no ATECC608 answers at 0x60"):
        device.mqtt_connect()


def test_the_new_interface_of_umqtt(device, provisioned):
    device.mqtt_disconnect()
    device.close()
    with Repl(provisioned.port) as repl:
        repl.run(NEW_UMQTT)
    provisioned.succeeds("mqtt", "connect")
    said = provisioned.succeeds("--json", "mqtt", "publish", "new", "interface", "--round-trip")
    assert said.json["received"] == "interface"
    with Repl(provisioned.port) as repl:
        assert repl.value("link.mqtt.MQTTClient.used", "import link.mqtt") is True

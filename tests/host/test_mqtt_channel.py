"""mqtts://, through the real mosquitto: a device of paho's at the other end, and every way in which it fails."""

import json
import queue
import ssl
import threading
import time

import paho.mqtt.client as paho
import pytest
from atecc.channels import Access, open_channel
from atecc.device import Device
from atecc.errors import CertificateError, ChannelError, ChannelTimeout, ConnectionLost, CorruptReply
from atecc.operators.operator import Names, Operator
from fakedevice import SERIAL
from rpcserver import Listener
from simcloud.broker import MQTT_TLS_PORT, Broker, free_address
from simcloud.pki import Authority, Validity, name, pem, server_certificate

NAME = "sensor-1"


class MqttDevice:
    """The board in memory behind a broker. `misbehave` → (reply) → what is published instead, a list of payloads."""

    def __init__(self, device, host, ca_file, operator):
        self.device = device
        self.misbehave = []
        self.requests = queue.Queue()
        self._subscribed = threading.Event()
        self.mqtt = paho.Client(paho.CallbackAPIVersion.VERSION2, NAME)
        self.mqtt.on_connect = lambda *_: self.mqtt.subscribe(f"{NAME}/rpc", 1)
        self.mqtt.on_subscribe = lambda *_: self._subscribed.set()
        self.mqtt.on_message = lambda client, userdata, message: self._answer(message.payload)
        self.mqtt.tls_set(str(ca_file), str(operator.certificate_file), str(operator.key_file))
        self.mqtt.connect(host, MQTT_TLS_PORT)

    def __enter__(self):
        self.mqtt.loop_start()
        assert self._subscribed.wait(20), "the device is not on the broker"
        return self

    def __exit__(self, *_):
        self.mqtt.disconnect()
        self.mqtt.loop_stop()

    def _answer(self, payload):
        request = json.loads(payload)
        self.requests.put(request)
        if not request["src"].startswith(f"{NAME}/rpc-resp/"):
            return
        reply = self.device.request(payload, 1)
        for one in self.misbehave.pop(0)(reply) if self.misbehave else [reply]:
            self.mqtt.publish(f"{request['src']}/rpc", one, 1)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """An operator, a broker that lets in whoever has a certificate of it, and the CA of the broker's certificate."""
    directory = tmp_path_factory.mktemp("broker")
    operator = Operator(directory / "operator")
    operator.make(Names("alice"))
    authority = Authority.root(name(common_name="the broker's CA"))
    ca_file = directory / "broker.ca.pem"
    ca_file.write_bytes(pem(authority.certificate))
    host = free_address()
    server = server_certificate(directory, authority, host)
    with Broker(directory, server, operator.ca_file, address=host) as broker:
        yield operator, broker, ca_file, host


@pytest.fixture
def field(place, networked):
    operator, _, ca_file, host = place
    networked.caller = "operator"
    with MqttDevice(networked, host, ca_file, operator) as device:
        yield device


@pytest.fixture
def url(place):
    return f"mqtts://{place[3]}/{NAME}"


@pytest.fixture
def options(place, url):
    return ["--port", url, "--operator-dir", place[0].directory, "--mqtt-ca", place[2]]


@pytest.fixture
def far(place, url):
    """far() is the device, as an operator reaches it."""
    return lambda: Device(open_channel(url, Access(operator=place[0].directory, mqtt_ca=place[2])))


def test_commands_work_over_it(field, call, options):
    seen = call(*options, "info", "--json")
    assert seen.status == 0 and seen.err == "" and seen.json["chip"]["serial"] == SERIAL
    assert call(*options, "chip", "config", "get").status == 0


def test_requests_say_where_the_answer_goes(field, far):
    with far() as device:
        device.info()
        device.set_time(1)
    requests = [field.requests.get(timeout=1) for _ in range(2)]
    (src,) = {request["src"] for request in requests}
    assert src.startswith(f"{NAME}/rpc-resp/atecc-") and len({request["id"] for request in requests}) == 2


def test_two_operators_do_not_hear_each_other(field, far):
    with far() as one, far() as other:
        assert one.info().board == other.info().board == "FAKE"
    assert field.requests.get(timeout=1)["src"] != field.requests.get(timeout=1)["src"]


def test_another_certificate_than_the_operators(field, call, place, url):
    operator, _, ca_file, _ = place
    given = ["--mqtt-cert", operator.certificate_file, "--mqtt-key", operator.key_file, "--mqtt-ca", ca_file]
    assert call("--port", url, *given, "mqtt", "status").status == 0
    assert call("--port", url, *given[:2], "mqtt", "status").status == 2


def test_from_the_environment(field, call, place, url, monkeypatch):
    for key, path in zip(
        ("CERT", "KEY", "CA"), (place[0].certificate_file, place[0].key_file, place[2]), strict=True
    ):
        monkeypatch.setenv(f"ATECC_MQTT_{key}", str(path))
    monkeypatch.setenv("ATECC_PORT", url)
    assert call("mqtt", "status").status == 0


def test_a_refusal_over_mqtt(field, call, options):
    seen = call(*options, "bench", "on")
    assert seen.status == 5 and "plug the board in" in seen.err


# Trouble with the broker


def test_a_broker_of_another_ca_is_never_talked_to(field, call, place, url):
    operator = place[0]
    for ca in ([], ["--mqtt-ca", operator.ca_file]):
        seen = call("--port", url, "--operator-dir", operator.directory, *ca, "info")
        assert seen.status == 6 and "can't be trusted" in seen.err and "--mqtt-ca" in seen.err
    assert field.requests.empty()


def test_a_broker_that_no_name_server_knows(call, options):
    seen = call(*options, "--port", f"mqtts://localhost.invalid/{NAME}", "info")
    assert seen.status == 3 and "No network name" in seen.err


def test_a_certificate_for_another_name_is_refused(place, tmp_path, call):
    operator, _, _, _ = place
    authority = Authority.root(name(common_name="CA"))
    (tmp_path / "ca.pem").write_bytes(pem(authority.certificate))
    host = free_address()
    server = server_certificate(tmp_path, authority, "other.example")
    with Broker(tmp_path, server, operator.ca_file, address=host):
        there = ["--port", f"mqtts://{host}/x", "--mqtt-ca", tmp_path / "ca.pem"]
        seen = call(*there, "--operator-dir", operator.directory, "info")
    assert seen.status == 6 and "can't be trusted" in seen.err


def test_a_broker_that_does_not_know_the_operator(call, place, url, tmp_path):
    stranger = Operator(tmp_path / "stranger")
    stranger.make(Names("mallory"))
    seen = call("--port", url, "--operator-dir", stranger.directory, "--mqtt-ca", place[2], "info")
    assert seen.status in (3, 6) and "atecc operator policy" in seen.err


def test_nobody_listens(call, options):
    seen = call(*options, "--port", f"mqtts://{free_address()}/{NAME}", "info")
    assert seen.status == 3 and "nothing listens" in seen.err


def test_what_is_no_broker(call, options):
    with Listener(lambda connection: connection.sendall(b"220 mail.example ESMTP\r\n")) as other:
        seen = call(*options, "--port", f"mqtts://127.0.0.1:{other.port}/{NAME}", "info")
    assert seen.status == 3 and "does not speak TLS" in seen.err


def test_a_broker_that_ends_in_the_middle(place, networked, tmp_path):
    operator, _, _, _ = place
    with own_broker(operator, tmp_path) as (broker, url, ca_file):
        host = url.split("/")[2]
        with (
            MqttDevice(networked, host, ca_file, operator) as board,
            Device(open_channel(url, Access(operator=operator.directory, mqtt_ca=ca_file))) as device,
        ):
            device.info()
            board.misbehave = [lambda reply: broker.stop() or []]
            with pytest.raises(ConnectionLost, match="closed the connection") as caught:
                device.set_time(1)
            assert "not known" in caught.value.hint
            with pytest.raises(ChannelError, match="nothing listens"):
                device.info()
            broker.start()
            board._subscribed.clear()
            assert board._subscribed.wait(30)
            assert device.info().board == "FAKE"


def own_broker(operator, directory):
    import contextlib

    @contextlib.contextmanager
    def running():
        authority = Authority.root(name(common_name="CA"))
        ca_file = directory / "ca.pem"
        ca_file.write_bytes(pem(authority.certificate))
        host = free_address()
        with Broker(
            directory, server_certificate(directory, authority, host), operator.ca_file, address=host
        ) as broker:
            yield broker, f"mqtts://{host}/{NAME}", ca_file

    return running()


# Trouble with the device


def test_a_device_that_is_not_there(call, options, place):
    with (
        Device(
            open_channel(f"mqtts://{place[3]}/nobody", Access(operator=place[0].directory, mqtt_ca=place[2]))
        ) as device,
        pytest.raises(ChannelTimeout, match="nobody did not answer") as caught,
    ):
        device.call("Sys.GetInfo", timeout=0.3)
    assert "nobody/rpc" in caught.value.hint


def test_a_late_answer_is_not_the_next_ones(field, far):
    late = []
    field.misbehave = [lambda reply: late.append(reply) or [], lambda reply: [late[0], reply]]
    with far() as device:
        with pytest.raises(ChannelTimeout):
            device.call("Sys.GetInfo", timeout=0.3)
        assert device.chip_info().serial == SERIAL


def test_an_answer_that_comes_twice_is_taken_once(field, far):
    field.misbehave = [lambda reply: [reply, reply]] * 2
    with far() as device:
        device.info()
        assert device.chip_info().serial == SERIAL


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (lambda reply: [b"\0 no JSON"], "not JSON"),
        (lambda reply: [json.dumps(json.loads(reply) | {"id": 999})], "another request"),
    ],
)
def test_replies_that_make_no_sense(field, far, fault, said):
    with far() as device:
        field.misbehave = [fault]
        assert device.info().board == "FAKE"
        field.misbehave = [fault]
        with pytest.raises(CorruptReply, match=said):
            device.set_time(1)


def test_a_device_that_goes_away_and_an_operator_that_comes_back(field, far):
    """The broker closes the operator's connection while nothing is asked; the next request makes a new one."""
    with far() as device:
        device.info()
        channel = device._client._channel
        channel._client.socket().shutdown(2)
        until(lambda: not channel._client.is_connected())
        device.set_time(1)


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


# Files


@pytest.mark.parametrize("content", ["", "-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----\n"])
def test_a_ca_file_that_is_none(call, options, tmp_path, content):
    (tmp_path / "ca.pem").write_text(content)
    seen = call(*options, "--mqtt-ca", tmp_path / "ca.pem", "info")
    assert seen.status == 6 and "is no file of CA certificates" in seen.err
    assert call(*options, "--mqtt-ca", tmp_path / "nowhere.pem", "info").status == 6


def test_a_certificate_and_key_that_do_not_fit(call, options, place, tmp_path):
    operator = place[0]
    seen = call(
        *options, "--mqtt-cert", operator.certificate_file, "--mqtt-key", operator.ca_key_file, "info"
    )
    assert seen.status == 6 and "not a certificate and its key" in seen.err


def test_a_keys_password_is_not_asked_for(call, options, place, openssl, tmp_path):
    openssl("ec", "-in", place[0].key_file, "-aes128", "-passout", "pass:hush", "-out", "locked.pem")
    seen = call(
        *options, "--mqtt-cert", place[0].certificate_file, "--mqtt-key", tmp_path / "locked.pem", "info"
    )
    assert (seen.status == 6 and "has a password" in seen.err) or "not a certificate" in seen.err


def test_an_expired_operator_is_said_before_connecting(call, options, place, tmp_path):
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    operator = Operator(tmp_path / "late")
    operator.make(Names("late"))
    key = load_pem_private_key(operator.key_file.read_bytes(), None)
    authority = Authority(load_pem_private_key(operator.ca_key_file.read_bytes(), None), operator.ca())
    expired = authority.sign(key.public_key(), name(common_name="late"), Validity.days(-9, -1))
    operator.certificate_file.write_bytes(pem(expired))
    seen = call(*options, "--operator-dir", operator.directory, "info")
    assert seen.status == 6 and "expired on" in seen.err and "atecc operator renew" in seen.err


def test_the_broker_is_always_verified(far):
    with far() as device:
        context = device._client._channel._context
    assert context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_another_device_than_the_address_names(call, options):
    seen = call(*options, "--device", "sensor-2", "info")
    assert seen.status == 2 and NAME in seen.err


def test_an_error_while_connecting_leaves_nothing_behind(place, url, tmp_path):
    before = threading.active_count()
    stranger = Operator(tmp_path / "stranger")
    stranger.make(Names("mallory"))
    with Device(open_channel(url, Access(operator=stranger.directory, mqtt_ca=place[2]))) as device:
        for _ in range(3):
            with pytest.raises((ChannelError, CertificateError)):
                device.info()
    assert threading.active_count() <= before

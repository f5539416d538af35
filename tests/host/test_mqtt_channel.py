"""mqtts://, through the real mosquitto: a device of paho's at the other end, and every way in which it fails."""

import json
import queue
import ssl
import stat
import threading
import time

import paho.mqtt.client as paho
import pytest
from atecc.channels import Access, open_channel
from atecc.device import Device
from atecc.errors import CertificateError, ChannelError, ChannelTimeout, ConnectionLost, DeviceError
from atecc.operators.known import fingerprint
from atecc.operators.operator import Names, Operator
from cryptography.hazmat.primitives.asymmetric import ec
from fakedevice import SERIAL
from rpcserver import Listener
from signeddevice import opened, sealed
from simcloud.broker import MQTT_TLS_PORT, Broker, free_address
from simcloud.pki import Authority, Validity, name, pem, server_certificate

NAME = "sensor-1"


class MqttDevice:
    """The board in memory behind a broker, as firmware/rpc/README.md has it (Signed requests).

    `misbehave` → (reply, seal) → what is published instead, a list of payloads; seal(frame) is what it would be.
    """

    def __init__(self, device, host, ca_file, operator):
        self.device = device
        self.key = device.keys[0]
        self.next = 1
        self.misbehave = []
        self.requests = queue.Queue()
        self.heads = queue.Queue()
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
        head, frame, digest = opened(payload, NAME)
        request = json.loads(frame)
        self.requests.put(request)
        self.heads.put(head)
        if head["counter"] < self.next:
            error = {"code": 409, "kind": "counter", "message": "it was here before", "next": self.next}
            reply = json.dumps({"id": request["id"], "src": NAME, "error": error}).encode()
        else:
            self.next = head["counter"] + 1
            reply = self.device.request(frame, 1)
        seal = lambda frame, key=self.key: sealed(frame, digest, key)  # noqa: E731
        for one in self.misbehave.pop(0)(reply, seal) if self.misbehave else [seal(reply)]:
            self.mqtt.publish(f"{request['src']}/rpc", one, 1)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """An operator, a broker that lets in whoever has a certificate of it, and the CA of the broker's certificate."""
    directory = tmp_path_factory.mktemp("broker")
    operator = Operator(directory / "operator")
    operator.make(Names("alice"))
    operator.devices.learn(NAME, ["0" * 64])
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
    operator.devices.learn(NAME, [fingerprint(networked.point(0))])
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
    who = ["--operator-dir", operator.directory]
    given = ["--mqtt-cert", operator.certificate_file, "--mqtt-key", operator.key_file, "--mqtt-ca", ca_file]
    assert call("--port", url, *who, *given, "mqtt", "status").status == 0
    assert call("--port", url, *who, *given[:2], "mqtt", "status").status == 2


def test_from_the_environment(field, call, place, url, monkeypatch):
    for key, path in zip(
        ("CERT", "KEY", "CA"), (place[0].certificate_file, place[0].key_file, place[2]), strict=True
    ):
        monkeypatch.setenv(f"ATECC_MQTT_{key}", str(path))
    monkeypatch.setenv("ATECC_OPERATOR_DIR", str(place[0].directory))
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
        there = ["--port", f"mqtts://{host}/{NAME}", "--mqtt-ca", tmp_path / "ca.pem"]
        seen = call(*there, "--operator-dir", operator.directory, "info")
    assert seen.status == 6 and "can't be trusted" in seen.err


def test_a_broker_that_does_not_know_the_operator(call, place, url, tmp_path):
    stranger = Operator(tmp_path / "stranger")
    stranger.make(Names("mallory"))
    stranger.devices.learn(NAME, ["0" * 64])
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
    operator.devices.learn(NAME, [fingerprint(networked.point(0))])
    with own_broker(operator, tmp_path) as (broker, url, ca_file):
        host = url.split("/")[2]
        with (
            MqttDevice(networked, host, ca_file, operator) as board,
            Device(open_channel(url, Access(operator=operator.directory, mqtt_ca=ca_file))) as device,
        ):
            device.info()
            board.misbehave = [lambda reply, seal: broker.stop() or []]
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
    place[0].devices.learn("nobody", ["0" * 64])
    with (
        Device(
            open_channel(f"mqtts://{place[3]}/nobody", Access(operator=place[0].directory, mqtt_ca=place[2]))
        ) as device,
        pytest.raises(ChannelTimeout, match="nobody did not answer") as caught,
    ):
        device.call("Sys.GetInfo", timeout=0.3)
    assert "nobody/rpc" in caught.value.hint and not caught.value.notes


def test_a_late_answer_is_not_the_next_ones(field, far):
    late = []
    field.misbehave = [
        lambda reply, seal: late.append(seal(reply)) or [],
        lambda reply, seal: [late[0], seal(reply)],
    ]
    with far() as device:
        with pytest.raises(ChannelTimeout):
            device.call("Sys.GetInfo", timeout=0.3)
        assert device.chip_info().serial == SERIAL


def test_an_answer_that_comes_twice_is_taken_once(field, far):
    field.misbehave = [lambda reply, seal: [seal(reply), seal(reply)]] * 2
    with far() as device:
        device.info()
        assert device.chip_info().serial == SERIAL


# Who can't be believed: the broker, and whoever it lets write

STRANGER = ec.generate_private_key(ec.SECP256R1())
LIE = json.dumps({"id": 1, "src": NAME, "result": {"board": "A LIE"}}).encode()
FORGED = {
    "unsigned": lambda reply, seal: LIE,
    "by another key": lambda reply, seal: seal(LIE, STRANGER),
    "changed": lambda reply, seal: seal(reply).replace(b"FAKE", b"FALS"),
    "without a key": lambda reply, seal: b"atecc-signed-1\n{}\n" + reply,
    "no line": lambda reply, seal: b"atecc-signed-1",
    "no JSON": lambda reply, seal: b"\0 no JSON",
    "empty": lambda reply, seal: b"",
}


@pytest.mark.parametrize("how", FORGED)
def test_what_the_device_has_not_signed_is_left_out(field, far, how):
    field.misbehave = [lambda reply, seal: [FORGED[how](reply, seal), seal(reply)]]
    with far() as device:
        assert device.info().board == "FAKE"


def test_if_nothing_else_comes_that_is_said(field, far):
    error = {"id": 1, "error": {"code": 503, "message": "the chip\x1b[0m is silent"}}
    field.misbehave = [lambda reply, seal: [json.dumps(error).encode()]]
    with far() as device, pytest.raises(ChannelTimeout) as caught:
        device.call("Sys.GetInfo", timeout=1)
    (note,) = caught.value.notes
    assert "not signed by a key of this device" in note and "is silent" in note and "\x1b" not in note


def test_a_device_that_is_not_known_is_not_called(field, call, place, options, tmp_path):
    operator = Operator(tmp_path / "fresh")
    operator.make(Names("bob"))
    mqtt = ["--mqtt-cert", place[0].certificate_file, "--mqtt-key", place[0].key_file]
    seen = call(*options, *mqtt, "--operator-dir", operator.directory, "info")
    assert seen.status == 6 and "No key of a device sensor-1 is known here" in seen.err
    assert field.requests.empty()
    key = fingerprint(field.device.point(0))
    named = ["--operator-dir", operator.directory, "--device-key", key]
    assert call(*options, *mqtt, *named, "info").status == 0


# Numbers


def test_each_request_has_a_larger_number_in_every_process(field, far, place):
    with far() as one, far() as other:
        for device in (one, other, one):
            device.info()
    numbers = [field.heads.get(timeout=1)["counter"] for _ in range(3)]
    assert numbers == sorted(set(numbers))
    path = place[0].directory / "counters.json"
    assert json.loads(path.read_text())["last"][NAME] == numbers[-1]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("state", [None, "", "damaged", '{"last": 7}', '{"last": {"sensor-1": "x"}}'])
def test_a_number_that_is_too_low_is_followed_by_the_next_one(field, far, place, state):
    """Another computer has called, or the file is lost. The device has done nothing, and says so."""
    path = place[0].directory / "counters.json"
    path.unlink(missing_ok=True)
    if state is not None:
        path.write_text(state)
    field.next = 5000
    with far() as device:
        device.set_time(1)
    assert field.device.calls.count("Sys.SetTime") == 1
    assert [field.heads.get(timeout=1)["counter"] for _ in range(2)][1] == 5000
    requests = [field.requests.get(timeout=1) for _ in range(2)]
    assert requests[0] == requests[1]


def test_a_device_that_is_never_content_with_the_number(field, far):
    field.next = 1 << 60
    field.misbehave = [lambda reply, seal: [seal(reply.replace(b": %d" % field.next, b": 7"))]] * 3
    with far() as device, pytest.raises(DeviceError, match="it was here before"):
        device.info()
    assert field.requests.qsize() == 3


def test_numbers_are_a_devices_own(field, far, place):
    """One that names a very high number as its next spoils nobody else's."""
    counters = place[0].counters
    before = counters.next("sensor-2")
    field.next = 1 << 52
    with far() as device:
        device.info()
    assert counters.next(NAME) == (1 << 52) + 1
    assert counters.next("sensor-2") == before + 1


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
    stranger.devices.learn(NAME, ["0" * 64])
    with Device(open_channel(url, Access(operator=stranger.directory, mqtt_ca=place[2]))) as device:
        for _ in range(3):
            with pytest.raises((ChannelError, CertificateError)):
                device.info()
    assert threading.active_count() <= before

"""Who may call a device over MQTT, by the policies that this project makes: the device's, and an operator's."""

import json

import pytest
from atecc.aws.policy import CLIENT_PREFIX, arn_prefix, device_policy, operator_policy
from atecc.channels import Access, open_channel
from atecc.channels.mqtt import MqttChannel
from atecc.errors import ChannelError
from atecc.operators.known import fingerprint
from atecc.operators.operator import Names, Operator
from cryptography.hazmat.primitives.asymmetric import ec
from signeddevice import opened, point_of, sealed

REQUEST = b'{"id":1,"src":"me","method":"Sys.GetInfo"}'


KEY = ec.generate_private_key(ec.SECP256R1())


def answer(client, name, payload):
    head, _, digest = opened(payload, name)
    reply = json.dumps({"id": head["id"], "result": name}).encode()
    client.publish(f"{head['src']}/rpc", sealed(reply, digest, KEY), 1)


@pytest.fixture
def prefix(cloud):
    return arn_prefix(cloud.region, cloud.account)


@pytest.fixture
def thing(fleet, prefix):
    """thing() is a device as `atecc provision aws` makes it, connected; it answers requests, on either topic."""

    def make():
        name = fleet.name()
        identity = fleet.identity(thing=name)
        fleet.attach(identity.arn, json.dumps(device_policy(f"{prefix}:thing/{name}")))
        device = fleet.device(identity, name)
        assert device.connect()
        device.mqtt.on_message = lambda client, userdata, message: answer(client, name, message.payload)
        return device

    return make


@pytest.fixture
def operator(fleet, prefix, cloud):
    """operator(*things) has a certificate whose policy names these; call(device) is one request of its."""

    def make(*things):
        identity = fleet.identity()
        fleet.attach(identity.arn, json.dumps(operator_policy(prefix, list(things))))
        return identity

    return make


@pytest.fixture
def call(cloud, tmp_path):
    """call(identity, name): one request at the broker with the certificate of `identity`, signed by an operator."""
    channels = []
    signer = Operator(tmp_path / "operator")
    signer.make(Names("alice"))

    def call(identity, name):
        signer.devices.learn(name, [fingerprint(point_of(KEY))])
        access = Access(
            operator=signer.directory,
            mqtt_certificate=identity.certificate_file,
            mqtt_key=identity.key_file,
            mqtt_ca=cloud.server_ca_file,
        )
        channel = open_channel(f"mqtts://{cloud.broker_host}/{name}", access)
        assert isinstance(channel, MqttChannel)
        channels.append(channel)
        return json.loads(channel.request(REQUEST, 5))["result"]

    yield call
    for channel in channels:
        channel.close()


@pytest.mark.parametrize("topic", ["{}/rpc", "things/{}/rpc"])
def test_a_device_may_listen_for_requests_and_answer(thing, topic):
    device = thing()
    assert device.subscribe(topic.format(device.client_id), 1)
    assert device.publish(topic.format(device.client_id).replace("/rpc", "/rpc-resp/somebody/rpc"))


@pytest.mark.parametrize("topic", ["{}/rpc", "things/{}/rpc"])
def test_but_not_for_anothers(thing, topic):
    device, other = thing(), thing()
    assert not device.subscribe(topic.format(other.client_id), 1)
    for request in (topic, topic.replace("/rpc", "/rpc-resp/x/rpc")):
        assert not thing().publish(request.format(other.client_id))


def test_an_operator_calls_the_things_of_its_policy(thing, operator, call):
    one, other = thing(), thing()
    for device in (one, other):
        assert device.subscribe(f"{device.client_id}/rpc", 1)
    identity = operator(one.client_id, other.client_id)
    assert call(identity, one.client_id) == one.client_id
    assert call(identity, other.client_id) == other.client_id


def test_and_no_other(thing, operator, call):
    mine, other = thing(), thing()
    assert other.subscribe(f"{other.client_id}/rpc", 1)
    with pytest.raises(ChannelError, match="does not let this operator call") as caught:
        call(operator(mine.client_id), other.client_id)
    assert "policy" in caught.value.hint


def test_an_operator_of_all_things(thing, operator, call):
    device = thing()
    assert device.subscribe(f"{device.client_id}/rpc", 1)
    assert call(operator(), device.client_id) == device.client_id


@pytest.mark.parametrize(
    "topic", ["{}/rpc-resp/atecc-2/rpc", "things/{}/rpc-resp/atecc-2/rpc", "$aws/things/{}/rpc", "{}/hello"]
)
@pytest.mark.parametrize("every", [True, False])
def test_an_operator_answers_for_nobody_and_publishes_nothing_else(thing, operator, fleet, topic, every):
    device = thing()
    identity = operator(*([] if every else [device.client_id]))
    speaker = fleet.device(identity, f"{CLIENT_PREFIX}{fleet.name()}")
    assert speaker.connect()
    assert not speaker.publish(topic.format(device.client_id))


@pytest.mark.parametrize("every", [True, False])
def test_an_operator_reads_its_own_answers_only(thing, operator, fleet, every):
    device = thing()
    identity = operator(*([] if every else [device.client_id]))
    client_id = f"{CLIENT_PREFIX}{fleet.name()}"
    for topic in (f"{device.client_id}/rpc-resp/atecc-2/rpc", f"{device.client_id}/rpc-resp/+/rpc", "#"):
        reader = fleet.device(identity, client_id)
        assert reader.connect() and not reader.subscribe(topic), topic
        reader.close()
    reader = fleet.device(identity, client_id)
    assert reader.connect() and reader.subscribe(f"{device.client_id}/rpc-resp/{client_id}/rpc")


def test_an_operator_is_no_device(thing, operator, fleet):
    device = thing()
    assert not fleet.device(operator(), device.client_id).connect()

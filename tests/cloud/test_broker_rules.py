"""What AWS refuses and mosquitto alone wouldn't, through a real TLS connection and a real broker."""

import ssl
import time

import pytest
from cloud.devices import EVERYTHING, allow
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from simcloud.pki import Authority, Validity, pem

CONNECT = allow("iot:Connect")


def arn(cloud, resource):
    return f"arn:aws:iot:{cloud.region}:{cloud.account}:{resource}"


# --- connecting


def test_a_message_makes_the_round_trip(fleet):
    device = fleet.connected()
    assert device.subscribe("a/b", qos=1)
    assert device.publish("a/b", b"hello")
    assert device.received() == [("a/b", b"hello")]


def test_an_inactive_certificate_is_refused_until_it_is_activated(fleet, iot):
    identity = fleet.identity(EVERYTHING, active=False)
    refused = fleet.device(identity)
    assert not refused.connect()
    assert fleet.last_reason(refused).endswith("is INACTIVE")
    iot.update_certificate(certificateId=identity.certificate_id, newStatus="ACTIVE")
    assert fleet.device(identity).connect()


def test_a_refusal_is_silence(fleet):
    """AWS closes the connection: no CONNACK tells a device why."""
    device = fleet.device(fleet.identity(EVERYTHING, active=False))
    assert not device.connect()
    assert device.connack is None


def test_a_certificate_that_was_deleted_is_unknown(fleet, iot):
    identity = fleet.identity(EVERYTHING, active=False)
    iot.delete_certificate(certificateId=identity.certificate_id, forceDelete=True)
    device = fleet.device(identity)
    assert not device.connect()
    assert fleet.last_reason(device).endswith("isn't registered")


def test_a_genuine_certificate_that_was_never_registered_is_unknown(fleet, cloud):
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = cloud.device_ca.certify(key.public_key())
    device = fleet.device(fleet.files(key, pem(certificate).decode()))
    assert not device.connect()
    assert fleet.last_reason(device).endswith("isn't registered")


def test_a_certificate_by_another_ca_of_the_same_name_fails_in_tls(fleet, cloud):
    impostor = Authority.root(cloud.device_ca.certificate.subject)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "AWS IoT Certificate")])
    certificate = impostor.sign(key.public_key(), subject, Validity.days(-1, 1))
    device = fleet.device(fleet.files(key, pem(certificate).decode()))
    assert not device_gets_in(device)
    assert fleet.last_reason(device) is None


def test_without_a_certificate_tls_fails(fleet):
    assert not device_gets_in(fleet.device(None))


def device_gets_in(device):
    """With TLS 1.3 a client learns only after its handshake that its certificate was refused."""
    try:
        return device.connect()
    except (ssl.SSLError, ConnectionError):
        return False


def test_without_a_policy_nobody_connects(fleet):
    device = fleet.device(fleet.identity())
    assert not device.connect()
    assert "policies attached: none" in fleet.last_reason(device)


def test_a_second_session_with_the_same_client_id_cuts_the_first_off(fleet):
    first = fleet.connected(client_id="twin")
    second = fleet.connected(client_id="twin")
    assert first.cut.wait(5)
    assert second.publish("a")
    assert "same client ID" in fleet.last_reason(first, "cut")


@pytest.mark.parametrize("client_id", ["x" * 129, "ü" * 65])
def test_client_ids_have_a_limit(fleet, client_id):
    assert not fleet.device(fleet.identity(EVERYTHING), client_id).connect()


def test_a_client_id_of_128_bytes_is_fine(fleet):
    assert fleet.device(fleet.identity(EVERYTHING), "x" * 128).connect()


def test_a_certificate_may_need_time_to_reach_the_broker(fleet, cloud):
    cloud.settling_seconds = 0.3
    try:
        identity = fleet.identity(EVERYTHING)
        assert not fleet.device(identity).connect()
        time.sleep(0.3)
        assert fleet.device(identity).connect()
    finally:
        cloud.settling_seconds = 0


# --- policies


def test_a_client_id_that_no_policy_allows(fleet, cloud):
    identity = fleet.identity(allow("iot:Connect", resource=arn(cloud, "client/mine-*")))
    assert not fleet.device(identity, "yours-1").connect()
    assert fleet.device(identity, "mine-1").connect()


def test_a_thing_may_only_be_itself(fleet, cloud):
    """The policy of the AWS documentation: the client ID is the thing's name, the thing is attached."""
    name, other = fleet.name(), fleet.name()
    identity = fleet.identity(
        allow(
            "iot:Connect",
            resource=arn(cloud, "client/${iot:Connection.Thing.ThingName}"),
            condition={"Bool": {"iot:Connection.Thing.IsAttached": ["true"]}},
        ),
        allow("iot:Publish", resource=arn(cloud, "topic/${iot:Connection.Thing.ThingName}/*")),
        thing=name,
    )
    fleet.iot.create_thing(thingName=other)
    assert not fleet.device(identity, other).connect()
    device = fleet.device(identity, name)
    assert device.connect()
    assert device.publish(f"{name}/hello")
    assert not device.publish(f"{other}/hello")


@pytest.mark.parametrize("qos", [0, 1])
def test_a_forbidden_publish_is_never_acknowledged_and_ends_the_connection(fleet, cloud, qos):
    device = fleet.connected(CONNECT, allow("iot:Publish", resource=arn(cloud, "topic/mine/*")))
    assert device.publish("mine/a")
    device.publish("yours/a", qos=qos)
    assert device.cut.wait(5)
    assert "iot:Publish on" in fleet.last_reason(device)


def test_a_forbidden_publish_reaches_nobody(fleet, cloud):
    listener = fleet.connected()
    assert listener.subscribe("+/a")  # and what others have had retained stays out
    device = fleet.connected(CONNECT, allow("iot:Publish", resource=arn(cloud, "topic/mine/*")))
    device.publish("mine/a")
    device.publish("yours/a")
    assert [topic for topic, _ in listener.received()] == ["mine/a"]


def test_a_forbidden_subscription_is_never_granted_and_ends_the_connection(fleet, cloud):
    device = fleet.connected(CONNECT, allow("iot:Subscribe", resource=arn(cloud, "topicfilter/mine/*")))
    assert device.subscribe("mine/+/#")
    assert not device.subscribe("+/mine")
    assert device.cut.wait(5)


def test_a_topic_permission_is_no_topicfilter_permission(fleet, cloud):
    device = fleet.connected(CONNECT, allow("iot:Subscribe", resource=arn(cloud, "topic/*")))
    assert not device.subscribe("a")


def test_without_receive_nothing_is_delivered(fleet, cloud):
    deaf = fleet.connected(CONNECT, allow("iot:Subscribe"))
    hearing = fleet.connected()
    assert deaf.subscribe("news")
    assert hearing.subscribe("news")
    assert hearing.publish("news", b"x")
    assert hearing.received() == [("news", b"x")]
    assert "iot:Receive" in fleet.last_reason(deaf, "receive")
    assert deaf.publish("news") is False
    assert deaf.inbox == []


def test_a_deny_wins(fleet, cloud):
    deny = allow("iot:Publish", resource=arn(cloud, "topic/secret"), effect="Deny")
    device = fleet.connected(EVERYTHING, deny)
    assert device.publish("open")
    assert not device.publish("secret")
    assert "denies iot:Publish" in fleet.last_reason(device)


def test_retaining_needs_a_permission_of_its_own(fleet):
    device = fleet.connected(CONNECT, allow("iot:Publish"))
    assert device.publish("a", b"x")
    assert not device.publish("a", b"x", retain=True)
    assert "iot:RetainPublish" in fleet.last_reason(device)


def test_a_retained_message_is_kept(fleet):
    assert fleet.connected().publish("kept/1", b"x", retain=True)
    later = fleet.connected()
    assert later.subscribe("kept/1")
    assert later.received() == [("kept/1", b"x")]


def test_a_policy_takes_effect_at_once(fleet, iot):
    identity = fleet.identity(CONNECT)
    device = fleet.device(identity)
    assert device.connect()
    fleet.attach(identity.arn, '{"Version":"2012-10-17","Statement":'
                 '{"Effect":"Allow","Action":"iot:Publish","Resource":"*"}}')  # fmt: skip
    assert device.publish("a")


def test_a_will_needs_permission_too(fleet, cloud):
    listener = fleet.connected()
    listener.subscribe("wills/#")
    for topic in ("wills/forbidden", "wills/allowed"):
        device = fleet.device(
            fleet.identity(CONNECT, allow("iot:Publish", resource=arn(cloud, "topic/wills/allowed")))
        )
        device.mqtt.will_set(topic, b"gone")
        assert device.connect()
        cloud.cut(device.client_id)
        assert device.cut.wait(5)
    assert listener.received() == [("wills/allowed", b"gone")]


def test_a_message_waits_for_a_client_that_is_away(fleet, cloud):
    identity = fleet.identity(EVERYTHING)
    device = fleet.device(identity, "sleeper", clean_session=False)
    assert device.connect()
    assert device.subscribe("wake", qos=1)
    device.close()
    assert fleet.connected().publish("wake", b"up")
    again = fleet.device(identity, "sleeper", clean_session=False)
    assert again.connect()
    assert again.received() == [("wake", b"up")]


# --- limits


@pytest.mark.parametrize(
    ("topic", "options", "reason"),
    [
        ("1/2/3/4/5/6/7/8/9", {}, "slashes"),
        ("x" * 257, {}, "longer than 256"),
        ("a", {"qos": 2}, "QoS 2"),
        ("a", {"payload": b"x" * (128 * 1024 + 1)}, "payload"),
        ("$other/a", {}, "reserved"),
    ],
)
def test_a_publish_beyond_the_limits_ends_the_connection(fleet, topic, options, reason):
    device = fleet.connected()
    assert not device.publish(topic, **options)
    assert reason in fleet.last_reason(device)


@pytest.mark.parametrize(
    ("topic", "qos"), [("a", 2), ("1/2/3/4/5/6/7/8/9", 0), ("$SYS/#", 0), ("$other/#", 0)]
)
def test_a_subscription_beyond_the_limits_ends_the_connection(fleet, topic, qos):
    assert not fleet.connected().subscribe(topic, qos)


def test_the_limits_themselves_are_allowed(fleet):
    device = fleet.connected()
    assert device.subscribe("1/2/3/4/5/6/7/8")
    assert device.publish("1/2/3/4/5/6/7/8", b"x" * 128 * 1024)
    assert device.publish("$aws/things/a/shadow/get")
    assert [len(payload) for _, payload in device.received()] == [128 * 1024]


# --- while connected


def test_a_certificate_that_is_revoked_ends_its_connections(fleet, iot):
    identity = fleet.identity(EVERYTHING)
    device = fleet.device(identity)
    assert device.connect()
    iot.update_certificate(certificateId=identity.certificate_id, newStatus="REVOKED")
    assert device.cut.wait(5)
    assert fleet.last_reason(device, "cut").endswith("is REVOKED")


def test_a_connection_can_be_cut_on_request(fleet, cloud):
    device = fleet.connected()
    cloud.cut(device.client_id)
    assert device.cut.wait(5)
    assert fleet.device(fleet.identity(EVERYTHING), device.client_id).connect()

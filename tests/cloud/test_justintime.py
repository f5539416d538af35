"""Certificates of one's own CA: just-in-time registration and provisioning; and certificates without a CA."""

import json

import pytest
from cloud.devices import EVERYTHING, allow, document
from cloud.templates import body, role
from cryptography.hazmat.primitives.asymmetric import ec
from simcloud.pki import Authority, Validity, name, pem

CN = "AWS::IoT::Certificate::CommonName"
ID = "AWS::IoT::Certificate::Id"
SUBJECT = name(common_name="sensor-1", organization_name="ACME")


@pytest.fixture(scope="module")
def registering(client):
    return role(client(service="iam"), "registers-in-time", "iot")


@pytest.fixture(scope="module")
def policy(iot):
    iot.create_policy(policyName="in-time", policyDocument=document(EVERYTHING))


def template(**changes):
    return body(
        Parameters={CN: {"Type": "String"}, ID: {"Type": "String"}},
        Resources={
            "thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Ref": CN}}},
            "certificate": {
                "Type": "AWS::IoT::Certificate",
                "Properties": {"CertificateId": {"Ref": ID}, "Status": "ACTIVE"},
            },
            "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": "in-time"}},
        },
        DeviceConfiguration={},
        **changes,
    )


@pytest.fixture
def ca(iot, fleet):
    """A CA that registers what it has signed; with a template, if one is given."""

    def make(config=None, registers=True):
        own = Authority.root(name(common_name=fleet.name()))
        params = {"registrationConfig": config} if config else {}
        registered = iot.register_ca_certificate(
            caCertificate=pem(own.certificate).decode(), setAsActive=True, allowAutoRegistration=registers,
            certificateMode="SNI_ONLY", **params,
        )  # fmt: skip
        return own, registered["certificateId"]

    return make


def identity(fleet, own, subject=SUBJECT):
    key = ec.generate_private_key(ec.SECP256R1())
    return fleet.files(key, pem(own.sign(key.public_key(), subject, Validity.days(-1, 30))).decode())


def test_the_first_connection_registers_and_the_second_is_let_in(iot, fleet, ca, registering, policy):
    config = {"templateBody": template(), "roleArn": registering}
    own, identifier = ca(config)
    described = iot.describe_ca_certificate(certificateId=identifier)
    assert described["certificateDescription"]["autoRegistrationStatus"] == "ENABLE"
    assert described["registrationConfig"] == config
    files = identity(fleet, own)
    device = fleet.device(files, "sensor-1")
    assert not device.connect()
    assert "just been registered" in fleet.last_reason(device)
    assert fleet.device(files, "sensor-1").connect()
    assert len(iot.list_thing_principals(thingName="sensor-1")["principals"]) == 1


def test_a_subject_that_lacks_what_the_template_wants_stays_outside(cloud, fleet, ca, registering, policy):
    own, _ = ca({"templateBody": template(), "roleArn": registering})
    files = identity(fleet, own, name(organization_name="ACME"))
    for _ in range(2):
        device = fleet.device(files)
        assert not device.connect()
    assert "PENDING_ACTIVATION" in fleet.last_reason(device)
    assert any(f"has no {CN}" in one.reason for one in cloud.decisions)


def test_without_a_template_somebody_is_told_and_activates_it(iot, fleet, ca):
    own, identifier = ca()
    topic = f"$aws/events/certificates/registered/{identifier}"
    listener = fleet.connected(allow("iot:*"))
    assert listener.subscribe(topic, 1)
    files = identity(fleet, own)
    assert not fleet.device(files).connect()
    [(_, message)] = listener.received()
    told = json.loads(message)
    assert (told["caCertificateId"], told["certificateStatus"]) == (identifier, "PENDING_ACTIVATION")
    assert not fleet.device(files).connect()
    described = iot.describe_certificate(certificateId=told["certificateId"])["certificateDescription"]
    fleet.attach(described["certificateArn"], document(EVERYTHING))
    iot.update_certificate(certificateId=told["certificateId"], newStatus="ACTIVE")
    assert fleet.device(files).connect()


def test_a_ca_that_does_not_register_lets_nobody_in(iot, fleet, ca):
    own, identifier = ca(registers=False)
    files = identity(fleet, own)
    device = fleet.device(files)
    assert not device.connect() and "isn't registered" in fleet.last_reason(device)
    iot.update_ca_certificate(certificateId=identifier, newAutoRegistrationStatus="ENABLE")
    assert not fleet.device(files).connect()
    assert "PENDING_ACTIVATION" in {c["status"] for c in iot.list_certificates()["certificates"]}


@pytest.mark.parametrize(
    "config",
    [
        {"templateBody": template().replace(CN, "AWS::IoT::Certificate::Undeclared", 1)},
        {"templateBody": "{}"}, {"templateName": "nobodys"}, {},
    ],
)  # fmt: skip
def test_a_template_that_can_not_be_run_is_refused(ca, registering, config):
    with pytest.raises(Exception, match=r"malformed|not found"):
        ca(config | {"roleArn": registering})


def test_a_role_is_needed(ca):
    with pytest.raises(Exception, match=r"can't be assumed"):
        ca({"templateBody": template(), "roleArn": "arn:aws:iam::123456789012:role/nobodys"})


def test_a_certificate_without_a_ca_connects_and_another_of_its_ca_does_not(iot, fleet):
    own = Authority.root(name(common_name=fleet.name()))
    files = identity(fleet, own)
    made = iot.register_certificate_without_ca(
        certificatePem=files.certificate_file.read_text(), status="ACTIVE"
    )
    fleet.attach(made["certificateArn"], document(EVERYTHING))
    assert fleet.device(files).connect()
    other = identity(fleet, own)
    device = fleet.device(other)
    assert not device.connect() and fleet.last_reason(device) is None, "TLS itself has refused it"

"""The hook, at which one device tries to become another."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from atecc.aws import fleet as fleets
from atecc.aws.cloud import Cloud as Account
from cloud.test_provisioning import Asker
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from fleetrig import OTHER, SERIAL
from simcloud.pki import Authority, Validity, name, pem


def test_a_claim_makes_the_thing_of_its_chip_whatever_it_says(rig, iot):
    made = rig()
    asker = made.claim(f"claim-{SERIAL}")
    said = made.ask(asker, asker.certificate(), SerialNumber=SERIAL, ThingName="the-director")
    assert said["thingName"] == made.thing(SERIAL)
    assert made.denied(made.claim(f"claim-{SERIAL}"), SerialNumber=OTHER), "it isn't connected as that"
    for odd in ("", "../x", SERIAL.upper(), SERIAL + "00"):
        assert made.denied(made.claim(f"claim-{odd}"), SerialNumber=odd), odd


def test_a_claim_takes_no_thing_that_has_a_certificate(rig):
    made = rig()
    member, key = made.member(SERIAL)
    thief = made.claim(f"claim-{SERIAL}")
    assert made.denied(thief, SerialNumber=SERIAL)
    # The device itself may have another one, for its key.
    assert made.ask(thief, thief.certificate(key), SerialNumber=SERIAL)["thingName"] == made.thing(SERIAL)
    assert member.device.publish(made.thing(SERIAL) + "/x", b"still there")


def test_a_device_renews_itself_and_nobody_else(rig, iot, devices):
    made = rig()
    (mine, _), (other, _) = made.member(OTHER), made.member(SERIAL[:-4] + "aaee")
    theirs = other.device.client_id
    assert made.denied(mine, ThingName=theirs), "another's thing"
    assert made.denied(mine, ThingName=theirs, SerialNumber=OTHER)
    assert made.denied(mine, ThingName="a-new-one"), "a device is no claim"
    assert made.denied(mine, SerialNumber=SERIAL), "nor by way of a serial number"
    own = mine.device.client_id
    assert made.denied(mine, ThingName=own), "nobody renews it now"
    in_a_job(iot, devices.cloud, own, {"operation": "something-else"})
    assert made.denied(mine, ThingName=own), "nor does any job"
    in_a_job(iot, devices.cloud, own, {"operation": "rotate-certificate"})
    issued = mine.certificate()
    assert made.ask(mine, issued, ThingName=own)["thingName"] == own
    again = made.ask(mine, issued, ThingName=mine.device.client_id)
    assert again["errorCode"] == "InvalidCertificateOwnershipToken", "a token is used once"


def in_a_job(iot, cloud, thing, document):
    """The thing has begun with it."""
    job = f"{document['operation']}-{thing}"[-64:]
    arn = iot.describe_thing(thingName=thing)["thingArn"]
    iot.create_job(jobId=job, targets=[arn], document=json.dumps(document))
    cloud.jobs.update(thing, job, {"status": "IN_PROGRESS"})


@pytest.mark.parametrize(("days", "renews"), [(89, True), (91, False)])
def test_before_its_certificate_ends_a_device_renews_itself_without_a_job(rig, iot, devices, days, renews):
    made = rig()
    (mine, _) = made.member(SERIAL)
    own = mine.device.client_id
    arn = iot.list_thing_principals(thingName=own)["principals"][0]
    certificate = devices.cloud._registry.certificates[arn.rpartition("/")[2]]
    certificate.validity_not_after = datetime.now(UTC) + timedelta(days=days)
    assert made.denied(mine, ThingName=own) is not renews


def test_with_the_token_of_another_a_device_gets_no_other_name(rig, iot, devices):
    """Somebody's certificate, registered by somebody else: for the thing of who asks, or not at all."""
    made = rig()
    (mine, _), (other, _) = made.member(OTHER), made.member(SERIAL)
    stolen = other.certificate()
    assert made.ask(mine, stolen, ThingName=other.device.client_id)["errorCode"] == "ACCESS_DENIED"


def test_the_claims_policy_lets_it_ask_and_nothing_else(rig, atecc, devices, tmp_path):
    made = rig()
    files = "--claim-cert", tmp_path / "c.crt", "--claim-key", tmp_path / "c.key"
    assert atecc("claim", "--template", made.fleet.template, *files).status == 0
    key = load_pem_private_key((tmp_path / "c.key").read_bytes(), None)
    identity = devices.files(key, (tmp_path / "c.crt").read_text())
    assert not devices.device(identity, made.thing(SERIAL)).connect(), "as a thing of the fleet"
    device = devices.device(identity, f"claim-{SERIAL}")
    assert device.connect()
    asker = Asker(device)
    assert made.ask(asker, asker.certificate(), SerialNumber=SERIAL)["thingName"] == made.thing(SERIAL)
    assert not device.publish(made.thing(SERIAL) + "/rpc", b"x")


@pytest.mark.parametrize("words", ["sn{}", "{} ATECC"])
def test_a_chips_own_certificate_is_a_claim_for_that_chip_alone(rig, iot, devices, words):
    made = rig()
    key = ec.generate_private_key(ec.SECP256R1())
    subject = name(organization_name="Microchip Technology Inc", common_name=words.format(SERIAL.upper()))
    own = Authority.root(name(common_name="a signer")).sign(key.public_key(), subject, Validity.days(-1, 30))
    fleets.admit(Account(), made.fleet.template, own)
    files = devices.files(key, pem(own).decode())

    def asker(serial):
        device = devices.device(files, f"claim-{serial}")
        assert device.connect()
        return Asker(device)

    assert made.denied(asker(OTHER), SerialNumber=OTHER)
    mine = asker(SERIAL)
    assert made.ask(mine, mine.certificate(), SerialNumber=SERIAL)["thingName"] == made.thing(SERIAL)


def test_of_a_list_only_what_is_on_it(rig, iot):
    made = rig(listed=True)
    assert made.denied(made.claim(f"claim-{SERIAL}"), SerialNumber=SERIAL)
    iot.create_thing(thingName=made.thing(OTHER))
    asker = made.claim(f"claim-{OTHER}")
    assert made.ask(asker, asker.certificate(), SerialNumber=OTHER)["thingName"] == made.thing(OTHER)

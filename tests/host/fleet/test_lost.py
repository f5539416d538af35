"""A certificate that never came to its device, and what `atecc aws sweep` makes of it."""

from datetime import timedelta

import pytest
from cloud.devices import csr
from cryptography.hazmat.primitives.asymmetric import ec
from fleetrig import SERIAL
from simcloud.faults import ApiError


def asked_again(made, times=1, key=None):
    """A device's key, and the IDs of the certificates it asked for; the answers to all but the last were lost."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    found = []
    for _ in range(times + 1):
        issued = (asker := made.claim(f"claim-{SERIAL}")).certificate(key)
        made.ask(asker, issued, SerialNumber=SERIAL)
        found.append(issued["certificateId"])
    return key, found


def states(iot, made):
    """Of the thing's certificates, by ID."""
    arns = iot.list_thing_principals(thingName=made.thing(SERIAL))["principals"]
    described = [iot.describe_certificate(certificateId=arn.rpartition("/")[2]) for arn in arns]
    return {
        one["certificateDescription"]["certificateId"]: one["certificateDescription"]["status"]
        for one in described
    }


@pytest.fixture
def sweep(run):
    return lambda made, *words: run(None, "aws", "sweep", "--thing", made.thing(SERIAL), "--json", *words)


def test_what_never_came_to_the_device_is_deactivated_and_deleted_later(rig, iot, sweep):
    made = rig()
    _, (first, second, used) = asked_again(made, 2)
    planned = sweep(made, "--dry-run").json["calls"]
    assert [one["action"] for one in planned] == ["UpdateCertificate"] * 2
    assert states(iot, made) == dict.fromkeys((first, second, used), "ACTIVE")
    swept = sweep(made).json
    assert (swept["deleted"], swept["unsure"]) == ([], []) and sorted(swept["deactivated"]) == sorted(
        [first, second]
    )
    assert states(iot, made) == {first: "INACTIVE", second: "INACTIVE", used: "ACTIVE"}
    assert sweep(made).json == {"deleted": [], "deactivated": [], "unsure": []}, "it is kept for a while"
    for one in (first, second):
        made.devices.cloud._registry.certificates[one].last_modified_date -= timedelta(days=8)
    assert sorted(sweep(made).json["deleted"]) == sorted([first, second])
    assert states(iot, made) == {used: "ACTIVE"}


def test_at_once_if_nothing_is_to_be_kept(rig, iot, sweep):
    made = rig()
    _, (lost, used) = asked_again(made)
    assert sweep(made, "--keep-previous", "0").json["deleted"] == [lost]
    assert states(iot, made) == {used: "ACTIVE"}


def attached(made, key):
    """One more for the key, as nobody's template makes it."""
    issued = made.iot.create_certificate_from_csr(certificateSigningRequest=csr(key), setAsActive=True)
    made.iot.attach_thing_principal(thingName=made.thing(SERIAL), principal=issued["certificateArn"])
    return issued["certificateId"]


def other_key(made, _key, _used):
    attached(made, ec.generate_private_key(ec.SECP256R1()))


def by_hand(made, key, _used):
    attached(made, key)


def a_day_later(made, key, used):
    certificates = made.devices.cloud._registry.certificates
    certificates[used].creation_date -= timedelta(days=1)
    asked_again(made, 0, key)


def without_its_template(made, key, _used):
    asked_again(made, 0, key)
    made.iot.delete_provisioning_template(templateName=made.fleet.template)


def of_two_things(made, key, used):
    asked_again(made, 0, key)
    made.iot.create_thing(thingName=made.thing("other"))
    arn = made.iot.describe_certificate(certificateId=used)["certificateDescription"]["certificateArn"]
    made.iot.attach_thing_principal(thingName=made.thing("other"), principal=arn)


def without_rights(made, key, _used):
    asked_again(made, 0, key)
    denied = ApiError(403, "AccessDeniedException", "no")
    made.devices.cloud.faults.add("DescribeProvisioningTemplate", denied, 9)


@pytest.mark.parametrize(
    "more", [other_key, by_hand, a_day_later, without_its_template, of_two_things, without_rights]
)
def test_what_a_device_may_use_is_left_alone_and_told(rig, iot, sweep, more):
    made = rig()
    key, (used,) = asked_again(made, 0)
    more(made, key, used)
    before = states(iot, made)
    swept = sweep(made, "--keep-previous", "0").json
    assert (swept["deleted"], swept["deactivated"], states(iot, made)) == ([], [], before)
    (told,) = swept["unsure"]
    assert "2 active certificates" in told and used[:8] in told and "atecc identity status" in told


def test_if_the_last_one_does_not_count_the_ones_before_may_be_in_use(rig, iot, sweep):
    made = rig()
    _, (used, last) = asked_again(made)
    iot.update_certificate(certificateId=last, newStatus="INACTIVE")
    assert sweep(made, "--keep-previous", "0").json == {"deleted": [], "deactivated": [], "unsure": []}
    assert states(iot, made) == {used: "ACTIVE", last: "INACTIVE"}

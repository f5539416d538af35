"""`atecc doctor aws`: each thing that keeps a device from AWS is named, with the command that mends it."""

import json

import pytest
from atecc.aws.cloud import Cloud as AwsCloud
from atecc.aws.examine import REASONS, Examination, Examined
from fakedevice import FakeDevice


@pytest.fixture(autouse=True)
def iot(iot):
    """With the index, by which the doctor sees who is connected."""
    iot.update_indexing_configuration(
        thingIndexingConfiguration={
            "thingIndexingMode": "REGISTRY", "thingConnectivityIndexingMode": "STATUS",
        }
    )  # fmt: skip
    return iot


@pytest.fixture
def device(iot, run, request):
    """A board that was provisioned as a thing of its own."""
    board = FakeDevice()
    board.thing = f"d{abs(hash(request.node.name)) % 10**9}"
    command = ["provision", "aws", "--thing", board.thing, "--no-broker-check"]
    assert run(board, *command).status == 0
    board.certificate = board.records["a"]["sha256"]
    return board


def connected(stand_in, device, connected, reason):
    with stand_in._registry.lock:
        stand_in._registry.note_connectivity(device.certificate, device.thing, connected, reason)


@pytest.fixture
def verdicts(run, device, stand_in):
    connected(stand_in, device, True, "NONE")

    def verdicts(*more):
        seen = run(device, "doctor", "aws", "--json", *more)
        found = {one["name"]: one for one in seen.json["layers"]}
        return seen, found

    return verdicts


def test_all_is_well(verdicts, device):
    seen, found = verdicts()
    states = {name: one["state"] for name, one in found.items()}
    # The stand-in's certificate is not of Amazon's CA.
    assert states.pop("broker") == "failed" and states.pop("topics") == "not checked"
    assert set(states.values()) == {"ok"}, found
    seen, found = verdicts("--thing", device.thing)
    assert seen.status == 0 and found["endpoint"]["state"] == "not checked"


def test_a_renewal_that_has_failed_is_one_verdict(verdicts, run, device):
    error = {"code": 403, "kind": "rejected", "message": "not you"}
    renewal = {"days": 30, "jobs": False, "untold": False, "last_error": error}
    device.tamper["Identity.Status"] = lambda status: status | {"renewal": renewal}
    assert "not you" in verdicts()[1]["renewal"]["say"]
    seen = run(device, "doctor", "--json")
    assert [one["name"] for one in seen.json["layers"]].count("renewal") == 1


def break_status(iot, device):
    iot.update_certificate(certificateId=device.certificate, newStatus="INACTIVE")


def break_attachment(iot, device):
    for one in iot.list_thing_principals(thingName=device.thing)["principals"]:
        iot.detach_thing_principal(thingName=device.thing, principal=one)


def break_policy(iot, device):
    [arn] = iot.list_thing_principals(thingName=device.thing)["principals"]
    iot.detach_policy(policyName="atecc-device", target=arn)


def break_thing(iot, device):
    break_attachment(iot, device)
    iot.delete_thing(thingName=device.thing)


def break_certificate(iot, device):
    break_attachment(iot, device)
    break_status(iot, device)
    iot.delete_certificate(certificateId=device.certificate, forceDelete=True)


def break_permission(iot, device):
    break_policy(iot, device)
    allowed = {"Effect": "Allow", "Action": "iot:Connect", "Resource": "arn:aws:iot:*:*:client/other"}
    document = {"Version": "2012-10-17", "Statement": [allowed]}
    iot.create_policy(policyName=f"narrow-{device.thing}", policyDocument=json.dumps(document))
    [arn] = iot.list_thing_principals(thingName=device.thing)["principals"]
    iot.attach_policy(policyName=f"narrow-{device.thing}", target=arn)


def break_endpoint(iot, device):
    device.records["a"]["endpoint"] = "a0-ats.iot.eu-central-1.amazonaws.com"


@pytest.mark.parametrize(
    ("wrong", "layer", "said", "mends"),
    [
        (break_thing, "thing", "There is no thing", "atecc provision aws --thing"),
        (break_certificate, "certificate", "does not know the device's certificate", "--renew"),
        (break_status, "active", "is INACTIVE", "aws iot update-certificate"),
        (break_attachment, "attached", "is not attached to", "aws iot attach-thing-principal"),
        (break_policy, "policy", "No policy is attached", "aws iot attach-policy"),
        (break_permission, "connect", "does not let it connect with the client ID", "--client-id"),
        (break_endpoint, "endpoint", "belong to", "--endpoint"),
    ],
)
def test_what_is_wrong_first_is_explained(verdicts, iot, device, wrong, layer, said, mends):
    wrong(iot, device)
    seen, found = verdicts()
    first = next(one for one in found.values() if one["state"] == "failed")
    assert first["name"] == layer and said in first["say"], found
    assert mends in first["error"]["hint"]
    assert seen.status == 7 and said in seen.err and "Traceback" not in seen.err


def test_topics(device, run, iot, stand_in):
    connected(stand_in, device, True, "NONE")
    device.subscriptions = [f"{device.thing}/rpc", "others/x"]
    found = {one["name"]: one for one in run(device, "doctor", "aws", "--json").json["layers"]}
    assert found["topics"]["state"] == "failed" and "others/x" in found["topics"]["say"]
    assert f"{device.thing}/rpc" not in found["topics"]["say"]


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_every_reason_is_a_sentence(stand_in, iot, reason):
    if "reasoned" not in {one["thingName"] for one in iot.list_things()["things"]}:
        iot.create_thing(thingName="reasoned")
    with stand_in._registry.lock:
        stand_in._registry.note_connectivity("0" * 64, "reasoned", False, reason)
    examination = Examination(AwsCloud(), Examined("reasoned", "reasoned"))
    last = {one.name: one for one in examination.verdicts()}["last seen"]
    assert last.state == "failed" and reason in last.say and last.error.hint
    assert "NAME" not in last.error.hint


def test_without_the_index_it_is_said_how_to_have_one(verdicts, iot):
    off = {"thingIndexingMode": "REGISTRY", "thingConnectivityIndexingMode": "OFF"}
    iot.update_indexing_configuration(thingIndexingConfiguration=off)
    _, found = verdicts()
    assert found["last seen"]["state"] == "not checked"
    assert "update-indexing-configuration" in found["last seen"]["say"]


def test_a_board_without_an_identity(run):
    seen = run(FakeDevice(), "doctor", "aws")
    assert seen.status == 5 and "no identity yet" in seen.err
    assert run(FakeDevice(), "doctor", "--thing", "x").status == 2


@pytest.mark.parametrize("credentials", [True, False])
def test_the_plain_doctor_asks_aws_too_where_it_can(run, iot, device, monkeypatch, credentials):
    """Of a device that connects to AWS, and with credentials that were there already: nobody is asked for any."""
    break_endpoint(iot, device)
    break_status(iot, device)
    if not credentials:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
    seen = run(device, "doctor", "--json")
    found = {one["name"]: one for one in seen.json["layers"]}
    if credentials:
        assert found["active"]["state"] == "failed" and "is INACTIVE" in found["active"]["say"]
    else:
        assert found and "active" not in found, found

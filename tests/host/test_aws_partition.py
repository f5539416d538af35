"""China's part of AWS, and the USA's for its government, have ARNs of their own: nothing says `arn:aws:` there."""

import json
import re

import boto3
import pytest
from atecc.aws import fleet as fleets
from fakedevice import FakeDevice
from simcloud import Cloud


@pytest.fixture(params=[("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")], ids=lambda one: one[0])
def elsewhere(request, monkeypatch):
    """The partition of an account there; the environment leads to it."""
    region, partition = request.param
    with Cloud(region=region) as running:
        for variable, value in running.environment().items():
            monkeypatch.setenv(variable, value)
        yield partition


def partitions(text):
    return set(re.findall(r"arn:([a-z-]+):", text))


def test_a_fleet_is_shown_made_and_found(run, elsewhere):
    setup = "aws", "fleet", "setup", "--prefix", "s-"
    shown = run(None, *setup, "-v", typed="n\n")
    assert shown.status == 5 and partitions(shown.err) == {elsewhere}
    assert run(None, *setup, "--yes").status == 0
    assert run(None, *setup, "--yes", "--json").json["calls"] == [], "all is as it should be"
    iot = boto3.Session().client("iot")
    said = [iot.get_policy(policyName=one["policyName"]) for one in iot.list_policies()["policies"]]
    said.append(iot.describe_provisioning_template(templateName=fleets.Fleet.template))
    said += [iot.get_topic_rule(ruleName=one["ruleName"]) for one in iot.list_topic_rules()["rules"]]
    assert partitions(json.dumps(said, default=str)) == {elsewhere}


def test_devices_just_in_time(run, elsewhere, tmp_path):
    files = "--ca-cert", tmp_path / "ca.crt.pem", "--ca-key", tmp_path / "ca.key.pem"
    run(FakeDevice(), "aws", "ca", "create", "--subject", "/CN=mine", *files)
    seen = run(FakeDevice(), "aws", "ca", "register", *files, "--jitp", "--json")
    assert seen.status == 0, seen.err
    described = (
        boto3.Session().client("iot").describe_ca_certificate(certificateId=seen.json["ca_certificate_id"])
    )
    assert partitions(json.dumps(described, default=str)) == {elsewhere}


def test_a_board_becomes_a_thing(run, elsewhere):
    seen = run(FakeDevice(), "provision", "aws", "--thing", "sensor-1", "--no-broker-check", "--json")
    assert seen.status == 0, seen.err
    (listed,) = boto3.Session().client("iot").list_things()["things"]
    assert partitions(json.dumps(listed) + seen.out) == {elsewhere}

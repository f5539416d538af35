"""The partitions of AWS, and policies that are long."""

import json

import pytest
from atecc.aws.document import LARGEST, size
from atecc.aws.policy import arn_prefix, operator_policies, partition
from fakedevice import FakeDevice


@pytest.mark.parametrize(
    ("region", "part"),
    [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("eusc-de-east-1", "aws-eusc"),
     ("us-iso-east-1", "aws-iso"), ("us-isob-east-1", "aws-iso-b"), ("eu-isoe-west-1", "aws-iso-e"),
     ("us-isof-south-1", "aws-iso-f"), ("mars-1", None)],
)  # fmt: skip
def test_partitions_are_botos(region, part, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert partition(region) == part
    assert arn_prefix(region, "1").startswith(f"arn:{part or 'aws'}:iot:{region}:1")


@pytest.mark.parametrize("count", [1, 2, 7, 8, 30, 200])
def test_no_policy_is_longer_than_aws_takes(count):
    things = [f"sensor-{number}" for number in range(count - 1)] + ["x" * 128]
    documents = operator_policies(arn_prefix("us-gov-west-1", "123456789012"), things)
    assert all(size(document) <= LARGEST for document in documents)
    for name, part in (("iot:Publish", "topic/{}/rpc"), ("iot:Subscribe", "topicfilter/{}/rpc-resp/")):
        found = [
            resource
            for document in documents
            for statement in document["Statement"]
            if statement["Action"] == name
            for resource in statement["Resource"]
        ]
        assert len(found) == count
        assert all(part.format(thing) in resource for thing, resource in zip(things, found, strict=True))
    connect = [
        one for document in documents for one in document["Statement"] if one["Action"] == "iot:Connect"
    ]
    assert len(connect) == len(documents)


def test_policies_are_printed_as_many_as_there_are(run):
    options = ["--account", "1" * 12, "--region", "eu-west-1"]
    things = [word for number in range(20) for word in ("--thing", f"sensor-{number}")]
    seen = run(FakeDevice(), "operator", "policy", *options, *things)
    assert seen.status == 0 and isinstance(seen.json, list) and "in a list" in seen.err
    assert all(len(json.dumps(one, separators=(",", ":"))) <= 2048 for one in seen.json)
    many = [word for number in range(200) for word in ("--thing", f"sensor-{number}")]
    seen = run(FakeDevice(), "operator", "policy", *options, *many)
    assert seen.status == 2 and "--all" in seen.err

"""Policies of somebody's own: what is none is said before anything is made, and so is what would cut the device off."""

import json

import pytest
from atecc.aws.document import may_connect, read_document
from atecc.aws.policy import device_policy
from atecc.errors import CertificateError

ALLOW = {
    "Effect": "Allow",
    "Action": "iot:Connect",
    "Resource": "arn:aws:iot:eu-west-1:123456789012:client/s1",
}


def policy(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, '"Version" is null'),
        ([], "not an object"),
        ({"Version": "2012-10-17"}, 'no "Statement"'),
        (policy(), 'no "Statement"'),
        ({"Version": "2012", "Statement": [ALLOW]}, '"Version" is "2012"'),
        (policy("x"), "not an object"),
        (policy(ALLOW | {"Effect": "allow"}), "Effect"),
        (policy({k: ALLOW[k] for k in ("Effect", "Action")}), '"Resource"'),
        (policy(ALLOW | {"Action": []}), '"Action"'),
        (policy(ALLOW | {"Action": [1]}), '"Action"'),
        (policy(*[ALLOW] * 40), "2048 at most"),
        ({"policyName": "x", "policyDocument": "{}"}, "get-policy"),
    ],
)
def test_what_is_no_policy(tmp_path, document, said):
    (tmp_path / "p").write_text(json.dumps(document))
    with pytest.raises(CertificateError, match=r"is not a policy|characters|prints") as caught:
        read_document(tmp_path / "p")
    assert said in caught.value.message


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_is_one(tmp_path, codec):
    (tmp_path / "p").write_bytes(json.dumps(policy(ALLOW)).encode(codec))
    assert read_document(tmp_path / "p") == policy(ALLOW)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 100000])
def test_what_is_no_json(tmp_path, data):
    (tmp_path / "p").write_bytes(data)
    with pytest.raises(CertificateError, match="is not JSON"):
        read_document(tmp_path / "p")


def connect(resource, **more):
    return ALLOW | {"Resource": resource} | more


@pytest.mark.parametrize(
    ("document", "client_id", "expected"),
    [
        (policy(ALLOW), "s1", True),
        (policy(ALLOW), "s2", False),
        (policy(connect("*")), "x", True),
        (policy(connect("arn:aws:iot:*:*:client/${iot:ClientId}")), "x", True),
        (policy(connect("arn:aws:iot:*:*:client/s*")), "s9", True),
        (policy(connect("arn:aws:iot:*:*:client/s?")), "s99", False),
        (policy(connect("arn:aws-cn:iot:r:1:client/${iot:Connection.Thing.ThingName}")), "s1", True),
        (policy(connect("arn:aws:iot:r:1:client/${iot:Connection.Thing.ThingName}")), "x", False),
        (policy(connect("arn:aws:iot:r:1:client/${iot:Certificate.Subject.CommonName}")), "x", None),
        (policy(connect("*", Action="iot:*")), "x", True),
        (policy(connect("*", Action="*")), "x", True),
        (policy(connect("*", Action="iot:Publish")), "x", False),
        (policy(connect("*"), connect("*/s1", Effect="Deny")), "s1", False),
        (policy(connect("*"), connect("*/s1", Effect="Deny")), "s2", True),
        (policy(connect("*", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})), "x", None),
        (policy(connect("*"), connect("*", Effect="Deny", Condition={"Bool": {"a": "b"}})), "x", None),
        (device_policy("arn:aws:iot:r:1:thing/s1"), "s1", True),
        (device_policy("arn:aws:iot:r:1:thing/s1"), "x", False),
        ({"Version": "2012-10-17", "Statement": ALLOW}, "s1", True),
        ({}, "s1", False),
    ],
)
def test_may_it_connect(document, client_id, expected):
    assert may_connect(document, client_id, "s1") is expected

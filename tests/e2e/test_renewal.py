"""A device that obtains its next certificate by itself, over its own link; whatever fails leaves it as it was."""

import json

import boto3
import pytest
from cloud.templates import body, role
from repl import Repl
from simcloud.faults import ApiError

TOPICS = ("$aws/certificates/create-from-csr/json", "$aws/provisioning-templates/{}/provision/json")

RENEW = """
import device
from job import complete
from renewal.obtain import renew
try:
    said = complete(renew(device, given["template"], given.get("parameters"), given.get("timeout", 10)))
except Exception as e:
    said = {"error": getattr(e, "kind", repr(e)), "message": str(e)}
"""


@pytest.fixture(scope="module")
def account(cloud):
    """boto3's client, and a template by which things renew themselves."""
    session = boto3.Session(
        aws_access_key_id=cloud.credentials.access_key_id,
        aws_secret_access_key=cloud.credentials.secret_access_key,
        region_name=cloud.region,
    )
    iot = session.client("iot", endpoint_url=cloud.endpoint_url)
    arn = role(session.client("iam", endpoint_url=cloud.endpoint_url), "renews", "iot")
    policy = {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": "renewing"}}
    iot.create_policy(policyName="renewing", policyDocument=allowed(cloud, iot))
    resources = json.loads(body())["Resources"] | {"policy": policy}
    del resources["thing"]["Properties"][
        "AttributePayload"
    ]  # AWS allows a thing three, and the tool has given it three
    for name, changes in (("renews", {}), ("grants-nothing", {"policy": None})):
        listed = {key: one for key, one in (resources | changes).items() if one}
        template = body(Resources=listed, DeviceConfiguration={"color": {"Ref": "Color"}})
        iot.create_provisioning_template(
            templateName=name, templateBody=template, provisioningRoleArn=arn, enabled=True
        )
    return iot


def allowed(cloud, iot):
    prefix = f"arn:aws:iot:{cloud.region}:{cloud.account}"
    names = [topic.format("*") + end for topic in TOPICS for end in ("", "/*")]
    statements = [
        {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": ["iot:Publish", "iot:Receive"],
            "Resource": [f"{prefix}:topic/{name}" for name in names],
        },
        {
            "Effect": "Allow",
            "Action": "iot:Subscribe",
            "Resource": [f"{prefix}:topicfilter/{name}" for name in names],
        },
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.fixture
def thing(aws, cloud, account, request):
    """A connected device whose certificate may ask for another one; its name."""
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)[:60]
    done = aws.succeeds(
        "--json",
        "provision",
        "aws",
        "--thing",
        name,
        "--server-ca",
        cloud.server_ca_file,
        "--no-broker-check",
    ).json
    account.attach_policy(policyName="renewing", target=done["certificate_arn"])
    return name


def renew(user, **given):
    with Repl(user.port) as repl:
        return repl.value("said", RENEW, given)


def status(user):
    return user.succeeds("--json", "identity", "status").json


def test_it_renews_itself_and_is_connected_with_the_new_one(aws, account, thing):
    with Repl(aws.port) as repl:
        before = repl.value("m", "import gc\ngc.collect()\nm = gc.mem_alloc()")
    said = renew(aws, template="renews", parameters={"Color": "blue"})
    assert said.get("identity") == "b", said
    assert said["configuration"] == {"color": "blue"} and said["tls"]["signed"]
    described = account.describe_certificate(certificateId=said["certificate"])["certificateDescription"]
    assert described["status"] == "ACTIVE"
    connected = aws.succeeds("--json", "mqtt", "connect").json
    assert (connected["identity"], connected["client_id"]) == ("b", thing)
    with Repl(aws.port) as repl:
        names = "[n for n in sys.modules if n.startswith('renewal')]"
        assert repl.value(names, "import sys\nfor n in ('renewal', 'renewal.obtain', 'renewal.exchange'):"
                          " sys.modules.pop(n, None)") == []  # fmt: skip
        after = repl.value("m", "import gc\ngc.collect()\nm = gc.mem_alloc()")
    assert after - before < 8192, "it leaves nothing behind"
    again = renew(aws, template="renews")
    assert again["identity"] == "a" and again["certificate"] != said["certificate"]


@pytest.mark.parametrize("service", ["mqtt:CreateCertificateFromCsr", "mqtt:RegisterThing"])
def test_what_aws_rejects_or_leaves_unanswered(aws, cloud, thing, service):
    cloud.faults.add(service, ApiError(403, "ACCESS_DENIED", "not you"))
    said = renew(aws, template="renews")
    assert said["error"] == "rejected" and "not you (ACCESS_DENIED)" in said["message"]
    cloud.faults.lose(service)
    said = renew(aws, template="renews", timeout=0.5)
    assert said["error"] == "timeout"
    assert unchanged(aws)


def unchanged(user):
    now = status(user)
    link = user.succeeds("--json", "mqtt", "connect").json
    return (now["active"], now["identities"]["b"]["state"], link["identity"], link["subscriptions"]) == (
        "a", "empty", "a", [],
    )  # fmt: skip


def test_what_the_broker_does_not_let_in_is_not_committed(aws, thing):
    with Repl(aws.port) as repl:
        hurry = "import link.link\nlink.link._AGAIN_MS = 100\n"
        said = repl.value("said", hurry + RENEW, {"template": "grants-nothing"})
    assert said["error"] == "closed", said
    assert unchanged(aws)


def test_a_device_that_may_not_ask_is_cut_off_and_comes_back(aws, account, cloud, thing):
    arn = account.list_thing_principals(thingName=thing)["principals"][0]
    account.detach_policy(policyName="renewing", target=arn)
    assert renew(aws, template="renews")["error"] == "closed"
    assert unchanged(aws)


def test_without_an_identity_there_is_nothing_to_renew(user):
    assert renew(user, template="renews")["error"] == "state"

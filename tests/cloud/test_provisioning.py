"""Fleet provisioning, as a device asks for it over MQTT: tokens, templates, hooks, claims."""

import json

import pytest
from botocore.exceptions import ClientError
from cloud.devices import EVERYTHING, csr, document
from cloud.templates import body, hook, role, zipped
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

CREATE = "$aws/certificates/create-from-csr/json"


@pytest.fixture(scope="module")
def iam(client):
    return client(service="iam")


@pytest.fixture(scope="module")
def functions(client):
    return client(service="lambda")


@pytest.fixture(scope="module")
def registering(iam):
    return role(iam, "registers", "iot")


@pytest.fixture(scope="module")
def policy(iot):
    iot.create_policy(policyName="fleet", policyDocument=document(EVERYTHING))


@pytest.fixture
def template(iot, fleet, registering, policy):
    """Makes one; its name."""

    def make(**params):
        wanted = {"templateBody": body(), "provisioningRoleArn": registering, "enabled": True} | params
        return iot.create_provisioning_template(templateName=fleet.name(), **wanted)["templateName"]

    return make


@pytest.fixture
def hooked(functions, iam, fleet, template):
    """A template with a hook of this source; its name."""

    def make(source, policy=None):
        return template(preProvisioningHook={"targetArn": hook(functions, iam, fleet.name(), source, policy)})

    return make


class Asker:
    """A device that asks, and subscribes before."""

    def __init__(self, device):
        self.device = device
        self.subscribed = set()

    def ask(self, topic, request):
        for ending in ("accepted", "rejected"):
            if f"{topic}/{ending}" not in self.subscribed:
                assert self.device.subscribe(f"{topic}/{ending}", 1)
                self.subscribed.add(f"{topic}/{ending}")
        text = request if isinstance(request, str) else json.dumps(request)
        before = len(self.device.inbox)
        assert self.device.publish(topic, text)
        came = self.device.received(before + 1, patience=60)
        assert len(came) > before, "no answer"
        came = came[-1]
        return came[0].rpartition("/")[2], json.loads(came[1])

    def certificate(self, key=None):
        ending, answer = self.ask(CREATE, {"certificateSigningRequest": csr(key)})
        assert ending == "accepted", answer
        return answer

    def register(self, template, token, **parameters):
        topic = f"$aws/provisioning-templates/{template}/provision/json"
        return self.ask(topic, {"certificateOwnershipToken": token, "parameters": parameters})


@pytest.fixture
def asker(fleet):
    return Asker(fleet.connected())


def refused(code):
    return pytest.raises(ClientError, check=lambda error: error.response["Error"]["Code"] == code)


def status(iot, certificate_id):
    return iot.describe_certificate(certificateId=certificate_id)["certificateDescription"]["status"]


def test_a_certificate_waits_and_is_registered_as_the_template_says(asker, fleet, iot, template):
    key, name = ec.generate_private_key(ec.SECP256R1()), fleet.name()
    issued = asker.certificate(key)
    assert status(iot, issued["certificateId"]) == "PENDING_ACTIVATION"
    identity = fleet.files(key, issued["certificatePem"])
    assert not fleet.device(identity, name).connect()
    ending, answer = asker.register(template(), issued["certificateOwnershipToken"], ThingName=name)
    assert (ending, answer) == (
        "accepted", {"deviceConfiguration": {"hello": f"from-{name}"}, "thingName": name},
    )  # fmt: skip
    assert status(iot, issued["certificateId"]) == "ACTIVE"
    assert iot.describe_thing(thingName=name)["attributes"] == {"color": "red"}
    assert fleet.device(identity, name).connect()


def test_a_token_is_one_certificates_and_ends(asker, cloud, fleet, iot, template):
    made = template()
    for token in (None, "nonsense"):
        ending, answer = asker.register(made, token, ThingName=fleet.name())
        assert (ending, answer["statusCode"]) == ("rejected", 400)
    used, late = asker.certificate(), asker.certificate()
    assert asker.register(made, used["certificateOwnershipToken"], ThingName=fleet.name())[0] == "accepted"
    assert asker.register(made, used["certificateOwnershipToken"], ThingName=fleet.name())[0] == "rejected"
    cloud.pass_time(3600)
    ending, answer = asker.register(made, late["certificateOwnershipToken"], ThingName=fleet.name())
    assert answer["errorCode"] == "InvalidCertificateOwnershipToken"
    with refused("ResourceNotFoundException"):
        status(iot, late["certificateId"])
    assert status(iot, used["certificateId"]) == "ACTIVE"


@pytest.mark.parametrize("request_text", ["", "[]", "{}", '{"certificateSigningRequest": "x"}'])
def test_a_request_that_is_none_is_rejected(asker, request_text):
    ending, answer = asker.ask(CREATE, request_text)
    assert ending == "rejected" and set(answer) == {"statusCode", "errorCode", "errorMessage"}


def test_only_who_asks_and_has_subscribed_hears_the_answer(asker, cloud, fleet):
    other = fleet.connected()
    other.subscribe(f"{CREATE}/accepted", 1)
    issued = asker.certificate()
    silent = fleet.connected()
    assert silent.publish(CREATE, json.dumps({"certificateSigningRequest": csr()}))
    asker.certificate()
    assert issued and not other.inbox and not silent.inbox
    assert "hasn't subscribed" in fleet.last_reason(silent)
    asker.device.mqtt.unsubscribe(f"{CREATE}/accepted")
    assert asker.device.publish(CREATE, json.dumps({"certificateSigningRequest": csr()}))
    other.subscribe(f"{CREATE}/rejected", 1)
    Asker(other).ask(CREATE, "{}")
    assert "hasn't subscribed" in fleet.last_reason(asker.device)


def test_what_may_not_be_published_is_not_served(cloud, fleet):
    from cloud.devices import allow

    device = fleet.connected(allow("iot:Connect", "iot:Subscribe", "iot:Receive"))
    device.subscribe(f"{CREATE}/accepted", 1)
    assert not device.publish(CREATE, json.dumps({"certificateSigningRequest": csr()}))
    assert not [
        one for one in cloud.decisions if one.who == device.client_id and one.action.startswith("mqtt:")
    ]


def test_ordered_faults(asker, cloud):
    cloud.faults.throttle("mqtt:CreateCertificateFromCsr")
    ending, answer = asker.ask(CREATE, {"certificateSigningRequest": csr()})
    assert (ending, answer["statusCode"]) == ("rejected", 429)


# --- the hook

ALLOW = "def handler(event, context):\n    return {'allowProvisioning': True}\n"


def test_the_hook_learns_who_asks_and_overrides(asker, fleet, iot, hooked):
    made = hooked(
        "def handler(event, context):\n"
        "    assert set(event) == {'claimCertificateId', 'certificateId', 'certificatePem', 'templateArn',\n"
        "                          'clientId', 'parameters'}\n"
        "    name = event['clientId'] + '-' + event['claimCertificateId'][:8]\n"
        "    return {'allowProvisioning': True, 'parameterOverrides': {'ThingName': name}}\n"
    )
    token = asker.certificate()["certificateOwnershipToken"]
    _, answer = asker.register(made, token, ThingName="what-it-would-like")
    assert answer["thingName"].startswith(asker.device.client_id + "-")
    with refused("ResourceNotFoundException"):
        iot.describe_thing(thingName="what-it-would-like")


@pytest.mark.parametrize(
    "does",
    [
        "return {'allowProvisioning': False}", "return {'allowProvisioning': 'true'}", "return None",
        "raise ValueError()", "import time; time.sleep(1)", "import cryptography",
        "import boto3; boto3.client('iot').list_things()",
    ],
)  # fmt: skip
def test_anything_but_yes_is_access_denied(asker, fleet, iot, hooked, monkeypatch, does):
    monkeypatch.setattr("simcloud.provisioning.HOOK_SECONDS", 0.3)
    made = hooked(f"def handler(event, context):\n    {does}\n    return {{'allowProvisioning': True}}\n")
    issued = asker.certificate()
    ending, answer = asker.register(made, issued["certificateOwnershipToken"], ThingName=fleet.name())
    assert (ending, answer["errorCode"]) == ("rejected", "ACCESS_DENIED"), answer
    assert status(iot, issued["certificateId"]) == "PENDING_ACTIVATION"


def test_the_hook_calls_aws_with_its_roles_rights(asker, fleet, hooked):
    made = hooked(
        "import boto3\niot = boto3.client('iot')\n"
        "def handler(event, context):\n    iot.list_things()\n    return {'allowProvisioning': True}\n",
        document({"Effect": "Allow", "Action": "iot:ListThings", "Resource": "*"}),
    )
    token = asker.certificate()["certificateOwnershipToken"]
    assert asker.register(made, token, ThingName=fleet.name())[0] == "accepted"


def test_the_permission_to_call_it_may_be_taken_back(asker, fleet, functions, hooked, iot):
    made = hooked(ALLOW)
    arn = iot.describe_provisioning_template(templateName=made)["preProvisioningHook"]["targetArn"]
    functions.remove_permission(FunctionName=arn, StatementId="iot")
    token = asker.certificate()["certificateOwnershipToken"]
    assert asker.register(made, token, ThingName=fleet.name())[1]["errorCode"] == "ACCESS_DENIED"
    with refused("InvalidRequestException"):
        iot.update_provisioning_template(templateName=made, preProvisioningHook={"targetArn": arn})
    functions.delete_function(FunctionName=arn)
    with refused("ResourceNotFoundException"):
        functions.get_function(FunctionName=arn)


# --- the API


@pytest.mark.parametrize(
    "changes",
    [
        {"Resources": {}}, {"Parameters": {}}, {"Parameters": {"ThingName": "String"}}, {"More": 1},
        {"DeviceConfiguration": {"x": {"Ref": "Unknown"}}}, {"DeviceConfiguration": {"x": {"Fn::Sub": "y"}}},
    ],
)  # fmt: skip
def test_a_malformed_template_is_refused(template, changes):
    with refused("InvalidRequestException"):
        template(templateBody=body(**changes))


def test_the_role_has_to_be_there_trusted_and_passable(template, iam, iot, client, cloud, fleet, registering):
    with refused("InvalidRequestException"):
        template(provisioningRoleArn=registering + "x")
    with refused("InvalidRequestException"):
        template(provisioningRoleArn=role(iam, fleet.name(), "lambda"))
    with refused("AccessDeniedException"):
        client(cloud.powerless_credentials).create_provisioning_template(
            templateName="x", templateBody=body(), provisioningRoleArn=registering
        )
    with refused("AccessDenied"):
        client(cloud.powerless_credentials, service="iam").get_role(RoleName="registers")
    with refused("NoSuchEntity"):
        iam.get_role(RoleName="nobody")


def test_a_role_without_the_managed_policy_registers_nothing(asker, template, iam, fleet):
    made = template(provisioningRoleArn=role(iam, fleet.name(), "iot", None))
    token = asker.certificate()["certificateOwnershipToken"]
    assert asker.register(made, token, ThingName=fleet.name())[1]["statusCode"] == 403


def test_a_disabled_template_serves_nobody(asker, template, iot, fleet):
    made = template(enabled=False)
    token = asker.certificate()["certificateOwnershipToken"]
    assert asker.register(made, token, ThingName=fleet.name())[0] == "rejected"
    iot.update_provisioning_template(templateName=made, enabled=True)
    assert asker.register(made, token)[1]["errorCode"] == "InvalidParameters"
    assert asker.register(made, token, ThingName=fleet.name())[0] == "accepted"
    assert made in [one["templateName"] for one in iot.list_provisioning_templates()["templates"]]
    iot.delete_provisioning_template(templateName=made)
    with refused("ResourceNotFoundException"):
        iot.describe_provisioning_template(templateName=made)


def test_a_function_needs_a_zip_and_its_role(functions, iam, fleet):
    arn = role(iam, fleet.name(), "iot")
    wanted = {"FunctionName": "x", "Runtime": "python3.13", "Handler": "hook.handler"}
    with refused("InvalidParameterValueException"):
        functions.create_function(**wanted, Role=arn, Code={"ZipFile": zipped(ALLOW)})
    with refused("ResourceNotFoundException"):
        functions.get_policy(FunctionName="x")


# --- claims


def test_a_claim_may_register_by_its_template_for_five_minutes(fleet, cloud, iot, template):
    made, other = template(), template()
    claim = iot.create_provisioning_claim(templateName=made)
    key = load_pem_private_key(claim["keyPair"]["PrivateKey"].encode(), None)
    identity = fleet.files(key, claim["certificatePem"])
    device = fleet.device(identity)
    assert device.connect()
    asker = Asker(device)
    token = asker.certificate()["certificateOwnershipToken"]
    assert asker.register(made, token, ThingName=fleet.name())[0] == "accepted"
    assert not device.subscribe(f"$aws/provisioning-templates/{other}/provision/json/accepted")
    cloud.pass_time(301)
    assert not fleet.device(identity).connect()

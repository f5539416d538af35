"""AWS IoT: against the stand-in where AWS plays along, against botocore's own errors where it doesn't."""

import base64
import json

import pytest
from atecc.aws.cloud import Cloud as AwsCloud
from atecc.aws.errors import explain
from atecc.aws.policy import device_policy, operator_policy
from atecc.errors import AwsError
from atecc.provisioning.workflow import Provisioning
from botocore import exceptions
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from fakedevice import SERIAL, FakeDevice
from ports import free_port

REGION = "eu-west-1"
AWS = ["provision", "aws", "--thing", "sensor-1", "--endpoint", "broker.invalid:8883"]


@pytest.fixture
def cloud(monkeypatch):
    """A client of the stand-in for AWS IoT, in a new account; the environment leads `atecc` there too."""
    import boto3
    from simcloud import Cloud

    monkeypatch.setattr(Provisioning, "retry_pause", 0)
    with Cloud() as stand_in:
        for name, value in stand_in.environment().items():
            monkeypatch.setenv(name, value)
        yield boto3.Session().client("iot")


@pytest.fixture
def refuse(monkeypatch):
    """Have AWS answer some operations with an error."""

    def refuse(**codes):
        real = AwsCloud._call

        def call(self, operation, **params):
            if operation in codes:
                error = ClientError(
                    {"Error": {"Code": codes[operation], "Message": "said by AWS"}}, operation
                )
                raise explain(error, self.iot.meta.method_to_api_mapping[operation], self.region)
            return real(self, operation, **params)

        monkeypatch.setattr(AwsCloud, "_call", call)

    return refuse


def untouched(board):
    return "Identity.Begin" not in board.calls and not board.keys


def test_the_whole_job(board, run, cloud):
    seen = run(board, *AWS, "--json")
    assert seen.status == 0, seen.err
    data = seen.json
    assert (data["thing"], data["client_id"], data["chip"]["serial"]) == ("sensor-1", "sensor-1", SERIAL)
    [certificate] = cloud.list_certificates()["certificates"]
    assert certificate["status"] == "ACTIVE"
    arn = certificate["certificateArn"]
    assert cloud.list_thing_principals(thingName="sensor-1")["principals"] == [arn]
    assert [p["policyName"] for p in cloud.list_attached_policies(target=arn)["policies"]] == ["atecc-device"]
    on_board = x509.load_der_x509_certificate(base64.b64decode(board.records["a"]["certificate"]))
    assert (
        on_board.subject.rfc4514_string() == "CN=AWS IoT Certificate"
    )  # AWS takes no subject from a request
    assert on_board.public_bytes(Encoding.PEM).decode() == data["certificate_pem"]


def test_the_policy_lets_a_device_be_itself_only(board, run, cloud):
    run(board, *AWS)
    document = json.loads(cloud.get_policy(policyName="atecc-device")["policyDocument"])
    prefix = cloud.describe_thing(thingName="sensor-1")["thingArn"].removesuffix("thing/sensor-1")
    thing = "${iot:Connection.Thing.ThingName}"
    connect, publish, subscribe = document["Statement"]
    assert connect["Action"] == "iot:Connect" and connect["Resource"] == f"{prefix}client/{thing}"
    assert connect["Condition"] == {"Bool": {"iot:Connection.Thing.IsAttached": "true"}}
    for statement in (publish, subscribe):
        assert all(thing in resource and resource.startswith(prefix) for resource in statement["Resource"])
    assert len(json.dumps(document, separators=(",", ":"))) < 2048


def test_the_trusted_roots_are_amazons(board, run, cloud):
    run(board, *AWS)
    roots = [x509.load_der_x509_certificate(base64.b64decode(c)) for c in board.records["a"]["ca"]]
    assert {r.subject.rfc4514_string() for r in roots} == {
        "CN=Amazon Root CA 1,O=Amazon,C=US",
        "CN=Amazon Root CA 3,O=Amazon,C=US",
    }


def test_the_endpoint_is_what_aws_says(board, run, cloud):
    seen = run(board, "provision", "aws", "--thing", "sensor-1", "--no-broker-check", "--json")
    said = cloud.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    assert (seen.json["endpoint"], seen.json["port"]) == (said, 8883)


def test_a_second_board_shares_the_policy(board, run, cloud):
    assert run(board, *AWS).status == 0
    seen = run(FakeDevice(), "provision", "aws", "--thing", "sensor-2", *AWS[4:])
    assert seen.status == 0 and "policy atecc-device is there, as it should be" in seen.err
    assert len(cloud.list_policies()["policies"]) == 1


def other_policy(cloud, name):
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}],
    }
    cloud.create_policy(policyName=name, policyDocument=json.dumps(document))
    return document


def test_another_policy_of_that_name_is_never_overwritten(board, run, cloud):
    document = other_policy(cloud, "atecc-device")
    seen = run(board, *AWS)
    assert seen.status == 5 and "it is not overwritten" in seen.err and untouched(board)
    assert json.loads(cloud.get_policy(policyName="atecc-device")["policyDocument"]) == document


def test_a_policy_of_ones_own(board, run, cloud, tmp_path):
    document = other_policy(cloud, "mine")
    seen = run(board, *AWS, "--policy", "mine")
    assert seen.status == 0 and "policy mine is there, and used as it is" in seen.err
    (tmp_path / "p.json").write_text(json.dumps(document | {"Statement": document["Statement"] * 2}))
    seen = run(FakeDevice(), *AWS, "--policy", "mine", "--policy-file", tmp_path / "p.json")
    assert seen.status == 5 and "not overwritten" in seen.err
    other = ["provision", "aws", "--thing", "sensor-2", *AWS[4:]]
    seen = run(FakeDevice(), *other, "--policy", "new", "--policy-file", tmp_path / "p.json")
    assert seen.status == 0 and "policy new made (yours)" in seen.err


@pytest.mark.parametrize(("text", "status"), [("{", 6), ("[]", 6)])
def test_a_policy_file_that_is_none(board, run, cloud, tmp_path, text, status):
    (tmp_path / "p.json").write_text(text)
    seen = run(board, *AWS, "--policy", "x", "--policy-file", tmp_path / "p.json")
    assert seen.status == status and untouched(board)
    assert run(board, *AWS, "--policy-file", tmp_path / "p.json").status == 2


def test_no_credentials(board, run, cloud, monkeypatch, tmp_path):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    seen = run(board, *AWS)
    assert seen.status == 7 and "No AWS credentials were found" in seen.err and "aws sso login" in seen.err
    assert untouched(board)


def test_no_region(board, run, cloud, monkeypatch, tmp_path):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    seen = run(board, *AWS)
    assert seen.status == 7 and "No AWS region is set" in seen.err and untouched(board)
    assert run(board, *AWS, "--region", REGION).status == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--region", "not a region"], "not an AWS region"),
        (["--profile", "nobody"], "nobody"),
        (["--aws-endpoint-url", "http://127.0.0.1:1"], "AWS can't be reached"),
        (["--aws-endpoint-url", "nonsense"], "nonsense"),
    ],
)
def test_settings_that_dont_work(board, run, cloud, options, said, monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    seen = run(board, *AWS, *options)
    assert seen.status == 7 and said in seen.err and untouched(board)


BEFORE = ["describe_endpoint", "create_certificate_from_csr", "create_thing", "get_policy", "create_policy"]


@pytest.mark.parametrize("operation", BEFORE)
def test_denied_before_the_chip_makes_a_key(board, run, cloud, refuse, operation):
    refuse(**{operation: "AccessDeniedException"})
    seen = run(board, *AWS)
    assert seen.status == 7 and "AWS denies iot:" in seen.err and untouched(board)
    assert cloud.list_certificates()["certificates"] == []


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("UnrecognizedClientException", "does not know these credentials"),
        ("ExpiredTokenException", "credentials have expired"),
        ("InvalidSignatureException", "credentials' signature"),
        ("ThrottlingException", "AWS slows us down"),
        ("ServiceUnavailableException", "said by AWS"),
    ],
)
def test_other_refusals(board, run, cloud, refuse, code, said):
    refuse(describe_endpoint=code)
    seen = run(board, *AWS)
    assert seen.status == 7 and said in seen.err, seen.err
    assert untouched(board) and "Traceback" not in seen.err


def test_a_denial_names_the_permission(board, run, cloud, refuse):
    refuse(create_certificate_from_csr="AccessDeniedException")
    assert "permission iot:CreateCertificateFromCsr" in run(board, *AWS).err


@pytest.mark.parametrize("operation", ["attach_policy", "attach_thing_principal"])
def test_refused_after_the_certificate_was_issued(board, run, cloud, refuse, operation):
    board.identity()
    refuse(**{operation: "AccessDeniedException"})
    seen = run(board, *AWS, "--take-over")
    assert seen.status == 7 and "was deactivated and deleted" in seen.err, seen.err
    assert cloud.list_certificates()["certificates"] == []
    assert board.records["b"]["state"] == "empty" and "old, slot 0" in seen.err


def test_what_cant_be_taken_back_is_named(board, run, cloud, refuse):
    refuse(attach_policy="AccessDeniedException", update_certificate="AccessDeniedException")
    seen = run(board, *AWS)
    [certificate] = cloud.list_certificates()["certificates"]
    assert (
        seen.status == 7
        and certificate["certificateId"] in seen.err
        and "could not be taken back" in seen.err
    )


@pytest.mark.parametrize("method", ["Identity.Stage", "Identity.Try", "Identity.Commit"])
def test_what_the_board_refuses_is_taken_back_in_the_cloud(board, run, cloud, method):
    board.faults[method] = {"code": 503, "kind": "mqtt", "message": "closed without a word"}
    seen = run(board, *AWS)
    assert seen.status == 8 and "was deactivated and deleted" in seen.err
    assert cloud.list_certificates()["certificates"] == []
    assert cloud.list_things()["things"], "the thing stays: it was not ours to delete"


def test_trying_has_patience_with_aws(board, run, cloud):
    closed = {"code": 503, "kind": "mqtt", "message": "closed without a word"}
    board.faults["Identity.Try"] = [closed, closed, None]
    assert run(board, *AWS).status == 0
    assert board.calls.count("Identity.Try") == 3


def test_a_certificate_for_another_key(board, run, cloud, monkeypatch):
    def moto_like(self, operation, **params):
        return real(self, operation, **params | {"certificateSigningRequest": other_request()})

    def other_request():
        der = base64.b64decode(FakeDevice().Identity_Begin([[["CN", "other"]]])["csr"])
        return x509.load_der_x509_csr(der).public_bytes(Encoding.PEM).decode()

    real = AwsCloud.change_once
    monkeypatch.setattr(AwsCloud, "change_once", moto_like)
    seen = run(board, *AWS)
    assert seen.status == 6 and "is for another key than the chip's: nothing was written" in seen.err
    assert "Identity.Stage" not in board.calls and cloud.list_certificates()["certificates"] == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (exceptions.NoCredentialsError(), "No AWS credentials"),
        (exceptions.PartialCredentialsError(provider="env", cred_var="x"), "No AWS credentials"),
        (exceptions.NoRegionError(), "No AWS region"),
        (exceptions.EndpointConnectionError(endpoint_url="https://x"), "can't be reached"),
        (exceptions.ConnectTimeoutError(endpoint_url="https://x"), "can't be reached"),
        (exceptions.SSLError(endpoint_url="https://x", error="bad"), "not trusted"),
        (exceptions.UnauthorizedSSOTokenError(), "login has expired"),
        (exceptions.ParamValidationError(report="x"), "could not do iot:CreateThing"),
    ],
)
def test_boto3s_own_trouble_in_words(error, said):
    found = explain(error, "CreateThing", REGION)
    assert isinstance(found, AwsError) and said in found.message


# Somebody else than AWS


def nobody_listens(*_):
    raise OSError("nothing listens there")


STAND_IN = f"http://127.0.0.1:{free_port()}"


@pytest.mark.parametrize(
    ("variables", "options", "who"),
    [
        ({"AWS_ENDPOINT_URL": STAND_IN}, [], "$AWS_ENDPOINT_URL"),
        ({"AWS_ENDPOINT_URL_IOT": STAND_IN}, [], "$AWS_ENDPOINT_URL"),
        ({"AWS_CONFIG_FILE": "config"}, [], "the AWS configuration"),
        ({}, ["--aws-endpoint-url", STAND_IN], "--aws-endpoint-url"),
    ],
)
def test_an_endpoint_that_is_not_awss_is_named_before_anything_is_sent(
    board, run, monkeypatch, tmp_path, variables, options, who
):
    (tmp_path / "config").write_text(f"[default]\nendpoint_url = {STAND_IN}\n")
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", nobody_listens)
    seen = run(board, *AWS, *options)
    said = seen.err.index(f"AWS is not asked: {STAND_IN} stands in for it")
    assert seen.status != 0 and said < seen.err.index("asking AWS IoT") and who in seen.err


def test_aws_itself_is_not_remarked_upon(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    for region in ("eu-west-1", "cn-north-1", "us-gov-west-1"):
        assert AwsCloud(region).elsewhere == ""


def test_throttling_is_waited_out(cloud):
    """botocore itself retries: five attempts in all."""
    config = AwsCloud(REGION).iot.meta.config
    assert config.retries["mode"] == "standard" and config.retries["total_max_attempts"] == 5


def test_the_policy_is_built_from_the_things_arn():
    document = device_policy("arn:aws-cn:iot:cn-north-1:42:thing/x")
    assert document["Statement"][0]["Resource"].startswith("arn:aws-cn:iot:cn-north-1:42:client/")


# An operator's policy


ACCOUNT = ["--account", "123456789012"]


def test_the_policy_of_an_operator(board, run):
    seen = run(board, "operator", "policy", "--thing", "a", "--thing", "b", *ACCOUNT, "--region", "eu-west-1")
    assert seen.status == 0 and seen.err == "" and board.calls == []
    prefix = "arn:aws:iot:eu-west-1:123456789012"
    assert seen.json == operator_policy(prefix, ["a", "b"])
    publish = next(one for one in seen.json["Statement"] if one["Action"] == "iot:Publish")
    assert publish["Resource"] == [f"{prefix}:topic/a/rpc", f"{prefix}:topic/b/rpc"]
    assert not any(one["Effect"] == "Deny" for one in seen.json["Statement"])


def test_the_policy_for_all_things_forbids_to_answer_for_them(board, run, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "cn-north-1")
    seen = run(board, "operator", "policy", "--all", *ACCOUNT)
    assert seen.json["Statement"][-1]["Effect"] == "Deny"
    assert seen.json["Statement"][0]["Resource"] == ["arn:aws-cn:iot:cn-north-1:123456789012:client/atecc-*"]


@pytest.mark.parametrize(
    "options",
    [[], ["--thing", "a", "--all"], ["--thing", "a/b"], ["--thing", "*"], ["--all", "--account", "42"]],
)
def test_policies_that_make_no_sense(board, run, options):
    assert run(board, "operator", "policy", *ACCOUNT, "--region", "eu-west-1", *options).status == 2


def test_a_thing_whose_topics_would_be_everybodys_is_refused(board, run, cloud):
    """What is called things would be allowed things/*, where the topics of all things are."""
    seen = run(board, "provision", "aws", "--thing", "things")
    assert seen.status == 2 and "things/" in seen.err and board.calls == []

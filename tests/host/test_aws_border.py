"""Whatever boto3 meets on its way to AWS, and whatever answers there: a sentence, and never "a defect of this tool"."""

import random
from collections import Counter

import pytest
from atecc.aws import patience
from atecc.aws.cloud import Cloud
from atecc.aws.errors import explain
from atecc.aws.pace import Pace
from atecc.errors import AwsError
from atecc.provisioning.workflow import Provisioning
from botocore import exceptions
from botocore.awsrequest import AWSResponse
from fakedevice import FakeDevice

AWS = ["provision", "aws", "--thing", "s1", "--no-broker-check"]
STAND_IN = "http://127.0.0.1:9"


class Raw(list):
    """A body, as urllib3 gives it."""

    def stream(self, **_):
        yield from self


@pytest.fixture
def answer(monkeypatch):
    """Have everything that is sent answered with (status, content type, body), or with what is raised."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)

    def answer(status, kind="application/json", body=b""):
        def send(self, request):
            if isinstance(status, BaseException):
                raise status
            return AWSResponse(request.url, status, {"content-type": kind}, Raw([body]))

        monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", send)

    return answer


@pytest.fixture(autouse=True)
def account(monkeypatch, tmp_path):
    """Somebody's credentials, and nobody else's configuration."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIAX",
        "AWS_SECRET_ACCESS_KEY": "y",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": STAND_IN,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def profile(monkeypatch, tmp_path):
    """Write a profile, which is the only place for credentials then."""

    def profile(lines, file="config"):
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name, raising=False)
        data = lines if isinstance(lines, bytes) else f"[profile x]\nregion = eu-west-1\n{lines}\n".encode()
        (tmp_path / file).write_bytes(data)
        return ["--profile", "x"]

    return profile


def sentence(seen, status=(7,)):
    assert seen.status in status, seen.err
    for never in ("defect of this tool", "Traceback", "iot:starting", "the AWS configuration'"):
        assert never not in seen.err, seen.err
    return seen.err


# Credentials

PROCESSES = {
    "not there": "/no/such/program",
    "expired": """echo '{"Version":1,"AccessKeyId":"A","SecretAccessKey":"y","SessionToken":"t","""
    + """"Expiration":"2020-01-01T00:00:00Z"}'""",
    "no JSON": "echo hello",
    "nothing": "true",
    "fails": "false",
    "a list": "echo '[1]'",
    "a number": "echo 5",
    "no key": """echo '{"Version":1}'""",
    "another version": """echo '{"Version":9}'""",
    "no version": "echo '{}'",
    "an odd date": """echo '{"Version":1,"AccessKeyId":"A","SecretAccessKey":"y","Expiration":"soon"}'""",
    "an open quote": "echo 'x",
    "empty": '""',
    "numbers for keys": """echo '{"Version":1,"AccessKeyId":5,"SecretAccessKey":[]}'""",
    "a line break in a key": r"""printf '{"Version":1,"AccessKeyId":"A\\nB","SecretAccessKey":"y"}'""",
    "no UTF-8": r"printf '\377\376'",
}
ROLE = "role_arn = arn:aws:iam::123456789012:role/x\n"
PROFILES = {
    "web identity without its file": ROLE + "web_identity_token_file = /no/such/token",
    "web identity in a directory": ROLE + "web_identity_token_file = /",
    "a role of nobody": ROLE + "source_profile = nobody",
    "a role of itself": ROLE + "source_profile = x",
    "a role from nowhere": ROLE + "credential_source = Nowhere",
    "a role of the environment": ROLE + "credential_source = Environment",
    "a role without more": ROLE,
    "an odd duration": ROLE
    + "source_profile = b\nduration_seconds = many\n[profile b]\naws_access_key_id = A\n"
    "aws_secret_access_key = y",
    "sso that has ended": "sso_start_url = https://x\nsso_region = eu-west-1\nsso_account_id = 1\nsso_role_name = r",
    "sso of a session that is none": "sso_session = none\nsso_account_id = 1\nsso_role_name = r",
    "half of sso": "sso_account_id = 1",
    "half a key": "aws_access_key_id = A",
    "odd retries": "retry_mode = never\naws_access_key_id = A\naws_secret_access_key = y",
    "odd attempts": "max_attempts = many\naws_access_key_id = A\naws_secret_access_key = y",
    "an odd certificate file": "ca_bundle = /no/such/file\naws_access_key_id = A\naws_secret_access_key = y",
    "an odd endpoint": "endpoint_url = nonsense\naws_access_key_id = A\naws_secret_access_key = y",
    "odd defaults": "defaults_mode = odd\naws_access_key_id = A\naws_secret_access_key = y",
}
FILES = {
    "no INI": b"hello",
    "no UTF-8": b"[profile x]\nregion = \xff\xfe\n",
    "UTF-16": "[profile x]\n".encode("utf-16"),
    "zeros": bytes(100),
    "a section twice": b"[profile x]\nregion = a\n[profile x]\nregion = b\n",
    "an odd quote": b"[profile 'x]\nregion = a\n",
    "a key twice": b"[profile x]\nregion = a\nregion = b\n",
    "a percent sign": b"[profile x]\nregion = %(no)s\n",
    "nested": b"[profile x]\ns3 =\n  hello\nregion = eu-west-1\n",
}


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_credentials_of_a_program(run, answer, profile, process):
    answer(exceptions.EndpointConnectionError(endpoint_url=STAND_IN))
    board = FakeDevice()
    sentence(run(board, *AWS, *profile(f"credential_process = {process}")))
    assert not board.keys


@pytest.mark.parametrize("lines", PROFILES.values(), ids=PROFILES)
def test_credentials_of_a_profile(run, answer, profile, lines):
    answer(exceptions.EndpointConnectionError(endpoint_url=STAND_IN))
    sentence(run(FakeDevice(), *AWS, *profile(lines)))


@pytest.mark.parametrize("data", FILES.values(), ids=FILES)
@pytest.mark.parametrize("file", ["config", "credentials"])
def test_files_that_configure_nothing(run, answer, profile, file, data):
    answer(exceptions.EndpointConnectionError(endpoint_url=STAND_IN))
    sentence(run(FakeDevice(), *AWS, *profile(data, file)))


def test_what_is_wrong_is_told(run, answer, profile):
    answer(exceptions.EndpointConnectionError(endpoint_url=STAND_IN))
    seen = run(FakeDevice(), *AWS, *profile("credential_process = /no/such/program"))
    assert "The AWS credentials can't be had" in seen.err and "/no/such/program" in seen.err
    seen = run(FakeDevice(), *AWS, *profile(f"credential_process = {PROCESSES['expired']}"))
    assert "The AWS credentials can't be had" in seen.err and "expired" in seen.err
    seen = run(FakeDevice(), *AWS, *profile(PROFILES["web identity without its file"]))
    assert "The AWS credentials can't be had" in seen.err and "/no/such/token" in seen.err
    seen = run(FakeDevice(), *AWS, *profile(PROFILES["sso that has ended"]))
    assert "`aws sso login`" in seen.err
    seen = run(FakeDevice(), *AWS, *profile(b"hello"))
    assert "The AWS configuration can't be used" in seen.err


@pytest.fixture
def prompter(monkeypatch):
    """What asks for a code (botocore keeps the function that getpass had when it was imported)."""
    from botocore.credentials import AssumeRoleCredentialFetcher as Fetcher

    real = Fetcher.__init__

    def prompter(ask):
        monkeypatch.setattr(
            Fetcher, "__init__", lambda self, *args, **more: real(self, *args, **more | {"mfa_prompter": ask})
        )

    return prompter


MFA = (
    ROLE + "source_profile = b\nmfa_serial = arn:aws:iam::123456789012:mfa/u\n"
    "[profile b]\naws_access_key_id = A\naws_secret_access_key = y"
)
BODY = (
    b"<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>y"
    b"</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials>"
    b"</AssumeRoleResult></AssumeRoleResponse>"
)


def test_a_code_is_asked_for_where_nothing_turns(run, answer, profile, prompter, monkeypatch):
    """A spinner would overwrite the question. It is asked once, and nobody is sent anything before that."""
    asked, turning = [], []
    answer(200, "text/xml", BODY)
    prompter(lambda question: asked.append((question, list(turning))) or "123456")
    monkeypatch.setattr(
        "atecc.cli.show.Progress.begins", lambda self, name, doing: turning.append(name), raising=False
    )
    options = profile(MFA)
    seen = run(FakeDevice(), *AWS, *options)
    assert len(asked) == 1 and "MFA code" in asked[0][0] and "aws" not in asked[0][1], (asked, seen.err)


def test_nobody_to_type_the_code(run, answer, profile, prompter):
    def nobody(question):
        raise EOFError

    answer(200, "text/xml", BODY)
    prompter(nobody)
    assert "wants an MFA code, and nobody can be asked here" in sentence(
        run(FakeDevice(), *AWS, *profile(MFA))
    )


# Answers

ANSWERS = {
    "a page": (200, "text/html", b"<html>Please sign in</html>"),
    "a page, elsewhere": (302, "text/html", b"<html>moved</html>"),
    "a redirection": (301, "application/json", b"{}"),
    "a page that refuses": (403, "text/html", b"<html>no</html>"),
    "a page that fails": (503, "text/html", b"<html>later</html>"),
    "nothing": (200, "application/json", b""),
    "no key": (200, "application/json", b"{}"),
    "a list": (200, "application/json", b"[]"),
    "a number": (200, "application/json", b"5"),
    "null": (200, "application/json", b"null"),
    "a number for a text": (200, "application/json", b'{"endpointAddress": 5}'),
    "null for a text": (200, "application/json", b'{"endpointAddress": null}'),
    "a list for a text": (200, "application/json", b'{"endpointAddress": ["x"]}'),
    "an address that is none": (200, "application/json", b'{"endpointAddress": "a b:c:d"}'),
    "cut": (200, "application/json", b'{"endpointAddress": "x'),
    "no UTF-8": (200, "application/json", b'{"endpointAddress": "\xff"}'),
    "half a character": (200, "application/json", rb'{"endpointAddress": "\ud83d"}'),
    "XML": (200, "text/xml", b"<x/>"),
    "zeros": (200, "", bytes(100)),
    "an error that is a list": (400, "application/json", b"[]"),
    "an error that is none": (400, "application/json", b"{}"),
    "an error of numbers": (400, "application/json", b'{"__type": 5, "message": 7}'),
    "an error of lists": (400, "application/json", b'{"code": [1], "message": {"a": 1}}'),
    "an error with braces": (400, "application/json", b'{"code": "X", "message": "{action} {0} %s"}'),
    "an error that is no JSON": (404, "application/json", b"not found"),
    "no status there is": (999, "application/json", b"{}"),
}  # fmt: skip


@pytest.mark.parametrize("what", ANSWERS.values(), ids=ANSWERS)
def test_what_answers_in_awss_place(run, answer, what):
    answer(*what)
    board = FakeDevice()
    sentence(run(board, *AWS), (2, 7, 8))
    assert not board.keys


@pytest.mark.parametrize("what", ["a page", "a page, elsewhere", "no key", "cut"])
def test_it_is_told_that_it_was_not_aws(run, answer, what):
    answer(*ANSWERS[what])
    assert "is a proxy, or a network's sign-in page" in sentence(run(FakeDevice(), *AWS)).lower().replace(
        "\n", " "
    )


@pytest.mark.parametrize(
    "error",
    [OSError("odd"), ValueError("odd"), KeyError("odd"), TypeError("odd"), RuntimeError("odd"), UnicodeError("odd"),
     AttributeError("odd"), RecursionError("odd"), AssertionError(), exceptions.ProxyConnectionError(proxy_url="x"),
     exceptions.HTTPClientError(error="odd"), exceptions.IncompleteReadError(actual_bytes=1, expected_bytes=2)],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_whatever_is_raised_while_aws_is_asked(run, answer, error):
    answer(error)
    sentence(run(FakeDevice(), *AWS))


@pytest.mark.parametrize("seed", range(20))
def test_answers_that_were_damaged(run, answer, seed):
    chance = random.Random(seed)
    data = bytearray(b'{"endpointAddress": "abc-ats.iot.eu-west-1.amazonaws.com"}')
    for _ in range(chance.randrange(1, 4)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    answer(200, "application/json", bytes(data))
    sentence(run(FakeDevice(), *AWS), (2, 7, 8))


@pytest.mark.parametrize(
    "region", ["", " ", "eu west", "x" * 300, "ü", "eu-west-1\n", "-", "../x", "http://x", "\0"]
)
def test_regions_that_are_none(run, answer, region):
    answer(exceptions.EndpointConnectionError(endpoint_url=STAND_IN))
    sentence(run(FakeDevice(), *AWS, "--region", region))
    seen = run(FakeDevice(), "operator", "policy", "--all", "--account", "1" * 12, "--region", region or "-")
    assert seen.status == 2 and "no AWS region" in seen.err


def test_every_exception_of_botocores_is_a_sentence():
    for name in dir(exceptions):
        kind = getattr(exceptions, name)
        if isinstance(kind, type) and issubclass(kind, Exception):
            found = explain(kind.__new__(kind), "CreateThing", "")
            assert isinstance(found, AwsError) and found.message.strip() and "{" not in found.hint, name


# Withdrawing


class Iot:
    """Says one after the other what is in `says`: errors, or nothing."""

    def __init__(self, **says):
        self.says, self.calls = says, []
        names = (
            "update_certificate",
            "detach_policy",
            "detach_thing_principal",
            "delete_certificate",
            "attach_policy",
        )
        self.meta = type("Meta", (), {"method_to_api_mapping": {name: name for name in names}})

    def __getattr__(self, operation):
        def call(**params):
            self.calls.append(operation)
            code = (self.says.get(operation) or [None]).pop(0)
            if code:
                raise exceptions.ClientError({"Error": {"Code": code, "Message": "said by AWS"}}, operation)
            return {}

        return call


@pytest.fixture
def waited(monkeypatch):
    """The seconds that were waited, none of which pass."""
    seconds = []
    monkeypatch.setattr(patience, "pause", seconds.append)
    return seconds


def cloud_of(iot):
    made = Cloud.__new__(Cloud)
    made.iot, made.region, made._clients = iot, "eu-west-1", {("iot", False): iot}
    made.calls = Counter()
    made._pace = Pace(lambda action: None)
    return made


def test_what_was_detached_a_moment_ago_is_waited_for(waited):
    iot = Iot(delete_certificate=["DeleteConflictException"] * 4)
    cloud_of(iot)._call("delete_certificate")
    assert iot.calls == ["delete_certificate"] * 5 and waited == [0.5, 1, 2, 4]


@pytest.mark.parametrize("operation", ["update_certificate", "detach_policy", "delete_certificate"])
def test_a_denial_that_passes_is_waited_out(waited, operation):
    iot = Iot(**{operation: ["AccessDeniedException"] * 2})
    cloud_of(iot)._call(operation)
    assert waited == [1, 2]


def test_patience_ends(waited):
    conflict = ["DeleteConflictException"] * 99
    with pytest.raises(AwsError, match="still attached"):
        cloud_of(Iot(delete_certificate=conflict))._call("delete_certificate")
    assert 20 < sum(waited) < 60
    waited.clear()
    with pytest.raises(AwsError, match="denies"):
        cloud_of(Iot(delete_certificate=["AccessDeniedException"] * 99))._call("delete_certificate")
    assert sum(waited) < 10


def test_nothing_else_is_waited_for(waited):
    for operation, code in (
        ("attach_policy", "AccessDeniedException"),
        ("delete_certificate", "InvalidRequestException"),
    ):
        with pytest.raises(AwsError):
            cloud_of(Iot(**{operation: [code]}))._call(operation)
    assert waited == []


def test_a_certificate_is_taken_back_late(run, waited, monkeypatch):
    import boto3
    from simcloud import Cloud as StandIn
    from simcloud.faults import ApiError

    monkeypatch.setattr(Provisioning, "retry_pause", 0)
    with StandIn() as stand_in:
        for name, value in stand_in.environment().items():
            monkeypatch.setenv(name, value)
        stand_in.faults.add("DeleteCertificate", ApiError(409, "DeleteConflictException", "detach first"), 3)
        stand_in.faults.add(
            "AttachThingPrincipal", ApiError(403, "AccessDeniedException", "not authorized"), 1
        )
        seen = run(FakeDevice(), *AWS)
        assert seen.status == 7 and "was deactivated and deleted" in seen.err, seen.err
        assert boto3.client("iot").list_certificates()["certificates"] == [] and waited == [0.5, 1, 2]

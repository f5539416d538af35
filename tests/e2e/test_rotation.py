"""A device renews its certificate by a job, with nobody near it; whatever fails leaves it as it was, and says why."""

import json
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import boto3
import pytest
from atecc.aws import rotation
from atecc.aws.cloud import Cloud as Account
from cryptography import x509
from repl import Repl
from simcloud.faults import ApiError
from simcloud.pki import Authority, Validity, name, pem

DAY = 86400


@pytest.fixture(scope="module")
def account(cloud):
    """boto3's client for an account in which `atecc aws fleet setup` was done."""
    from atecc.aws import fleet

    with pytest.MonkeyPatch.context() as patch:
        for name, value in cloud.environment().items():
            patch.setenv(name, value)
        fleet.set_up(Account(), fleet.Fleet())
        yield boto3.Session().client("iot")


@pytest.fixture
def thing(aws, cloud, account, request):
    """A connected device that listens for jobs; its name."""
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)[:60]
    aws.succeeds(
        "provision", "aws", "--thing", name, "--server-ca", cloud.server_ca_file, "--no-broker-check"
    )
    aws.succeeds("config", "set", "--save", "aws.jobs=true")
    return name


def certificates(account, thing):
    """{status: how many} of what is attached to it."""
    found = {}
    for arn in account.list_thing_principals(thingName=thing)["principals"]:
        got = account.describe_certificate(certificateId=arn.rpartition("/")[2])["certificateDescription"]
        found[got["status"]] = found.get(got["status"], 0) + 1
    return found


def identity(user):
    """The active identity, the idle one's state, and with which the link is connected."""
    status = user.succeeds("--json", "identity", "status").json
    link = user.succeeds("--json", "mqtt", "connect").json
    return status["active"], status["identities"][status["idle"]]["state"], link["identity"]


def test_one_command_renews_it(aws, account, thing):
    said = aws.succeeds("--json", "aws", "rotate", "--thing", thing).json
    assert (said["status"], said["devices"]["succeeded"]) == ("COMPLETED", 1)
    assert identity(aws) == ("b", "previous", "b")
    assert certificates(account, thing) == {"ACTIVE": 1, "INACTIVE": 1}
    again = aws.succeeds("aws", "rotate", "--thing", thing)
    assert "1 device renewed, of 1" in again.out and identity(aws)[0] == "a"
    swept = aws.succeeds("--json", "aws", "sweep", "--thing", thing, "--keep-previous", "0s").json
    assert len(swept["deleted"]) == 2 and certificates(account, thing) == {"ACTIVE": 1}


SIGN = """
from urllib.request import urlopen

def sign(request: str, thing: str) -> str:
    with urlopen("http://127.0.0.1:%d/" + thing, request.encode()) as answer:
        return answer.read().decode()
"""


@pytest.fixture
def authority():
    """The user's CA, a service of its own, and its port: it signs a request's key for the thing in the path."""
    ca = Authority.root(name(common_name="ACME"))

    class Service(BaseHTTPRequestHandler):
        def do_POST(self):
            request = x509.load_pem_x509_csr(self.rfile.read(int(self.headers["Content-Length"])))
            subject = name(common_name=self.path[1:])
            made = ca.sign(request.public_key(), subject, Validity.days(-1, 30))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(pem(made) + pem(ca.certificate))

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Service) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield ca, server.server_port
        server.shutdown()


def test_one_command_renews_it_by_a_ca_of_ones_own(aws, account, thing, authority, tmp_path):
    ca, port = authority
    known = pem(ca.certificate).decode()
    account.register_ca_certificate(caCertificate=known, certificateMode="SNI_ONLY", setAsActive=True)
    file = tmp_path / "sign.py"
    file.write_text(SIGN % port)
    fleet = "--template", "own"
    aws.succeeds("aws", "fleet", "setup", *fleet, "--signer", file, "--yes")
    said = aws.succeeds("--json", "aws", "rotate", "--thing", thing, *fleet).json
    assert (said["status"], said["devices"]["succeeded"]) == ("COMPLETED", 1)
    assert identity(aws) == ("b", "previous", "b")
    assert certificates(account, thing) == {"ACTIVE": 1, "INACTIVE": 1}
    arns = account.list_thing_principals(thingName=thing)["principals"]
    listed = [account.describe_certificate(certificateId=arn.rpartition("/")[2]) for arn in arns]
    described = [one["certificateDescription"] for one in listed]
    active = next(one["certificatePem"] for one in described if one["status"] == "ACTIVE")
    shown = x509.load_pem_x509_certificate(active.encode())
    assert (shown.issuer, shown.subject) == (ca.certificate.subject, name(common_name=thing))
    aws.succeeds("aws", "fleet", "remove", *fleet, "--yes")


def test_a_rejection_is_told_by_the_job(aws, cloud, account, thing):
    cloud.faults.add("mqtt:RegisterThing", ApiError(403, "ACCESS_DENIED", "not you"))
    said = aws.types("aws", "rotate", "--thing", thing)
    assert said.status == 7
    assert (
        f"{thing}  FAILED  AWS rejects $aws/provisioning-templates/atecc/provision/json: not you" in said.out
    )
    assert identity(aws) == ("a", "empty", "a")
    assert certificates(account, thing) == {"ACTIVE": 1}


def until(so):
    limit = time.monotonic() + 60
    while not so():
        assert time.monotonic() < limit
        time.sleep(0.1)


def start(thing):
    return rotation.start(Account(), rotation.Order([thing], [], "atecc"))


def registered(cloud, thing):
    return any(one.action == "mqtt:RegisterThing" and one.who == thing for one in cloud.decisions)


@pytest.mark.parametrize("late", [False, True])
def test_a_power_cut_between_certificate_and_commit(aws, cloud, account, thing, late):
    """It has its certificate, and the broker does not know it yet; the plug is pulled. Afterwards it is taken up again,
    unless that is a day later, when AWS has given it up."""
    cloud.settling_seconds = 3600
    job = start(thing)
    until(lambda: registered(cloud, thing))
    if late:
        cloud.pass_time(DAY)
    aws.bench.board.power_cycle()
    cloud.settling_seconds = 0
    aws.port = aws.bench.board.port
    until(lambda: not rotation.look(Account(), job).running)
    assert rotation.look(Account(), job).counts["timed_out" if late else "succeeded"] == 1
    if late:
        assert identity(aws)[::2] == ("a", "a")
    else:
        assert identity(aws) == ("b", "previous", "b")
        assert certificates(account, thing) == {"ACTIVE": 1, "INACTIVE": 2}


def test_it_renews_itself_before_its_certificate_ends_and_says_why_not(aws, cloud, account, tmp_path):
    """As soon as that is switched on. At first its policy allows no such thing."""
    files = ["--ca-cert", tmp_path / "ca.crt.pem", "--ca-key", tmp_path / "ca.key.pem"]
    aws.succeeds("aws", "ca", "create", "--subject", "/O=ACME/CN=for a month", *files)
    aws.succeeds("aws", "ca", "register", *files)
    where = ("--server-ca", cloud.server_ca_file, "--no-broker-check")
    aws.succeeds("provision", "aws", "--thing", "itself", *files, "--days", "30", *where)
    aws.succeeds("config", "set", "--save", "aws.renew=60")

    def renewal():
        return aws.succeeds("--json", "identity", "status").json["renewal"]

    until(lambda: renewal()["last_error"])
    assert "closed the connection without a word" in renewal()["last_error"]["message"]
    for command in (["doctor"], ["doctor", "aws"]):
        layers = json.loads(aws.types("--json", *command).out)["layers"]
        [verdict] = [one for one in layers if one["name"] == "renewal"]
        assert verdict["state"] == "failed" and "could not renew" in verdict["say"]
        assert "policy atecc-renewal" in verdict["error"]["hint"]
    assert identity(aws) == ("a", "empty", "a")
    arn = account.list_thing_principals(thingName="itself")["principals"][0]
    account.attach_policy(policyName="atecc-renewal", target=arn)
    aws.bench.board.power_cycle()
    aws.port = aws.bench.board.port
    until(lambda: certificates(account, "itself") == {"ACTIVE": 1, "INACTIVE": 1})
    until(lambda: not renewal()["untold"])
    assert renewal() == {"days": 60, "jobs": False, "untold": False, "last_error": None}
    assert identity(aws) == ("b", "previous", "b")


RENEW = """
import device
from job import complete
from renewal.obtain import renew
complete(renew(device, "atecc"))
"""


def rule(account, disabled):
    there = account.get_topic_rule(ruleName="atecc_rotated")["rule"]
    payload = {name: there[name] for name in ("sql", "awsIotSqlVersion", "description", "actions")}
    account.replace_topic_rule(
        ruleName="atecc_rotated", topicRulePayload=payload | {"ruleDisabled": disabled}
    )


def said(cloud, thing):
    topic = f"things/{thing}/rotated"
    return sum((one.action, one.what) == ("publish", topic) for one in list(cloud.decisions))


def test_without_a_job_aws_is_told_until_it_has_retired_the_one_before(aws, cloud, account, thing):
    """Nobody hears it at first; then the power fails."""
    arn = account.list_thing_principals(thingName=thing)["principals"][0]
    soon = datetime.now(UTC) + timedelta(days=80)
    cloud._registry.certificates[arn.rpartition("/")[2]].validity_not_after = soon
    account.attach_policy(policyName="atecc-renewal", target=arn)
    rule(account, disabled=True)
    try:
        with Repl(aws.port) as repl:
            repl.run(RENEW)
        until(lambda: said(cloud, thing) == 1)
        assert certificates(account, thing) == {"ACTIVE": 2}
    finally:
        rule(account, disabled=False)
    aws.bench.board.power_cycle()
    aws.port = aws.bench.board.port
    until(lambda: certificates(account, thing) == {"ACTIVE": 1, "INACTIVE": 1})
    assert identity(aws) == ("b", "previous", "b")
    with Repl(aws.port) as repl:
        untold = "import device\nfor _ in range(1000):\n    device.threads.pause(10 * device.store.untold)\n"
        assert repl.value("device.store.untold", untold) is False
    assert said(cloud, thing) == 2
    aws.bench.board.power_cycle()
    aws.port = aws.bench.board.port
    assert identity(aws)[2] == "b" and said(cloud, thing) == 2, "it is heard, and said no more"


def test_the_owners_other_jobs_are_left_alone(aws, account, thing):
    arn = account.describe_thing(thingName=thing)["thingArn"]
    account.create_job(jobId=f"other-{thing[:50]}", targets=[arn], document=json.dumps({"do": "something"}))
    aws.succeeds("--json", "mqtt", "publish", f"things/{thing}/x", "later", "--round-trip")
    shown = account.describe_job_execution(jobId=f"other-{thing[:50]}", thingName=thing)["execution"]
    assert shown["status"] == "QUEUED"


def statuses(account, thing):
    listed = account.list_job_executions_for_thing(thingName=thing)["executionSummaries"]
    return {one["jobId"].partition("-")[0]: one["jobExecutionSummary"]["status"] for one in listed}


# It waits no two minutes for somebody who would end its part.
HURRY = """
import lazily, renewal.rotation
renewal.rotation.VERDICT_MS = 100
load = lazily.load
lazily.load = lambda name: renewal.rotation if name == "renewal.rotation" else load(name)
"""


@pytest.mark.parametrize("when", ["before it connects", "while it is connected"])
@pytest.mark.parametrize("heard", [True, False])
def test_behind_the_owners_other_jobs_it_is_found(aws, cloud, account, thing, when, heard):
    """One that the application does, one that waits: neither is touched, and it doesn't wait for them. Whether or not
    anybody at AWS ends the device's part, the certificate before is retired, if need be when it connects next."""
    if when == "before it connects":
        aws.succeeds("mqtt", "disconnect")
    arn = account.describe_thing(thingName=thing)["thingArn"]
    for other in ("begun", "queued"):
        account.create_job(jobId=f"{other}-{thing[-50:]}", targets=[arn], document='{"do": "something"}')
    cloud.jobs.update(thing, f"begun-{thing[-50:]}", {"status": "IN_PROGRESS"})
    rule(account, disabled=not heard)
    try:
        if not heard:
            with Repl(aws.port) as repl:
                repl.run(HURRY)
        job = start(thing)
        if when == "before it connects":
            aws.succeeds("mqtt", "connect")
        until(lambda: not rotation.look(Account(), job).running)
    finally:
        rule(account, disabled=False)
    assert statuses(account, thing) == {"begun": "IN_PROGRESS", "queued": "QUEUED", "rotate": "SUCCEEDED"}
    assert identity(aws) == ("b", "previous", "b")
    if not heard:
        aws.succeeds("mqtt", "disconnect")
        aws.succeeds("mqtt", "connect")
    until(lambda: certificates(account, thing) == {"ACTIVE": 1, "INACTIVE": 1})


@pytest.mark.waits
def test_a_policy_that_knows_nothing_of_jobs_costs_the_jobs_and_not_the_connection(aws, cloud, account):
    prefix = account.create_thing(thingName="no-jobs")["thingArn"].partition(":thing/")[0]
    data = [f"{prefix}:topic/data/*", f"{prefix}:topicfilter/data/*"]
    statements = [
        {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"},
        {"Effect": "Allow", "Action": ["iot:Publish", "iot:Receive", "iot:Subscribe"], "Resource": data},
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    account.create_policy(policyName="no-jobs", policyDocument=document)
    where = ("--server-ca", cloud.server_ca_file, "--policy", "no-jobs")
    aws.succeeds("provision", "aws", "--thing", "no-jobs", *where)
    aws.succeeds("config", "set", "--save", "aws.jobs=true")
    until(lambda: len(aws.succeeds("--json", "mqtt", "status").json["dropped"]) > 0)
    until(lambda: aws.succeeds("--json", "mqtt", "status").json["state"] == "connected")
    said = aws.succeeds("--json", "mqtt", "publish", "data/x", "still here", "--round-trip")
    assert said.json["received"] == "still here"
    assert "3 times in a row" in json.dumps(aws.succeeds("--json", "mqtt", "status").json["dropped"])

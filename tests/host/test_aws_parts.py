"""Parts of `aws/` one by one, with a cloud of which it is said what it answers: nothing is sent anywhere."""

import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from atecc.aws import certificates, patience
from atecc.aws.certificates import Certificate
from atecc.aws.errors import explain
from atecc.aws.examine import Examination, Examined, examined
from atecc.aws.fleet import Fleet, make_claim
from atecc.aws.granting import Granting
from atecc.aws.journal import Entry
from atecc.aws.leftovers import Swept, _sweep_entry, retire
from atecc.aws.owned import register
from atecc.aws.policy import operator_policy
from atecc.aws.registry import CLAIM, Claim, Label, Thing
from atecc.aws.thing import AwsOrder
from atecc.errors import AwsError, RefusedError
from botocore.exceptions import ClientError
from simcloud.pki import Authority, name


class Cloud:
    """As atecc.aws.cloud.Cloud: an operation has its answer, or raises it, or has a list of those.

    asked: all operations; done: those that change something, with their parameters.
    """

    def __init__(self, **answers):
        self.answers, self.done = answers, []
        self.region, self.asked = "eu-west-1", []
        self.rehearsing = False

    def ask(self, operation, **params):
        self.asked.append(operation)
        answer = self.answers.get(operation, {})
        answer = answer.pop(0) if isinstance(answer, list) else answer
        if isinstance(answer, Exception):
            raise answer
        return answer

    def policy(self, name):
        return {}

    def now(self):
        return time.time()

    def pages(self, operation, part, **params):
        return self.ask(operation).get(part, [])

    def withdraw(self, identifier, arn, policies, things):
        self.done.append(("withdraw", identifier))

    def change(self, operation, **params):
        self.done.append((operation, params))
        return self.ask(operation, **params)

    change_once = change


def error(kind):
    made = AwsError("said by AWS")
    made.kind = kind
    return made


# What is written on a thing


def label(cloud, wanted=None, **there):
    return Label(cloud, Thing("sensor-1", **there), [("chip", "01")], wanted)


def test_who_makes_the_same_thing_at_the_same_moment_is_told_who_was_first():
    theirs = f"bob@elsewhere:7/{int(time.time())}/abcd"
    there = {"thingArn": "arn", "attributes": {CLAIM: theirs}}
    with pytest.raises(RefusedError, match="bob@elsewhere is provisioning the thing sensor-1 right now"):
        label(Cloud(create_thing=error("aws-exists"), describe_thing=there)).make()


@pytest.mark.parametrize(("there", "told"), [(None, True), ("other", True), ("sensor", False)])
def test_a_thing_is_told_its_type_if_it_has_another(there, told):
    cloud = Cloud()
    label(cloud, "sensor", arn="arn", type=there, version=3).make()
    [(operation, params)] = cloud.done
    assert operation == "update_thing" and params["expectedVersion"] == 3
    assert params.get("thingTypeName") == ("sensor" if told else None)


@pytest.mark.parametrize(
    ("age", "over"), [(-302, True), (-298, False), (0, False), (898, False), (902, True)]
)
def test_a_claim_from_elsewhere_is_over_after_a_quarter_of_an_hour(age, over):
    """Its computer's clock may be fast by a third of that."""
    theirs = Claim("bob@elsewhere:7", int(time.time()) - age, "ab")
    assert theirs.is_over(Claim.mine()) is over


@pytest.mark.parametrize(
    ("type", "others", "left_out"),
    [(None, 2, []), (None, 3, ["chip"]), (None, 5, ["chip"]), ("sensor", 49, []), ("sensor", 50, ["chip"])],
)
def test_attributes_that_are_there_leave_room_for_three_or_with_a_type_for_fifty(type, others, left_out):
    there = {f"a{number}": "x" for number in range(others)} | {"chip": "02"}
    assert label(Cloud(), arn="arn", type=type, attributes=there).left_out == left_out


# What a device may do


@pytest.mark.parametrize("document", [None, operator_policy("arn:aws:iot:eu-west-1:1", [])])
def test_a_client_id_that_the_policy_does_not_allow(document):
    granting = Granting(Cloud(), None, document)
    granting._present = None
    with pytest.raises(RefusedError, match="does not let the thing s1 connect with the client ID other"):
        granting.check_client_id("s1", "other")
    if document is None:
        granting.check_client_id("s1", "s1")


# Who is asked about


def test_a_device_without_a_client_id_of_its_own_has_its_things_name():
    record = SimpleNamespace(name="s1", client_id=None, sha256=None, endpoint=None, port=None)
    device = SimpleNamespace(
        mqtt_status=lambda: SimpleNamespace(subscriptions=["s1/own"]),
        access_status=lambda: SimpleNamespace(mqtt=SimpleNamespace(enabled=True)),
        stored=lambda identity: SimpleNamespace(ca=[b"CA"]),
    )
    found = examined(device, SimpleNamespace(active="a", identities={"a": record}))
    assert (found.thing, found.client_id, found.port, found.ca) == ("s1", "s1", 8883, [b"CA"])
    assert found.topics == ["s1/own", "s1/rpc", "things/s1/rpc"]


def test_whoever_says_nothing_of_it_takes_nobodys_place():
    order = AwsOrder(None, None, "s1")
    assert (order.take_over, order.dry_run, order.renewal.always) == (False, False, False)


@pytest.mark.parametrize(
    ("kind", "there", "fails"),
    [
        ("aws-exists", "same", False),
        ("aws-exists", "other", True),
        ("aws-denied", "same", True),
        (None, None, False),
    ],
)
def test_a_policy_that_somebody_made_at_the_same_moment(kind, there, fails):
    wanted = {"Statement": []}
    cloud = Cloud(**({"create_policy": error(kind)} if kind else {}))
    cloud.create_policy = lambda name, document: cloud.change("create_policy")
    found = iter([None, wanted if there == "same" else {"Statement": ["other"]}])
    cloud.policy = lambda name: next(found)
    granting = Granting(cloud, "mine", wanted)
    if fails:
        with pytest.raises(AwsError, match="said by AWS"):
            granting.ensure("arn")
    else:
        assert granting.ensure("arn") == "policy mine made (yours)"


def test_of_several_certificates_the_devices_own_is_looked_at(monkeypatch):
    own, other = issued(), replace(issued("INACTIVE"), id="cd" * 32)
    monkeypatch.setattr(certificates, "of_thing", lambda cloud, thing: [other, own])
    monkeypatch.setattr(certificates, "describe", lambda cloud, identifier: None)
    for named, seen in ((own.id, own), (other.id, other), ("", own)):
        examination = Examination(Cloud(), Examined("s1", "s1", certificate=named))
        assert examination._known() == f"{seen.short} is known"
    with pytest.raises(AwsError, match="does not know the device's certificate ef"):
        Examination(Cloud(), Examined("s1", "s1", certificate="ef" * 32))._known()


@pytest.mark.parametrize(
    ("chip", "says"), [({"chipSerial": "0123"}, ", last provisioned with chip 0123"), ({}, "")]
)
def test_a_thing_says_by_which_chip_it_was_provisioned(chip, says):
    cloud = Cloud(describe_thing={"thingArn": "arn", "attributes": chip})
    assert Examination(cloud, Examined("s1", "s1"))._thing() == f"s1 is there{says}"


@pytest.mark.parametrize("age", [10, 3600])
def test_a_sweep_clears_no_claim_of_a_run_that_goes_on(age):
    claim = f"bob@elsewhere:7/{int(time.time()) - age}/ab"
    arn = "arn:aws:iot:eu-west-1:1:thing/s1"
    cloud = Cloud(describe_thing={"thingArn": arn, "attributes": {CLAIM: claim}})
    entry = Entry("s1", "1", "eu-west-1", "0123", 0)
    if age == 10:
        with pytest.raises(RefusedError, match="bob@elsewhere is provisioning"):
            _sweep_entry(cloud, entry, Swept(), print)
        assert cloud.done == []
    else:
        _sweep_entry(cloud, entry, Swept(), print)
        assert [operation for operation, _ in cloud.done] == ["update_thing"]


# Certificates


def issued(status="ACTIVE", exclusive=True, age=0.0):
    changed = time.time() - age
    return Certificate("ab" * 32, "arn:aws:iot:eu-west-1:1:cert/ab", status, "", 0, changed, 0, 0, exclusive)


@pytest.mark.parametrize(
    ("one", "keep", "rollback", "does", "retired"),
    [
        ({}, 60, True, ["update_certificate"], True),
        ({}, 60, False, ["withdraw"], False),
        ({}, 0, True, ["withdraw"], False),
        ({"exclusive": False}, 0, False, ["update_certificate"], True),
        ({"status": "INACTIVE", "age": 30}, 60, True, [], False),
        ({"status": "INACTIVE", "age": 61}, 60, True, ["withdraw"], False),
        ({"status": "INACTIVE", "age": 61, "exclusive": False}, 60, False, [], False),
    ],
)
def test_a_certificate_that_was_replaced(one, keep, rollback, does, retired):
    cloud, said = Cloud(), []
    assert retire(cloud, issued(**one), keep, rollback, said.append) is retired
    assert [operation for operation, _ in cloud.done] == does and len(said) == len(does)


@pytest.fixture
def pauses(monkeypatch):
    seen = []
    monkeypatch.setattr(certificates, "pause", seen.append)
    return seen


MADE = {"certificateId": "ab", "certificateArn": "arn:cert/ab", "certificatePem": "PEM"}


@pytest.mark.parametrize(("failures", "paused"), [(0, []), (2, [1, 2]), (4, [1, 2, 3, 4]), (5, [1, 2, 3, 4])])
def test_an_answer_that_is_lost_is_looked_for_before_it_is_asked_again(failures, paused, pauses):
    cloud = Cloud(create_certificate_from_csr=[error("aws-network")] * failures + [MADE])
    issuing = certificates.Issuing(cloud, "CSR", "key", time.time())
    if failures == 5:
        with pytest.raises(AwsError):
            issuing.issue()
        assert issuing.uncertain
    else:
        one = issuing.issue()
        known = (one.id, one.arn, one.status, one.pem, one.not_before, one.not_after)
        assert known == ("ab", "arn:cert/ab", "INACTIVE", "PEM", 0, 0), "when it ends only AWS can tell"
        assert not one.exclusive, "it is attached to nothing yet"
        assert issuing.uncertain is (failures > 0), "the first request may have made another one"
    assert pauses == paused
    assert cloud.done == [
        ("create_certificate_from_csr", {"certificateSigningRequest": "CSR", "setAsActive": False})
    ] * min(failures + 1, 5)
    assert cloud.asked.count("list_certificates") == len(paused)


@pytest.mark.parametrize("kind", ["aws-denied", "aws-credentials", "aws-invalid", "aws-missing"])
def test_what_aws_has_not_done_is_not_asked_again(kind, pauses):
    cloud = Cloud(create_certificate_from_csr=error(kind))
    issuing = certificates.Issuing(cloud, "CSR", "key", time.time())
    with pytest.raises(AwsError):
        issuing.issue()
    assert (len(cloud.done), issuing.uncertain, issuing.made(), pauses) == (1, False, [], [])


@pytest.mark.parametrize("ca_known", [True, False])
def test_a_certificate_that_aws_does_not_register(ca_known):
    own = Authority.root(name(common_name="mine")).certificate
    known = {"certificateDescription": {}} if ca_known else error("aws-missing")
    refused = {f"register_certificate{'' if ca_known else '_without_ca'}": error("aws-denied")}
    with pytest.raises(AwsError, match="said by AWS"):
        register(Cloud(describe_ca_certificate=known, **refused), own, SimpleNamespace(certificate=own))


@pytest.mark.parametrize("operation", ["attach_policy", "update_certificate"])
def test_a_claim_that_does_not_get_its_policy_is_none(operation, monkeypatch):
    monkeypatch.setattr(certificates, "Issuing", lambda *_: SimpleNamespace(issue=issued))
    cloud = Cloud(**{operation: error("aws-denied")})
    with pytest.raises(AwsError, match="said by AWS"):
        make_claim(cloud, Fleet())
    assert cloud.done[-1] == ("withdraw", issued().id)


# What AWS says, and how long it is waited for


@pytest.mark.parametrize(
    ("status", "headers", "page"),
    [
        (418, {"content-type": "application/json"}, False),
        (400, {}, False),
        (200, {}, False),
        (200, {"content-type": "text/html; charset=utf-8"}, True),
        (300, {}, True),
        (399, {}, True),
    ],
)
def test_what_answers_is_a_web_page(status, headers, page):
    response = {
        "Error": {"Code": "Odd", "Message": "how odd"},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers},
    }
    told = str(explain(ClientError(response, "CreateThing"), "CreateThing", "eu-west-1"))
    assert ("a web page" in told, "how odd" in told) == (page, not page)


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("lambda.create_function", "aws-invalid"),
        ("lambda.update_function_code", "aws-exists"),
        ("lambda.update_function_configuration", "aws-exists"),
        ("detach_policy", "aws-denied"),
    ],
)
def test_what_aws_has_to_learn_first_is_asked_again_each_time_twice_as_late(operation, kind, monkeypatch):
    waited = []
    monkeypatch.setattr(patience, "pause", waited.append)

    def call():
        raise error(kind)

    with pytest.raises(AwsError):
        patience.patiently(operation, call)
    assert len(waited) >= 3 and waited == [2**number for number in range(len(waited))]

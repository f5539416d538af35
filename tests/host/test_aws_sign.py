"""functions/sign.py on the stand-in: to whom it gives a certificate of the user's signer, and to whom nothing.

What a device may say are the last two parts of an event; the rest is AWS's word (the rule's SQL), so each is wrong in
turn.
"""

import importlib
import json
import sys

import boto3
import pytest
from cloud.devices import csr
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from simcloud.faults import ApiError
from simcloud.pki import Authority, Validity, name, pem

ROTATE = {"operation": "rotate-certificate", "version": 1, "signer": "fleet"}


@pytest.fixture(scope="module")
def function(inside):
    module = importlib.import_module("atecc.aws.functions.sign")
    module = importlib.reload(module)
    data = boto3.client("iot-data")  # whose address AWS tells by the account
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "messages", lambda: data)
        patch.setenv("TEMPLATE", "fleet")
        yield module


class Signer:
    """A CA of the user's."""

    def __init__(self):
        self.ca = Authority.root(name(common_name="ACME"))
        self.asked = []

    def issue(self, key, thing):
        subject = name(common_name=thing)
        return pem(self.ca.sign(key, subject, Validity.days(-1, 30))).decode()

    def sign(self, request, thing):
        self.asked.append(thing)
        key = x509.load_pem_x509_csr(request.encode()).public_key()
        return self.issue(key, thing) + pem(self.ca.certificate).decode()


class Thing:
    """A thing with a certificate, and a job in progress."""

    def __init__(self, stand_in, function, number):
        self.cloud, self.iot, self.function = stand_in, boto3.client("iot"), function
        self.name, self.job = f"thing-{number}", f"job-{number}"
        self.arn = self.iot.create_thing(thingName=self.name)["thingArn"]
        made = self.iot.create_certificate_from_csr(certificateSigningRequest=csr(), setAsActive=True)
        self.old = made["certificateId"]
        self.policy = f"policy-{number}"
        self.iot.create_policy(policyName=self.policy, policyDocument=json.dumps(POLICY))
        self.iot.attach_policy(policyName=self.policy, target=made["certificateArn"])
        self.iot.attach_thing_principal(thingName=self.name, principal=made["certificateArn"])
        self.start(ROTATE)

    def start(self, document, begin=True, job=None):
        self.iot.create_job(jobId=job or self.job, targets=[self.arn], document=json.dumps(document))
        if begin:
            self.cloud.jobs.update(self.name, job or self.job, {"status": "IN_PROGRESS"})

    def ask(self, **wrong):
        event = {
            "thing": self.name, "client": self.name, "principal": self.old, "jobId": self.job,
            "certificateSigningRequest": csr(),
        } | wrong  # fmt: skip
        return self.function.handler(
            {name: value for name, value in event.items() if value is not None}, None
        )

    def answers(self):
        """{ending: document} of what was published to it, which is taken."""
        base, found = f"things/{self.name}/sign/", {}
        for one in self.cloud._services.outgoing():
            if one.topic.startswith(base):
                found[one.topic.removeprefix(base)] = json.loads(one.payload)
        return found

    @property
    def certificates(self):
        """IDs of what is attached to it."""
        arns = self.iot.list_thing_principals(thingName=self.name)["principals"]
        return {arn.rpartition("/")[2] for arn in arns}


POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}],
}
numbers = iter(range(1000))


@pytest.fixture
def thing(inside, function):
    inside.stop_broker()  # which would take what is published
    yield Thing(inside, function, next(numbers))
    inside.faults.clear()


@pytest.fixture
def signer(monkeypatch):
    made = Signer()
    monkeypatch.setitem(sys.modules, "signer", made)
    return made


@pytest.mark.parametrize("registered", [False, True])
def test_it_gets_all_that_the_one_before_has(thing, signer, registered):
    ca = pem(signer.ca.certificate).decode()
    if registered:
        thing.iot.register_ca_certificate(caCertificate=ca, certificateMode="SNI_ONLY", setAsActive=True)
    new = thing.ask()["certificate"]
    answer = thing.answers()["accepted"]
    assert answer["thingName"] == thing.name and answer["certificatePem"].count("BEGIN") == 2
    described = thing.iot.describe_certificate(certificateId=new)["certificateDescription"]
    assert described["certificatePem"].strip() in answer["certificatePem"]
    calls = [one.action for one in thing.cloud.decisions if one.action.startswith("RegisterCertificate")]
    assert calls[-1] == ("RegisterCertificate" if registered else "RegisterCertificateWithoutCA")
    assert described["status"] == "ACTIVE"
    assert thing.certificates == {thing.old, new} and signer.asked == [thing.name]
    attached = thing.iot.list_attached_policies(target=described["certificateArn"])["policies"]
    assert [one["policyName"] for one in attached] == [thing.policy]


def other(thing):
    return Thing(thing.cloud, thing.function, next(numbers))


def shared(thing):
    """Its certificate is another thing's too."""
    arn = thing.iot.describe_certificate(certificateId=thing.old)["certificateDescription"]["certificateArn"]
    thing.iot.create_thing(thingName=f"{thing.name}-too")
    thing.iot.attach_thing_principal(thingName=f"{thing.name}-too", principal=arn)
    return {}


def inactive(thing):
    thing.iot.update_certificate(certificateId=thing.old, newStatus="INACTIVE")
    return {}


def job(document, begin=True):
    def start(thing):
        thing.start(document, begin, f"{thing.job}-other")
        return {"jobId": f"{thing.job}-other"}

    return start


WRONG = {
    "another's request": (lambda t: {"thing": other(t).name}, "client ID"),
    "another client ID": (lambda t: {"client": "other"}, "client ID"),
    "another's certificate": (lambda t: {"principal": other(t).old}, "and its alone"),
    "no certificate": (lambda t: {"principal": "0" * 64}, "no such"),
    "a certificate of two things": (shared, "and its alone"),
    "a certificate that is not active": (inactive, "and its alone"),
    "another's job": (lambda t: {"jobId": other(t).job}, "no such job"),
    "no job": (lambda t: {"jobId": None}, "no jobId"),
    "a job that has not begun": (job(ROTATE, begin=False), "is QUEUED"),
    "a job that does something else": (job({"operation": "x", "signer": "fleet"}), "renews no"),
    "a job of another fleet": (job(ROTATE | {"signer": "others"}), "for this signer"),
    "a job for AWS's CA": (job({"operation": "rotate-certificate", "template": "fleet"}), "for this signer"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_to_whom_nothing_is_answered(thing, signer, wrong):
    change, why = WRONG[wrong]
    before = thing.certificates
    assert why in thing.ask(**change(thing))["ignored"]
    assert (thing.answers(), signer.asked, thing.certificates) == ({}, [], before)


def raising(error):
    def sign(*_):
        raise error

    return sign


def for_another_key(signer):
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return lambda _, thing: signer.issue(key, thing)


BAD = {
    "it refuses": (lambda s: raising(ValueError("not\non my list")), "ValueError", "not on my list"),
    "another key": (for_another_key, "Refused", "another key"),
    "no certificate": (lambda s: lambda *_: "see you", "Refused", "no certificate in PEM"),
    "nothing": (lambda s: lambda *_: None, "Refused", "no certificate in PEM"),
}


@pytest.mark.parametrize("bad", BAD)
def test_what_a_signer_does_wrong_is_told_and_leaves_nothing(thing, signer, bad):
    make, code, why = BAD[bad]
    signer.sign = make(signer)
    before = len(thing.cloud._registry.certificates)
    assert why in thing.ask()["refused"]
    said = thing.answers()["rejected"]
    assert said["errorCode"] == code and why in said["errorMessage"]
    assert len(thing.cloud._registry.certificates) == before and thing.certificates == {thing.old}


def test_a_signer_that_is_no_program_is_told_too(thing, monkeypatch):
    monkeypatch.setitem(sys.modules, "signer", None)  # as an error in its file
    assert "signer" in thing.ask()["refused"] and "rejected" in thing.answers()


@pytest.mark.parametrize("request_", [None, 7, "", "-----BEGIN CERTIFICATE REQUEST-----\nAA==\n"])
def test_what_is_no_request_comes_to_no_signer(thing, signer, request_):
    assert "request" in thing.ask(certificateSigningRequest=request_)["refused"]
    assert "rejected" in thing.answers() and signer.asked == []


def test_anothers_certificate_given_again_stays_the_others(thing, signer):
    """Two things with the same key and name, and a signer that does not look: AWS knows a certificate once."""
    request, theirs = csr(), other(thing)
    given = signer.sign(request, "x")
    signer.sign = lambda *_: given
    new = theirs.ask(certificateSigningRequest=request)["certificate"]
    assert "refused" in thing.ask(certificateSigningRequest=request)
    assert theirs.certificates == {theirs.old, new} and thing.certificates == {thing.old}


@pytest.mark.parametrize(
    "step", ["AttachPolicy", "AttachThingPrincipal", "UpdateCertificate", "iotdata:Publish"]
)
def test_what_was_made_is_taken_away_if_a_later_step_fails(thing, signer, step):
    before = len(thing.cloud._registry.certificates)
    thing.cloud.faults.add(step, ApiError(403, "AccessDeniedException", "not today"))
    assert "not today" in thing.ask()["refused"]
    assert "not today" in thing.answers()["rejected"]["errorMessage"]
    assert len(thing.cloud._registry.certificates) == before and thing.certificates == {thing.old}

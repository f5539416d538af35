"""functions/confirm.py on the stand-in: what it does for whom, and for whom it does nothing.

What a device may say is the last part of an event; the rest is AWS's word (the rule's SQL), so each is wrong in turn.
"""

import importlib
import json
import time

import boto3
import pytest
from cloud.devices import csr

ROTATE = json.dumps({"operation": "rotate-certificate", "version": 1, "template": "atecc"})


@pytest.fixture(scope="module")
def confirm(inside):
    module = importlib.import_module("atecc.aws.functions.confirm")
    module = importlib.reload(module)
    jobs, data = (
        boto3.client("iot-jobs-data"),
        boto3.client("iot-data"),
    )  # whose addresses AWS tells by the account
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "jobs_of_devices", lambda: jobs)
        patch.setattr(module, "messages", lambda: data)
        yield module.handler


class Thing:
    """A thing with an old certificate, a job in progress, and a new certificate, made since."""

    def __init__(self, stand_in, number):
        self.cloud, self.iot = stand_in, boto3.client("iot")
        self.name, self.job = f"thing-{number}", f"job-{number}"
        self.arn = self.iot.create_thing(thingName=self.name)["thingArn"]
        self.old = self.certificate(-60)
        self.start(ROTATE)
        self.new = self.certificate()

    def certificate(self, age=0, **attached):
        made = self.iot.create_certificate_from_csr(certificateSigningRequest=csr(), setAsActive=True)
        self.date(made["certificateId"], age)
        self.iot.attach_thing_principal(thingName=self.name, principal=made["certificateArn"], **attached)
        return made["certificateId"]

    def date(self, certificate, age):
        found = self.cloud._registry.certificates[certificate]
        found.creation_date = type(found.creation_date).fromtimestamp(
            time.time() + age, found.creation_date.tzinfo
        )

    def start(self, document, begin=True, job=None):
        self.iot.create_job(jobId=job or self.job, targets=[self.arn], document=document)
        if begin:
            self.cloud.jobs.update(self.name, job or self.job, {"status": "IN_PROGRESS"})

    def event(self, **wrong):
        event = {"thing": self.name, "client": self.name, "principal": self.new, "jobId": self.job} | wrong
        return {name: value for name, value in event.items() if value is not None}

    @property
    def certificates(self):
        """Status by ID of what is attached to it."""
        arns = self.iot.list_thing_principals(thingName=self.name)["principals"]
        ids = [arn.rpartition("/")[2] for arn in arns]
        return {one: self.cloud._registry.certificates[one].status for one in ids}

    @property
    def execution(self):
        return self.cloud.jobs.execution(self.job, self.name)

    def answers(self):
        """What was published to it, which is taken."""
        base = f"things/{self.name}/"
        sent = [one for one in self.cloud._services.outgoing() if one.topic.startswith(base)]
        return [(one.topic.removeprefix(base), json.loads(one.payload)) for one in sent]


numbers = iter(range(1000))


@pytest.fixture
def thing(inside):
    inside.stop_broker()  # which would take what is published
    return Thing(inside, next(numbers))


def test_the_ones_before_are_deactivated_and_kept(confirm, thing):
    assert confirm(thing.event(), None)["status"] == "SUCCEEDED"
    assert thing.certificates == {thing.old: "INACTIVE", thing.new: "ACTIVE"}
    assert thing.execution.status == "SUCCEEDED"
    assert thing.execution.details == {"certificate": thing.new, "deactivated": "1"}
    listed = thing.iot.list_thing_principals_v2(thingName=thing.name)["thingPrincipalObjects"]
    kinds = {one["principal"].rpartition("/")[2]: one["thingPrincipalType"] for one in listed}
    assert kinds[thing.old] == "EXCLUSIVE_THING"  # by which `atecc aws sweep` knows what it may delete


def test_the_same_again_changes_nothing(confirm, thing):
    confirm(thing.event(), None)
    assert "is SUCCEEDED" in confirm(thing.event(), None)["ignored"]
    assert thing.certificates == {thing.old: "INACTIVE", thing.new: "ACTIVE"}


def test_what_was_made_for_a_device_that_has_given_up_is_taken_away(confirm, thing):
    said = confirm(thing.event(principal=thing.old, error="no\nroom\0"), None)
    assert (said["status"], said["reason"]) == ("FAILED", "no room")
    assert thing.certificates == {thing.old: "ACTIVE"}
    assert thing.new not in thing.cloud._registry.certificates
    assert thing.execution.details == {"reason": "no room"}


def test_who_is_connected_with_an_old_certificate_has_renewed_nothing(confirm, thing):
    """It may not have the new one's key, or may not be the device at all."""
    said = confirm(thing.event(principal=thing.old), None)
    assert said["status"] == "FAILED" and "older than the job" in said["reason"]
    assert thing.certificates == {thing.old: "ACTIVE", thing.new: "ACTIVE"}


def other(thing):
    return Thing(thing.cloud, next(numbers))


WRONG = {
    "another client ID": (lambda t: {"client": "other"}, "client ID"),
    "another thing's job": (lambda t: {"jobId": other(t).job}, "no such job"),
    "another thing's certificate": (lambda t: {"principal": other(t).new}, "not attached"),
    "another thing": (lambda t: {"thing": other(t).name}, "client ID"),
    "no certificate": (lambda t: {"principal": None}, "no principal"),
    "no job that failed": (lambda t: {"jobId": None, "error": "no room"}, "no jobId"),
    "an empty job": (lambda t: {"jobId": ""}, "no jobId"),
    "a job that is none": (lambda t: {"jobId": "nothing"}, "no such job"),
    "a job that is no text": (lambda t: {"jobId": 7}, "no jobId"),
}


@pytest.mark.parametrize("name", WRONG)
def test_for_whom_nothing_is_done(confirm, thing, name):
    change, why = WRONG[name]
    assert why in confirm(thing.event(**change(thing)), None)["ignored"]
    assert thing.certificates == {thing.old: "ACTIVE", thing.new: "ACTIVE"}
    assert thing.execution.status == "IN_PROGRESS"


def test_a_job_that_is_not_in_progress_or_renews_nothing(confirm, thing):
    thing.start(ROTATE, begin=False, job=f"{thing.job}-queued")
    assert "is QUEUED" in confirm(thing.event(jobId=f"{thing.job}-queued"), None)["ignored"]
    thing.start('{"operation": "something"}', job=f"{thing.job}-other")
    assert "renews no certificates" in confirm(thing.event(jobId=f"{thing.job}-other"), None)["ignored"]
    thing.start("[]", job=f"{thing.job}-list")
    assert "renews no certificates" in confirm(thing.event(jobId=f"{thing.job}-list"), None)["ignored"]
    assert thing.certificates == {thing.old: "ACTIVE", thing.new: "ACTIVE"}


def test_a_certificate_of_two_things_confirms_neither(confirm, thing):
    share(thing, thing.new)
    assert "another thing too" in confirm(thing.event(), None)["ignored"]
    assert thing.certificates == {thing.old: "ACTIVE", thing.new: "ACTIVE"}


def test_in_a_job_too_another_things_certificate_stays_active(confirm, thing):
    share(thing, thing.old)
    assert confirm(thing.event(), None)["deactivated"] == "0"
    assert thing.certificates == {thing.old: "ACTIVE", thing.new: "ACTIVE"}


def share(thing, certificate):
    """It is another thing's too."""
    name = f"{thing.name}-{next(numbers)}"
    thing.iot.create_thing(thingName=name)
    thing.iot.attach_thing_principal(
        thingName=name, principal=thing.cloud._registry.certificates[certificate].arn
    )
    return name


# Without a job


def itself(thing, /, **wrong):
    return thing.event(jobId=None, **wrong)


def test_without_a_job_the_ones_before_are_deactivated_and_it_is_answered(confirm, thing):
    older = thing.certificate(-7200)
    details = {"certificate": thing.new, "deactivated": "2"}
    assert confirm(itself(thing), None) == {"thing": thing.name} | details
    assert thing.certificates == {older: "INACTIVE", thing.old: "INACTIVE", thing.new: "ACTIVE"}
    assert thing.answers() == [("rotated/accepted", details)]
    assert thing.execution.status == "IN_PROGRESS", "a job is another matter"
    listed = thing.iot.list_thing_principals_v2(thingName=thing.name)["thingPrincipalObjects"]
    kinds = {one["principal"].rpartition("/")[2]: one["thingPrincipalType"] for one in listed}
    assert kinds[thing.old] == kinds[older] == "EXCLUSIVE_THING"


def test_said_again_it_is_answered_again(confirm, thing):
    """The answer was lost, or the device's power."""
    confirm(itself(thing), None)
    assert confirm(itself(thing), None)["deactivated"] == "0"
    assert thing.certificates == {thing.old: "INACTIVE", thing.new: "ACTIVE"}
    assert [ending for ending, _ in thing.answers()] == ["rotated/accepted"] * 2


def age(thing, days):
    thing.date(thing.new, -days * 86400)
    thing.date(thing.old, -1000 * 86400)
    return {}


def lost(thing):
    """Another one was registered since, and never came to the device."""
    thing.lost = thing.certificate(60)
    return {}


def lost_and_shared(thing):
    lost(thing)
    share(thing, thing.lost)
    return {}


def as_old(thing):
    """Which of two that are as old is the newer one can't be told."""
    found = thing.cloud._registry.certificates
    found[thing.old].creation_date = found[thing.new].creation_date
    return {}


def deactivated(thing):
    thing.iot.update_certificate(certificateId=thing.new, newStatus="INACTIVE")
    return {}


def of_two(thing):
    share(thing, thing.new)
    return {}


def claim(thing):
    """A certificate of no thing."""
    made = thing.iot.create_certificate_from_csr(certificateSigningRequest=csr(), setAsActive=True)
    return {"principal": made["certificateId"]}


NOT = {
    "an older certificate": (lambda t: {"principal": t.old}, "newest"),
    "one that was registered and is on no device": (lost, "newest"),
    "one such, attached to two things": (lost_and_shared, "newest"),
    "one that is as old": (as_old, "newest"),
    "another client ID": (lambda t: {"client": "other"}, "client ID"),
    "another thing": (lambda t: {"thing": other(t).name}, "client ID"),
    "another thing, all of it": (lambda t: dict.fromkeys(("thing", "client"), other(t).name), "not attached"),
    "another thing's certificate": (lambda t: {"principal": other(t).new}, "not attached"),
    "no client ID": (lambda t: {"client": None}, "no client"),
    "no certificate": (lambda t: {"principal": None}, "no principal"),
    "a certificate of two things": (of_two, "another thing too"),
    "a certificate that is not active": (deactivated, "not active"),
    "a claim": (claim, "not attached"),
    "a certificate that is no new one": (lambda t: age(t, 91), "older than 90 days"),
}


@pytest.mark.parametrize("name", NOT)
def test_for_whom_nothing_is_retired_without_a_job(confirm, thing, name):
    change, why = NOT[name]
    event = itself(thing, **change(thing))
    before = thing.certificates
    assert why in confirm(event, None)["ignored"]
    assert thing.certificates == before and before[thing.old] == "ACTIVE"
    assert thing.answers() == []


def test_what_never_came_to_the_device_goes_with_the_next(confirm, thing):
    """What has one newer than itself waits for the renewal that works."""
    lost(thing)
    newest = thing.certificate(120)
    assert confirm(itself(thing, principal=newest), None)["deactivated"] == "3"
    assert {one for one, status in thing.certificates.items() if status == "ACTIVE"} == {newest}


def test_for_a_whole_renewals_time_it_is_heard(confirm, thing):
    """The device was off for long."""
    age(thing, 89)
    assert confirm(itself(thing), None)["deactivated"] == "1"


def test_what_another_thing_uses_is_not_deactivated(confirm, thing):
    share(thing, thing.old)
    assert confirm(itself(thing), None)["deactivated"] == "0"
    assert thing.certificates == {thing.old: "ACTIVE", thing.new: "ACTIVE"}

"""`atecc aws rotate` and `expiring` on the stand-in: what is refused, started, followed, and told in the end.

The devices are the test: between two looks at the job it says for them what they would say.
"""

import json
from datetime import UTC, datetime, timedelta

import pytest
from atecc.aws import rotation
from atecc.aws.cloud import Cloud as Account
from atecc.aws.fleet import Fleet, set_up
from cloud.devices import csr
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec


@pytest.fixture
def ready(iot):
    """The fleet is set up; the devices do nothing until they are told what."""
    set_up(Account(), Fleet())
    return iot


@pytest.fixture
def devices(stand_in, ready, monkeypatch):
    """devices(thing=[update, …]): what each says, one thing a look; the thing is made."""

    def make(**say):
        group = f"group-{len(stand_in.decisions)}"
        ready.create_thing_group(thingGroupName=group)
        for name in say:
            made = ready.create_certificate_from_csr(certificateSigningRequest=csr(), setAsActive=True)
            ready.create_thing(thingName=name)
            ready.add_thing_to_thing_group(thingGroupName=group, thingName=name)
            ready.attach_thing_principal(thingName=name, principal=made["certificateArn"])

        def go_on(_seconds):
            jobs = stand_in.jobs
            job = max(jobs.jobs.values(), key=lambda one: (one.created, one.id))
            for name, words in say.items():
                if words and name in job.executions:
                    jobs.update(name, job.id, words.pop(0))

        monkeypatch.setattr(rotation, "pause", go_on)
        return group

    return make


BEGUN, DONE = {"status": "IN_PROGRESS"}, {"status": "SUCCEEDED"}


def failed(reason=None):
    return {"status": "FAILED"} | ({"statusDetails": {"reason": reason}} if reason else {})


def test_all_are_renewed(run, devices, ready):
    group = devices(a1=[BEGUN, DONE], a2=[DONE])
    ran = run(None, "aws", "rotate", "--group", group, "--per-minute", "50", "--abort-at", "5%", "--json")
    assert ran.status == 0, ran.err
    found = ran.json
    assert (found["status"], found["devices"]["succeeded"], found["failures"]) == ("COMPLETED", 2, [])
    assert found["calls"]["CreateJob"] == 1
    job = ready.describe_job(jobId=found["job"])["job"]
    assert job["jobExecutionsRolloutConfig"] == {"maximumPerMinute": 50}
    assert job["abortConfig"]["criteriaList"][0]["thresholdPercentage"] == 5.0
    document = json.loads(ready.get_job_document(jobId=found["job"])["document"])
    assert document == {"operation": "rotate-certificate", "version": 1, "template": "atecc"}
    policies = ready.list_attached_policies(
        target=ready.describe_thing_group(thingGroupName=group)["thingGroupArn"]
    )
    assert [one["policyName"] for one in policies["policies"]] == ["atecc-renewal"]


def test_of_a_fleet_with_a_signer_the_job_says_so(run, devices, ready):
    set_up(Account(), Fleet("mine"), b"def sign(request, thing): ...")
    group = devices(s1=[DONE])
    ran = run(None, "aws", "rotate", "--group", group, "--template", "mine", "--json")
    document = json.loads(ready.get_job_document(jobId=ran.json["job"])["document"])
    assert document == {"operation": "rotate-certificate", "version": 1, "signer": "mine"}
    arn = ready.describe_thing_group(thingGroupName=group)["thingGroupArn"]
    assert ready.list_attached_policies(target=arn)["policies"] == [], "it takes none"


def test_a_thing_gets_the_permission_by_its_certificate(run, devices, ready):
    devices(b1=[DONE])
    ran = run(None, "aws", "rotate", "--thing", "b1")
    assert (ran.status, "1 device renewed, of 1" in ran.out) == (0, True), ran.err
    arn = ready.list_thing_principals(thingName="b1")["principals"][0]
    assert [one["policyName"] for one in ready.list_attached_policies(target=arn)["policies"]] == [
        "atecc-renewal"
    ]


def test_each_failure_has_its_reason_and_the_exit_status_says_so(run, devices):
    group = devices(c1=[DONE], c2=[failed("the hook says no")], c3=[{"status": "REJECTED"}])
    ran = run(None, "aws", "rotate", "--group", group)
    assert ran.status == 7
    assert "c2  FAILED  the hook says no" in ran.out and "c3  REJECTED  it does not say why" in ran.out
    assert "2 devices not renewed" in ran.err and "old certificate" in ran.err


def test_a_job_that_is_stopped_at_its_threshold(run, devices):
    group = devices(d1=[BEGUN, failed("x")], d2=[], d3=[BEGUN, DONE])
    ran = run(None, "aws", "rotate", "--group", group, "--abort-at", "30", "--json")
    assert ran.status == 7
    found = ran.json
    assert (found["status"], found["devices"]["canceled"]) == ("CANCELED", 1)
    reasons = {one["thing"]: one["reason"] for one in found["failures"]}
    assert reasons["d1"] == "x" and "was stopped" in reasons["d2"]
    assert "ABORT_CRITERIA" in ran.err


def test_the_first_of_many_to_fail_stops_nobody(run, stand_in, devices, monkeypatch):
    """AWS tells one a minute; of the first alone a failure would be all there is."""
    others = {f"m{number}": [DONE] for number in range(20)}
    group = devices(m=[failed("x")], **others)
    go_on = rotation.pause

    def minute(seconds):
        go_on(seconds)
        stand_in.pass_time(60)

    monkeypatch.setattr(rotation, "pause", minute)
    ran = run(None, "aws", "rotate", "--group", group, "--per-minute", "1", "--abort-at", "5.01", "--json")
    assert (ran.json["status"], ran.json["devices"]["succeeded"]) == ("COMPLETED", 20)
    assert [one["thing"] for one in ran.json["failures"]] == ["m"]


class Groups:
    """As Cloud, of which it has the members of groups; `read` says how many were listed."""

    def __init__(self, **members):
        self.members, self.read = members, 0

    def pages(self, operation, part, thingGroupName, recursive):
        assert (operation, part, recursive) == ("list_things_in_thing_group", "things", True)
        for name in self.members[thingGroupName]:
            self.read += 1
            yield name


def names(first, last):
    return [f"sensor-{number}" for number in range(first, last)]


@pytest.mark.parametrize(
    ("percent", "things", "group", "least"),
    [
        (5, 19, (0, 0), 1),  # one is more than 5 %: the first failure is too much
        (5, 20, (0, 0), 20),
        (5, 0, (0, 19), 1),
        (5, 0, (0, 10_000), 20),
        (5, 10, (0, 19), 1),  # who is named and in the group too counts once
        (5, 10, (5, 20), 20),
        (0.01, 0, (0, 10_000), 10_000),
        (0.03, 0, (0, 10_000), 3334),
        (100, 1, (0, 0), 1),
        (51, 2, (0, 0), 2),
    ],
)
def test_before_how_many_devices_no_failure_stops_the_job(percent, things, group, least):
    cloud = Groups(g=names(*group))
    order = rotation.Order(names(0, things), ["g"], "atecc", abort_at=percent)
    assert rotation.least_before_abort(cloud, order, percent) == least
    assert cloud.read <= least + 1 or least == 1, "no more of a group is read than it takes"


def test_things_in_groups_of_groups_are_counted(run, devices, ready):
    group = devices(j1=[DONE], j2=[DONE], j3=[DONE])
    ready.create_thing_group(thingGroupName=f"{group}-part", parentGroupName=group)
    ready.remove_thing_from_thing_group(thingGroupName=group, thingName="j3")
    ready.add_thing_to_thing_group(thingGroupName=f"{group}-part", thingName="j3")
    ran = run(None, "aws", "rotate", "--group", group, "--abort-at", "34", "--thing", "j1", "--json")
    assert ran.status == 0, ran.err
    (criterion,) = ready.describe_job(jobId=ran.json["job"])["job"]["abortConfig"]["criteriaList"]
    assert (criterion["minNumberOfExecutedThings"], criterion["thresholdPercentage"]) == (3, 34.0)


def test_ctrl_c_leaves_the_job_running_and_says_how_to_follow_it(run, devices, ready, monkeypatch):
    group = devices(e1=[DONE])
    go_on = rotation.pause

    def interrupted(_seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(rotation, "pause", interrupted)
    ran = run(None, "aws", "rotate", "--group", group)
    assert ran.status == 130 and "1 of them have not begun" in ran.err and "aws.jobs" in ran.err
    command = ran.err.split("`")[1]
    identifier = command.rpartition(" ")[2]
    assert command == f"atecc aws rotate --job {identifier}"
    assert ready.describe_job(jobId=identifier)["job"]["status"] == "IN_PROGRESS"
    monkeypatch.setattr(rotation, "pause", go_on)
    assert run(None, *command.split()[1:]).status == 0


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda iot: iot.update_provisioning_template(templateName="atecc", enabled=False), "is switched off"),
        (lambda iot: iot.update_provisioning_template(templateName="atecc", removePreProvisioningHook=True), "no hook"),
        (lambda iot: iot.delete_topic_rule(ruleName="atecc_rotated"), "there is no rule atecc_rotated"),
        (lambda iot: iot.delete_provisioning_template(templateName="atecc"), "There is no fleet atecc"),
    ],
)  # fmt: skip
def test_what_is_not_set_up_is_said_with_the_command_that_does(run, stand_in, ready, devices, change, why):
    name = f"f{len(stand_in.decisions)}"
    devices(**{name: []})
    change(ready)
    before = len(stand_in.jobs.jobs)
    ran = run(None, "aws", "rotate", "--thing", name)
    assert ran.status == 5 and why in ran.err and "`atecc aws fleet setup` makes it" in ran.err
    assert len(stand_in.jobs.jobs) == before


@pytest.mark.parametrize(
    ("options", "status", "why"),
    [
        (["--thing", "nobody"], 5, "There is no thing nobody"),
        (["--group", "nothing"], 5, "There is no thing group nothing"),
        ([], 2, "Nobody is named"),
        (["--thing", "a", "--abort-at", "0"], 2, "no percentage"),
        (["--thing", "a", "--abort-at", "101%"], 2, "no percentage"),
        (["--thing", "a", "--job", "x"], 2, "goes with no other option"),
        (["--job", "nothing"], 2, "There is no job nothing"),
    ],
)
def test_what_is_refused(run, ready, options, status, why):
    ran = run(None, "aws", "rotate", *options)
    assert ran.status == status and why in ran.err


def test_somebody_elses_job_is_not_followed(run, ready, devices):
    devices(g1=[])
    arn = ready.describe_thing(thingName="g1")["thingArn"]
    ready.create_job(jobId="theirs", targets=[arn], document="{}")
    ran = run(None, "aws", "rotate", "--job", "theirs")
    assert ran.status == 2 and "not one that `atecc aws rotate` has started" in ran.err


def test_a_lost_answer_starts_one_job(run, stand_in, devices):
    devices(h1=[DONE])
    before = len(stand_in.jobs.jobs)
    stand_in.faults.lose("CreateJob")
    assert run(None, "aws", "rotate", "--thing", "h1").status == 0
    assert len(stand_in.jobs.jobs) == before + 1


def test_expiring(run, iot, stand_in):
    """Of AWS's own none ends soon; of a CA of one's own those that do, whatever they are attached to."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name.from_rfc4514_string("CN=mine")
    soon, late = (register(iot, key, name, days) for days in (20, 40))
    iot.create_thing(thingName="ending")
    iot.attach_thing_principal(thingName="ending", principal=soon["certificateArn"])
    ran = run(None, "aws", "expiring", "--within", "30d", "--json")
    assert ran.status == 0
    found = {one["certificate_id"]: one["things"] for one in ran.json["certificates"]}
    assert found == {soon["certificateId"]: ["ending"]}
    iot.update_certificate(certificateId=soon["certificateId"], newStatus="INACTIVE")
    assert "No active certificate ends within 30d" in run(None, "aws", "expiring").err
    assert late["certificateId"] in run(None, "aws", "expiring", "--within", "60d").out


def register(iot, key, name, days):
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now,
                                      now + timedelta(days=days))  # fmt: skip
    pem = builder.sign(key, hashes.SHA256()).public_bytes(
        __import__("cryptography").hazmat.primitives.serialization.Encoding.PEM
    )
    return iot.register_certificate_without_ca(certificatePem=pem.decode(), status="ACTIVE")

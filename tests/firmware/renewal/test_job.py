"""Renewal through a job of AWS IoT: the steps, and each way in which one can fail.

What comes of it at AWS has its tests in tests/cloud and tests/e2e.
"""

import pytest
from renewing import GIVEN, MINUTE, SAYS, SEEN, SETTING


def test_a_new_key_and_certificate_tried_and_committed(device):
    code = SETTING + "link = Link()\nagain = work(link)\nthere = work(link, execution('IN_PROGRESS'))\n"
    shown = (
        f"[{SEEN}, store.current()['slot'], store.current()['job'], again, there, [s[0] for s in link.said]]"
    )
    seen, slot, job, again, there, said = device.value(shown, code, GIVEN)
    assert seen == ["b", "previous", "connected", 1]
    assert (slot, job, again, there) == (1, "job-1", False, False)
    assert said == [
        "$aws/things/thing-1/jobs/job-1/update",
        "$aws/certificates/create-from-csr/json",
        "$aws/provisioning-templates/fleet/provision/json",
        "things/thing-1/rotated",
        "$aws/things/thing-1/jobs/job-1/update",
    ]


SIGNER = (
    "signed = execution()\nsigned['jobDocument'] = {'operation': 'rotate-certificate', 'signer': 'fleet'}\n"
)


def test_by_a_signer_of_the_owners_it_is_one_request(device):
    code = SETTING + SIGNER + "link = Link()\nagain = work(link, signed)\n"
    said = device.value(f"[{SEEN}, again, [s[0] for s in link.said], link.said[1][1]['jobId']]", code, GIVEN)
    topics = ["$aws/things/thing-1/jobs/job-1/update", "things/thing-1/sign"]
    assert said == [["b", "previous", "connected", 1], False, topics, "job-1"]


def test_a_signer_that_refuses_leaves_the_old_one(device):
    code = SETTING + SIGNER + "link = Link(sign='not on my list')\nwork(link, signed)\n"
    seen, why = device.value(f"[{SEEN}, listener.given_up[1]]", code, GIVEN)
    assert seen == ["a", "empty", "connected", 0]
    assert why == "AWS rejects things/thing-1/sign: not on my list (AccessDenied)"


def test_what_it_says_of_itself(device):
    code = SETTING + "link = Link()\nwork(link)\nwork(link, execution('IN_PROGRESS'))\n"
    said = device.value("[s[1] for s in link.said if 'certificateSigningRequest' not in s[1]]", code, GIVEN)
    assert said == [
        {"status": "IN_PROGRESS", "expectedVersion": 1},
        {"certificateOwnershipToken": "t", "parameters": {"ThingName": "thing-1"}},
        {"jobId": "job-1"},
        {
            "status": "SUCCEEDED",
            "statusDetails": {"unconfirmed": "nobody at AWS has confirmed the new connection"},
        },
    ]


@pytest.mark.parametrize(
    ("fails", "why", "tried"),
    [
        ({"create-from-csr": "no"}, "AWS rejects $aws/certificates/create-from-csr/json: no (AccessDenied)", 0),
        ({"provision": "not yours"}, "/fleet/provision/json: not yours (AccessDenied)", 0),
        ({"create-from-csr": "down"}, "the network is gone", 0),
        ({"provision": "silent"}, "AWS has not answered $aws/provisioning-templates/fleet/provision/json", 0),
        ({"try": "closed without a word"}, "closed without a word", 1),
    ],
)  # fmt: skip
def test_whatever_fails_leaves_the_old_one_and_says_why(device, fails, why, tried):
    code = SETTING + f"link = Link(**{fails!r})\nagain = work(link)\n"
    code += "link.fails = {}\nwork(link, execution('IN_PROGRESS'))\n"
    seen, again, said = device.value(f"[{SEEN}, again, link.said[-2:]]", code, GIVEN)
    assert seen == ["a", "empty", "connected", tried] and again is True
    (where, told), (_, ended) = said
    assert (where, told["jobId"]) == ("things/thing-1/rotated", "job-1") and why in told["error"]
    assert (ended["status"], ended["statusDetails"]["reason"]) == ("FAILED", told["error"])


def test_what_aws_does_not_give_is_not_begun(device):
    """Somebody has canceled it between its notice and our word."""
    code = SETTING + "link = Link(update='canceled')\nagain = [work(link), work(link)]\n"
    assert device.value(f"[{SEEN}, again]", code, GIVEN) == [["a", "empty", "connected", 0], [True, False]]
    assert device.chip.keys_made == 1


def test_what_an_application_has_begun_for_us_is_taken_with_its_new_version(device):
    """It has called start-next."""
    code = SETTING + "link = Link(update='version')\nagain = work(link)\nlink.fails = {}\n"
    code += "work(link, execution('IN_PROGRESS') | {'versionNumber': 2})\n"
    assert device.value("[again, store.active, link.said[1][1]]", code, GIVEN) == [
        True, "b", {"status": "IN_PROGRESS", "expectedVersion": 2},
    ]  # fmt: skip


@pytest.mark.parametrize("what", ["silent", "down"])
def test_what_aws_does_not_answer_is_looked_for_when_it_connects(device, what):
    code = SETTING + f"link = Link(update='{what}')\nagain = work(link)\n"
    assert device.value(f"[{SEEN}, again]", code, GIVEN) == [["a", "empty", "connected", 0], False]


def test_an_applications_own_updates_are_no_answers(device):
    """It works on a job of its own meanwhile, and AWS says yes to that."""
    code = (
        SETTING
        + """
class Busy(Link):
    def answer(self, topic, what, asked):
        super().answer(topic, what, asked)
        if what == "update":
            listener._heard("$aws/things/thing-1/jobs/other/update/accepted", "{}")
link = Busy(update="canceled")
work(link)
"""
    )
    assert device.value(SEEN, code, GIVEN) == ["a", "empty", "connected", 0]


def test_after_a_power_cut_it_is_taken_up_again(device):
    """Between the certificate and the commit: the execution is in progress at AWS, something unfinished is here."""
    code = (
        SETTING
        + "link = Link()\nlink.attempt = lambda *_: 1 / 0\nstore.discard = lambda *_: None\nwork(link)\n"
    )
    assert device.value("[store.active, store.get('b')['state']]", code, GIVEN) == ["a", "staged"]
    code = SETTING + "link = Link()\nwork(link, execution('IN_PROGRESS'))\n"
    assert device.value(f"[{SEEN}, store.current()['job']]", code, GIVEN) == [
        ["b", "previous", "connected", 1],
        "job-1",
    ]


def test_after_a_power_cut_behind_the_commit_it_is_only_told(device):
    device.value("work(Link())", SETTING, GIVEN)
    code = SETTING + "link = Link()\nwork(link, execution('IN_PROGRESS'))\n"
    assert device.value(f"[{SEEN}, link.said[0]]", code, GIVEN) == [
        ["b", "previous", "connected", 0], ["things/thing-1/rotated", {"jobId": "job-1"}],
    ]  # fmt: skip


def test_somebody_elses_unfinished_identity_is_left_alone(device):
    code = SETTING + "store.begin(subject, asker=OWNER)\nlink = Link()\nwork(link)\n"
    reason, state, by = device.value(
        "[listener.given_up[1], store.get('b')['state'], store.begun()['by']]", code, GIVEN
    )
    assert "was begun by somebody else (usb)" in reason and (state, by) == ("pending", "usb")


def test_one_rotation_after_the_other(device):
    """The third identity's key takes the place of the first one's, which from afar takes more than asking."""
    code = (
        SETTING
        + "link = Link()\nslots = []\nfor number in range(4):\n    work(link, execution() | {'jobId': str(number)})\n"
    )
    slots, error = device.value(
        "[slots, listener.given_up]", code + "    slots.append(store.current()['slot'])\n", GIVEN
    )
    assert (slots, error) == ([1, 0, 1, 0], ["3", None])


# What becomes of a job's certificate that AWS has not confirmed.

VERDICT = """
class Heard(Link):
    def publish(self, topic, message, qos, retain):
        done = super().publish(topic, message, qos, retain)
        if topic == TOLD and "jobId" in message:
            listener._heard("$aws/things/thing-1/jobs/notify", json.dumps({"jobs": {}}))
        return done
"""
AGAIN = "work(link, execution('IN_PROGRESS'))\n"


def test_what_a_job_has_renewed_aws_knows_by_the_job(device):
    code = SETTING + VERDICT + "link = Heard()\nwork(link)\nbefore = store.untold\n" + AGAIN
    assert device.value("[before, store.untold, len(link.said)]", code, GIVEN) == ["job-1", False, 4]


@pytest.mark.parametrize("why", ["nobody has confirmed it", "it may not be told"])
def test_what_nobody_has_confirmed_is_told_without_the_job(device, why):
    """The device has ended its part itself; when somebody hears it again, the one before is retired."""
    code = SETTING + MINUTE + "link = Link()\nwork(link)\n"
    if why == "it may not be told":
        code += "link.fails = {'rotated': 'down'}\nlink.dropped = [{'topic': TOLD}]\n"
    code += AGAIN + "last = link.said[-1][1]\nuntold = store.untold\n"
    last, untold = device.value("[last, untold]", code, GIVEN)
    assert (last["status"], untold) == ("SUCCEEDED", "job-1")
    code = SETTING + MINUTE + "link = Link()\nbefore = store.untold\nitself(link, False)\n"
    assert device.value("[before, link.said, store.untold]", code, GIVEN) == ["job-1", [SAYS], False]


def test_a_network_that_is_gone_ends_no_part(device):
    code = SETTING + "link = Link()\nwork(link)\nlink.fails = {'rotated': 'down'}\n" + AGAIN
    last, untold = device.value("[link.said[-1], store.untold]", code, GIVEN)
    assert (last, untold) == (["things/thing-1/rotated", {"jobId": "job-1"}], "job-1")


@pytest.mark.parametrize("first", ["Link()", "Link(provision='no')"])
def test_what_aws_wants_again_is_done_again(device, first):
    """The job was deleted and is there anew, or has another attempt: what came of it before says nothing of it."""
    code = SETTING + f"work({first})\nlink = Link()\nbefore = store.switch\nagain = work(link)\n"
    assert device.value("[store.switch - before, again]", code, GIVEN) == [1, False]


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"version": 2, "template": "fleet"}, "the job's version is 2, this firmware knows 1"),
        ({}, "the job names neither a template nor a signer"),
        ({"template": None}, "the job names neither a template nor a signer"),
        ({"template": 7, "signer": "fleet"}, "the job names neither a template nor a signer"),
    ],
)
def test_a_job_that_can_not_be_done_is_not_tried(device, document, why):
    code = (
        SETTING
        + f"wanted = execution() | {{'jobDocument': {document!r}}}\nlink = Link()\nagain = work(link, wanted)\n"
    )
    seen = device.value(f"[{SEEN}, again, listener.given_up[1], len(link.said)]", code, GIVEN)
    assert seen == [["a", "empty", "connected", 0], True, why, 1]


def test_a_reason_is_as_aws_takes_it(device):
    code = SETTING + "link = Link(provision='no\\n\\0room\\x7f\\x9f f\u00fcr sie')\nwork(link)\n"
    assert device.value("listener.given_up[1]", code, GIVEN).endswith(": no room f\u00fcr sie (AccessDenied)")

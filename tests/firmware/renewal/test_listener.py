"""What the device hears of jobs, and begins."""

import pytest
from renewing import GIVEN, JOBS, LISTENING, RENEWED, SETTING, renewed


@pytest.mark.parametrize(("untold", "begun"), [(True, 1), (False, 0)])
def test_only_what_nobody_knows_is_told_when_it_connects(device, untold, begun):
    renewed(device, {"rotated": "silent"} if untold else {})
    code = LISTENING + "first = connects()\nrun() if first else None\nsecond = connects()\n"
    assert device.value("[first, second, len(link.said)]", code, GIVEN) == [begun, 0, begun]


@pytest.mark.parametrize(
    ("changes", "said", "begun"),
    [
        ({}, [], 0),
        ({"app.mine": 1}, [], 0),
        ({"aws.jobs": True}, ["get"], 0),
        ({"aws.renew": 30}, [], 1),
        ({"aws.jobs": True, "aws.renew": 30}, ["get"], 1),
    ],
)
def test_what_is_switched_on_is_begun_at_once(device, changes, said, begun):
    """And no other setting costs a message."""
    code = (
        LISTENING
        + f"connects()\nstore.untold = True\ndevice.settings.values |= {changes!r}\nlistener.refresh()\n"
    )
    code += "listener.refresh()\n" * (begun == 0)
    assert device.value("[[s[0] for s in link.said], len(started)]", code) == [
        [JOBS + one for one in said],
        begun,
    ]


def test_a_day_is_not_lost_for_want_of_a_thread(device):
    code = LISTENING + RENEWED + "threads.room = False\nfirst = connects()\nthreads.room = True\n"
    assert device.value("[first, connects()]", code, GIVEN) == [0, 1]


def test_what_comes_while_it_is_busy_is_looked_for_afterwards(device):
    """Its own renewal is looked at when it connects, and AWS's answer with a job comes in the middle of that."""
    code = LISTENING + RENEWED + "device.settings.values['aws.jobs'] = True\nconnects()\nlink.said = []\n"
    code += "listener._heard('t/job-1/get/accepted', json.dumps({'execution': execution()}))\n"
    code += "before = len(link.said)\nrotation.by_itself = lambda *_: False\n"
    code += "module.lazily.load = lambda name: rotation\nrun()\n"
    assert device.value("[before, [s[0] for s in link.said]]", code, GIVEN) == [0, [JOBS + "get"]]


def test_without_jobs_it_asks_for_none(device):
    """They were switched off in the middle of one."""
    code = LISTENING + "rotation.by_job = lambda *_: True\nmodule.lazily.load = lambda name: rotation\n"
    code += "listener._begin('by_job', {})\nrun()\n"
    assert device.value("[link.said, started]", code, GIVEN) == [[], []]


@pytest.mark.parametrize(
    ("message", "begun"),
    [
        ({"execution": {"jobId": "ours", "jobDocument": {"operation": "rotate-certificate"}}}, True),
        ({"execution": {"jobId": "mine", "jobDocument": {"operation": "something-else"}}}, False),
        ({"execution": {"jobId": "mine", "jobDocument": "text"}}, False),
        ({"execution": {}}, False),
        ({}, False),
        ([], False),
    ],
)  # fmt: skip
def test_what_is_taken_for_a_job_of_ours(device, message, begun):
    """The owner's other jobs are left to whoever does them."""
    code = SETTING + "heard = []\nlistener._begin = lambda how, what: heard.append(what)\n"
    code += "listener._heard('t/notify-next', json.dumps(given))\n"
    assert (device.value("len(heard)", code, message) == 1) is begun


def listing(*jobs, begun=()):
    """As AWS lists them: the answer to who has asked, and its notice."""
    first, then = ([{"jobId": job} for job in some] for some in (begun, jobs))
    notice = {"IN_PROGRESS": first, "QUEUED": then}
    return [{"inProgressJobs": first, "queuedJobs": then}, {"jobs": {k: v for k, v in notice.items() if v}}]


TEN = [f"other-{number}" for number in range(10)]
OURS = [f"rotate-{number}" for number in range(9)]


@pytest.mark.parametrize(
    ("lists", "asked", "noticed"),
    [
        (listing(), [], []),
        (listing("other"), ["other"], []),
        (listing("rotate-1"), ["rotate-1"], []),
        (listing("other", "rotate-1"), ["other", "rotate-1"], ["rotate-1"]),
        (listing("rotate-1", begun=["other"]), ["other", "rotate-1"], ["rotate-1"]),
        (listing("other", "another", begun=["rotate-1"]), ["rotate-1"], []),
        (listing("rotate-2", begun=["known"]), ["known", "rotate-2"], []),
        (listing(*TEN), TEN[:1], []),
        (listing(*OURS), OURS[:5], OURS[1:5]),
    ],
)  # fmt: skip
def test_ours_is_found_behind_others_which_are_left_alone(device, lists, asked, noticed):
    """All that it says is to ask for a job; in front stands one that was told of as ours: `known`, or none."""
    code = LISTENING + "device.settings.values['aws.jobs'] = True\nlistener.refresh()\nlink.said = []\n"
    code += "listener._first = 'known'\n"
    code += "listener._heard('t/jobs/get/accepted', json.dumps(given[0]))\nasked, link.said = link.said, []\n"
    code += "listener._heard('t/jobs/notify', json.dumps(given[1]))\n"
    said = device.value("[asked, link.said]", code, lists)
    assert said == [[[f"{JOBS}{job}/get", {}] for job in some] for some in (asked, noticed)]


@pytest.mark.parametrize(
    ("message", "waits"),
    [
        (listing("other", begun=["job-1"])[1], True),
        (listing("other")[1], False),
        (listing()[1], False),
        (listing(*TEN)[1], True),
        (listing(*TEN)[0], False),
        ({"execution": {"jobId": "other", "jobDocument": {}}}, True),
    ],
)
def test_when_aws_has_ended_what_was_told(device, message, waits):
    """Another one that comes to stand in front says nothing of it, nor does a notice that may have left it out."""
    code = LISTENING + "device.settings.values['aws.jobs'] = True\nlistener.refresh()\n"
    code += "listener.reported = 'job-1'\nlistener._heard('t/jobs/notify', json.dumps(given))\n"
    assert device.value("listener.reported == 'job-1'", code, message) is waits


def test_a_job_too_large_to_be_read_costs_the_link_nothing(device):
    code = (
        LISTENING
        + "class Full:\n    def loads(self, text):\n        raise MemoryError\nmodule.json = Full()\n"
    )
    assert device.value("listener._heard('t/notify-next', '{}')", code) is None


UNTOLD = LISTENING + "device.settings.values['aws.jobs'] = True\nlistener.refresh()\nstore.untold = 'job-1'\n"


@pytest.mark.parametrize(
    ("message", "begun"),
    [
        (listing()[0], 1),
        (listing("other")[1], 1),
        (listing(begun=["job-1"])[0], 0),
        (listing("other", begun=["job-1"])[1], 0),
        (listing(*TEN)[1], 0),
    ],
)
def test_what_a_job_has_renewed_is_told_without_it_once_that_has_ended(device, message, begun):
    """It took longer than the job waited."""
    code = UNTOLD + "first = connects()\nlistener._heard('t/jobs/notify', json.dumps(given))\n"
    assert device.value("[first, len(started)]", code, message) == [0, begun]


def test_while_it_is_being_reported_its_end_is_the_answer(device):
    code = UNTOLD + "listener.reported = 'job-1'\nlistener._heard('t/jobs/notify', json.dumps(given))\n"
    assert device.value("[listener.reported, len(started)]", code, listing()[1]) == [None, 0]


def test_where_no_jobs_are_wanted_any_more_it_is_told_at_once(device):
    code = LISTENING + "store.untold = 'job-1'\n"
    assert device.value("connects()", code) == 1


@pytest.mark.parametrize("untold", [True, False])
def test_of_its_own_renewal_a_list_says_nothing(device, untold):
    """That is told when it connects."""
    code = UNTOLD + f"store.untold = {untold}\nlistener._heard('t/jobs/get/accepted', json.dumps(given))\n"
    assert device.value("len(started)", code, listing()[0]) == 0


@pytest.mark.parametrize("again", [True, False])
def test_what_has_to_be_looked_for_again_is(device, again):
    code = LISTENING + "device.settings.values['aws.jobs'] = True\nlistener.refresh()\nlink.said = []\n"
    code += f"rotation.by_job = lambda *_: {again}\nmodule.lazily.load = lambda name: rotation\n"
    code += "listener._begin('by_job', {})\nrun()\n"
    assert device.value("[s[0] for s in link.said]", code) == [JOBS + "get"] * again


def test_once_a_day_it_looks_at_its_certificate(device):
    """One day before the end is a wish as good as any."""
    code = LISTENING + "device.settings.values['aws.renew'] = 1\nmodule.uptime = Uptime()\nseen = []\n"
    code += "rotation.by_itself = lambda *_: False\nmodule.lazily.load = lambda name: rotation\n"
    code += "for now in (0, 1, 86399999, 86400000, 86400001, 172800000):\n"
    code += "    Uptime.now = now\n    seen.append(connects())\n    run() if started else None\n"
    clock = "class Uptime:\n    now = 0\n    ms = lambda self: self.now\n"
    assert device.value("seen", clock + code) == [1, 0, 0, 1, 0, 1]


def test_it_listens_with_qos_1_and_stops_when_it_is_told(device):
    code = LISTENING + "kinds = []\nlink.listen = lambda inbox, qos: kinds.append([inbox.pattern, qos])\n"
    code += "gone = []\nlink.listen_no_more = lambda inbox: gone.append(inbox.pattern)\n"
    for jobs in (True, True, False):
        code += f"device.settings.values['aws.jobs'] = {jobs}\nlistener.refresh()\n"
    assert device.value("[kinds, gone]", code) == [[[JOBS + "#", 1]], [JOBS + "#"]]

"""The jobs' engine, in virtual time, and what a device says to it."""

import json

import pytest
from simcloud.jobs import Job, JobError, Jobs
from simcloud.jobtopics import JobTopics


class Account:
    """An engine with a clock to turn, groups, and notes of who was told, and of what."""

    def __init__(self):
        self.now = 1_000_000.0
        self.groups = {"group": ["a", "b", "c", "d"]}
        self.told = []
        self.jobs = Jobs(lambda: self.now, lambda target: self.groups.get(target, [target]), self.tell)
        self.topics = JobTopics(self.jobs, lambda: self.now)

    def tell(self, thing, first):
        self.told += [(thing, rest) for rest, _ in self.topics.notices(thing, first)]

    def news(self):
        """What was told, which is taken."""
        told, self.told = self.told, []
        return told

    def create(self, identifier="job", *targets, **options):
        job = self.jobs.create(Job(identifier, list(targets) or ["group"], {"do": "it"}, self.now, **options))
        self.jobs.tick()
        return job

    def later(self, minutes):
        self.now += minutes * 60
        self.jobs.tick()

    def update(self, thing, status, identifier="job", **more):
        return self.jobs.update(thing, identifier, {"status": status, **more})

    def ask(self, thing, rest, request=None):
        message = request if isinstance(request, bytes) else json.dumps(request or {}).encode()
        return self.topics.answer(thing, rest, message)

    def status(self, identifier="job"):
        return {thing: one.status for thing, one in self.jobs.get(identifier).executions.items()}


@pytest.fixture
def account():
    return Account()


def refused(call, *args, **more):
    with pytest.raises(JobError) as caught:
        call(*args, **more)
    return caught.value.code


def test_a_snapshot_is_for_those_who_are_there_and_ends_with_them(account):
    job = account.create()
    account.groups["group"].append("late")
    account.later(1)
    assert account.status() == dict.fromkeys("abcd", "QUEUED")
    for thing in "abcd":
        account.update(thing, "SUCCEEDED")
    assert (job.status, job.completed) == ("COMPLETED", account.now)


def test_a_continuous_job_takes_newcomers_lets_the_leaving_go_and_never_ends(account):
    job = account.create(continuous=True)
    account.groups["group"] = ["b", "c", "d", "late"]
    account.later(1)
    assert account.status() == {"a": "REMOVED"} | dict.fromkeys(("b", "c", "d", "late"), "QUEUED")
    for thing in account.groups["group"]:
        account.update(thing, "SUCCEEDED")
    assert job.status == "IN_PROGRESS"


def test_it_is_rolled_out_no_faster_than_it_may(account):
    account.create(rate=3)
    account.jobs.tick()
    assert list(account.status()) == ["a", "b", "c"]
    account.later(0.9)
    assert len(account.status()) == 3
    account.later(0.1)
    assert len(account.status()) == 4


def criterion(failure="ALL", percentage=25.0, least=4):
    return {"failureType": failure, "thresholdPercentage": percentage, "minNumberOfExecutedThings": least}


@pytest.mark.parametrize(
    ("wanted", "status", "aborts"),
    [
        (criterion(), "FAILED", True),
        (criterion("FAILED"), "REJECTED", False),
        (criterion("REJECTED"), "REJECTED", True),
        (criterion(percentage=26.0), "FAILED", False),
        (criterion(least=5), "FAILED", False),
    ],
)
def test_it_is_aborted_at_its_threshold(account, wanted, status, aborts):
    job = account.create(abort=[wanted])
    account.update("b", "IN_PROGRESS")
    account.update("a", status)
    assert (job.status == "CANCELED") is aborts
    assert account.status()["c"] == ("CANCELED" if aborts else "QUEUED")
    assert account.status()["b"] == "IN_PROGRESS"  # it goes on


def test_what_takes_too_long_times_out_and_counts_as_a_failure(account):
    job = account.create("job", "a", "b", timeout=10, abort=[criterion("TIMED_OUT", 50, 1)])
    account.update("a", "IN_PROGRESS")
    account.later(9.9)
    assert account.status()["a"] == "IN_PROGRESS"
    account.later(0.1)
    assert account.status() == {"a": "TIMED_OUT", "b": "CANCELED"} and job.status == "CANCELED"
    assert refused(account.update, "a", "SUCCEEDED") == "InvalidStateTransition"


def test_a_step_has_a_time_of_its_own_which_each_update_may_set_anew(account):
    account.create("job", "a")
    account.jobs.start_next("a", {"stepTimeoutInMinutes": 2})
    account.later(1.9)
    account.update("a", "IN_PROGRESS", stepTimeoutInMinutes=2)
    account.later(1.9)
    account.update("a", "IN_PROGRESS", stepTimeoutInMinutes=-1)
    account.later(1000)
    assert account.status() == {"a": "IN_PROGRESS"}
    account.update("a", "IN_PROGRESS", stepTimeoutInMinutes=1)
    account.later(1)
    assert account.status() == {"a": "TIMED_OUT"}


@pytest.mark.parametrize("force", [False, True])
def test_cancelled_by_hand(account, force):
    account.create()
    account.update("a", "SUCCEEDED")
    account.update("b", "IN_PROGRESS")
    account.jobs.cancel("job", {"comment": "no"}, force)
    running = "CANCELED" if force else "IN_PROGRESS"
    assert account.status() == {"a": "SUCCEEDED", "b": running, "c": "CANCELED", "d": "CANCELED"}
    assert account.jobs.get("job").ending == {"comment": "no"} | ({"forceCanceled": True} if force else {})


def test_what_can_not_be_cancelled_or_deleted(account):
    account.create("job", "a")
    assert refused(account.jobs.delete, "job", False) == "InvalidStateTransition"
    account.update("a", "FAILED")
    assert refused(account.jobs.cancel, "job", {}, False) == "InvalidRequest"
    assert refused(account.create, "job", "b") == "ResourceAlreadyExists"
    account.jobs.delete("job", False)
    assert refused(account.jobs.get, "job") == "ResourceNotFound"


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "REJECTED"])
def test_an_end_is_an_end(account, status):
    account.create()
    account.update("a", status)
    for again in ("IN_PROGRESS", "SUCCEEDED", "FAILED"):
        assert refused(account.update, "a", again) == "InvalidStateTransition"


@pytest.mark.parametrize("status", ["QUEUED", "TIMED_OUT", "CANCELED", "REMOVED", "SUCCESS", None])
def test_what_a_device_may_not_say(account, status):
    account.create()
    assert refused(account.update, "a", status) == "InvalidRequest"


@pytest.mark.parametrize(
    "details",
    [
        ["x"], {"": "x"}, {"a b": "x"}, {"k": ""}, {"k": 1}, {"k": "x" * 1025}, {"k": "two\nlines"},
        {"x" * 129: "x"}, {str(n): "x" for n in range(11)},
    ],
)  # fmt: skip
def test_details_that_are_not_taken(account, details):
    account.create()
    assert refused(account.update, "a", "FAILED", statusDetails=details) == "InvalidRequest"
    assert account.status()["a"] == "QUEUED"


# What a device says

LIST = ("a", "notify")
BOTH = [("a", "notify-next"), LIST]


def test_from_its_notice_to_its_success(account):
    account.create("job", "a")
    assert account.news() == BOTH
    (next_topic, notice), (topic, summary) = account.topics.notices("a", True)
    assert (next_topic, topic) == ("notify-next", "notify")
    execution = json.loads(notice)["execution"]
    assert (execution["jobId"], execution["status"], execution["versionNumber"]) == ("job", "QUEUED", 1)
    assert execution["jobDocument"] == {"do": "it"}
    assert [one["jobId"] for one in json.loads(summary)["jobs"]["QUEUED"]] == ["job"]
    said, answer = account.ask("a", "start-next", {"clientToken": "7"})
    assert (said, answer["clientToken"], answer["timestamp"]) == ("accepted", "7", 1_000_000)
    assert (answer["execution"]["status"], answer["execution"]["versionNumber"]) == ("IN_PROGRESS", 2)
    done = {"status": "SUCCEEDED", "expectedVersion": 2, "includeJobExecutionState": True}
    said, answer = account.ask("a", "job/update", done)
    assert said == "accepted"
    assert answer["executionState"] == {"status": "SUCCEEDED", "statusDetails": {}, "versionNumber": 3}
    assert account.news() == [LIST, *BOTH], "begun, and gone"
    (_, notice), (_, summary) = account.topics.notices("a", True)
    assert (json.loads(notice)["execution"], json.loads(summary)["jobs"]) == ({}, {})
    assert "execution" not in account.ask("a", "$next/get")[1]


def test_what_is_in_progress_comes_before_what_is_queued(account):
    account.create("first", "a")
    account.create("second", "a")
    account.update("a", "IN_PROGRESS", "second")
    assert account.ask("a", "$next/get")[1]["execution"]["jobId"] == "second"
    answer = account.ask("a", "get")[1]
    assert [one["jobId"] for one in answer["inProgressJobs"] + answer["queuedJobs"]] == ["second", "first"]
    assert account.news() == [*BOTH, LIST, *BOTH], "the first, the second behind it, and before it"


def test_of_two_in_progress_the_older_one_is_next(account):
    account.create("first", "a")
    account.create("second", "a")
    account.update("a", "IN_PROGRESS", "second")
    account.news()
    account.update("a", "IN_PROGRESS", "first")
    assert account.news() == BOTH
    account.update("a", "SUCCEEDED", "second")
    assert account.news() == [LIST], "what is gone was not the next"
    account.update("a", "IN_PROGRESS", "first", statusDetails={"step": "2"})
    assert account.news() == []


def test_a_notice_lists_no_more_than_ten(account):
    for number in range(12):
        account.create(f"job-{number}", "a")
    account.update("a", "IN_PROGRESS", "job-11")
    jobs = json.loads(account.topics.notices("a", False)[0][1])["jobs"]
    assert [one["jobId"] for one in jobs["IN_PROGRESS"]] == ["job-11"]
    assert [one["jobId"] for one in jobs["QUEUED"]] == [f"job-{number}" for number in range(9)]
    assert len(account.ask("a", "get")[1]["queuedJobs"]) == 11


def test_another_version_than_expected(account):
    account.create("job", "a")
    said, answer = account.ask(
        "a", "job/update", {"status": "FAILED", "expectedVersion": 7, "clientToken": "x"}
    )
    assert (said, answer["code"], answer["clientToken"]) == ("rejected", "VersionMismatch", "x")
    assert answer["executionState"]["versionNumber"] == 1


@pytest.mark.parametrize(
    ("rest", "request_", "code"),
    [
        ("get", b"\xff", "InvalidJson"),
        ("get", b"[1]", "InvalidRequest"),
        ("nothing", {}, "InvalidTopic"),
        ("job/delete", {}, "InvalidTopic"),
        ("other/get", {}, "ResourceNotFound"),
        ("other/update", {"status": "FAILED"}, "ResourceNotFound"),
        ("job/update", {}, "InvalidRequest"),
        ("start-next", {"stepTimeoutInMinutes": 0}, "InvalidRequest"),
    ],
)
def test_requests_that_are_rejected(account, rest, request_, code):
    account.create("job", "a")
    said, answer = account.ask("a", rest, request_)
    assert (said, answer["code"]) == ("rejected", code)
    assert account.status() == {"a": "QUEUED"}


def test_an_execution_that_has_ended_is_not_described(account):
    account.create("job", "a")
    account.update("a", "FAILED")
    assert account.ask("a", "job/get")[1]["code"] == "TerminalStateReached"

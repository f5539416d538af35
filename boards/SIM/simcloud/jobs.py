"""The engine behind AWS IoT Jobs: jobs, their executions, rollout, abort and timeouts. Nothing but plain values.

Time is what `clock()` says (Unix seconds). It passes in `tick`, which whoever asks for anything calls first. Where
AWS's documents leave two readings, the slower or stricter one is taken.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Params = dict[str, Any]

QUEUED, IN_PROGRESS, SUCCEEDED, FAILED = "QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED"
REJECTED, TIMED_OUT, REMOVED, CANCELED = "REJECTED", "TIMED_OUT", "REMOVED", "CANCELED"
COMPLETED = "COMPLETED"
PENDING = (IN_PROGRESS, QUEUED)
FAILURES = (FAILED, REJECTED, TIMED_OUT)
BY_DEVICE = (IN_PROGRESS, SUCCEEDED, FAILED, REJECTED)  # what an update may ask for

MINUTE = 60
FASTEST = 1000  # executions a minute, whatever is asked for
MOST_DETAILS, LONGEST_DETAIL = 10, 1024
LONGEST_TIMEOUT = 10080  # minutes: seven days
JOB_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
DETAIL = re.compile(r"[a-zA-Z0-9:_-]{1,128}")


class JobError(Exception):
    """`code` as in an answer on `…/rejected`; `state` is the execution's, where AWS tells it."""

    def __init__(self, code: str, message: str, state: Params | None = None) -> None:
        super().__init__(message)
        self.code, self.state = code, state


@dataclass
class Execution:
    """One job on one thing; times are Unix times, `deadlines` those by which it has to be in a terminal state."""

    job: "Job"
    thing: str
    queued: float
    order: int
    status: str = QUEUED
    version: int = 1
    details: dict[str, str] = field(default_factory=dict)
    started: float | None = None
    updated: float = 0.0
    step_deadline: float | None = None
    deadline: float | None = None
    forced: bool = False

    @property
    def pending(self) -> bool:
        return self.status in PENDING

    @property
    def ends_at(self) -> float | None:
        return min((at for at in (self.step_deadline, self.deadline) if at is not None), default=None)

    def enter(self, status: str, now: float) -> None:
        if status == IN_PROGRESS and self.started is None:
            self.started = now
            self.deadline = now + self.job.timeout * MINUTE if self.job.timeout else None
        self.status, self.updated = status, now
        self.version += 1

    def state(self) -> Params:
        return {"status": self.status, "statusDetails": dict(self.details), "versionNumber": self.version}

    def summary(self) -> Params:
        """JobExecutionSummary, as devices see it."""
        found = {
            "jobId": self.job.id, "executionNumber": 1, "versionNumber": self.version,
            "queuedAt": int(self.queued), "lastUpdatedAt": int(self.updated),
        }  # fmt: skip
        return found | ({"startedAt": int(self.started)} if self.started is not None else {})

    def whole(self, document: bool = True) -> Params:
        """JobExecution, as devices see it."""
        found = self.summary() | {"thingName": self.thing, "status": self.status}
        if self.details:
            found["statusDetails"] = dict(self.details)
        return found | ({"jobDocument": self.job.document} if document else {})


@dataclass
class Job:
    id: str
    targets: list[str]
    document: Any  # parsed
    created: float
    text: str = ""  # the document as it was given
    continuous: bool = False
    rate: int = FASTEST
    abort: list[Params] = field(default_factory=list)
    timeout: int | None = None  # minutes in progress
    given: Params = field(default_factory=dict)  # what DescribeJob repeats
    status: str = IN_PROGRESS
    updated: float = 0.0
    completed: float | None = None
    ending: Params = field(default_factory=dict)  # reasonCode, comment, forceCanceled
    things: list[str] = field(default_factory=list)  # all that are to have it, in order
    executions: dict[str, Execution] = field(default_factory=dict)  # those that were told of it, by thing
    rolled: dict[int, int] = field(default_factory=dict)  # how many in which minute

    def count(self, *statuses: str) -> int:
        return sum(one.status in statuses for one in self.executions.values())


class Jobs:
    """All jobs of an account.

    `members(target)` are the names of the things behind a target's ARN; `notify(thing, first)` is called when a thing's
    pending executions have changed; first: whether another one is the first of them.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        members: Callable[[str], list[str]],
        notify: Callable[[str, bool], None] = lambda thing, first: None,
    ) -> None:
        self._clock = clock
        self._members = members
        self._notify = notify
        self._told: dict[str, list[tuple[str, str]]] = {}
        self._orders = 0
        self.jobs: dict[str, Job] = {}

    # Time

    def tick(self) -> None:
        """Let what is due happen: executions that are rolled out, that time out, jobs that end."""
        now = self._clock()
        for job in self.jobs.values():
            if job.status == IN_PROGRESS:
                self._gather(job, now)
                self._roll_out(job, now)
            for one in job.executions.values():
                if one.status == IN_PROGRESS and one.ends_at is not None and one.ends_at <= now:
                    one.enter(TIMED_OUT, now)
            self._settle(job, now)
        self._tell()

    def _gather(self, job: Job, now: float) -> None:
        """A continuous job also is for things that come into its groups later, and no more for those that leave."""
        if job.things and not job.continuous:
            return
        found = list(dict.fromkeys(thing for target in job.targets for thing in self._members(target)))
        for thing in set(job.things) - set(found):
            one = job.executions.get(thing)
            if one and one.status == QUEUED:
                one.enter(REMOVED, now)
        job.things = found

    def _roll_out(self, job: Job, now: float) -> None:
        minute = int((now - job.created) // MINUTE)
        for thing in [one for one in job.things if one not in job.executions]:
            if job.rolled.get(minute, 0) >= job.rate:
                return
            job.rolled[minute] = job.rolled.get(minute, 0) + 1
            self._orders += 1
            job.executions[thing] = Execution(job, thing, now, self._orders, updated=now)

    def _settle(self, job: Job, now: float) -> None:
        if job.status == IN_PROGRESS and any(self._is_reached(job, one) for one in job.abort):
            self._end(job, {"reasonCode": "ABORT_CRITERIA"}, force=False)
        done = len(job.executions) >= len(job.things) and not job.count(*PENDING)
        if job.status == IN_PROGRESS and done and not job.continuous:
            job.status, job.completed, job.updated = COMPLETED, now, now

    @staticmethod
    def _is_reached(job: Job, criterion: Params) -> bool:
        """The percentage is of the things that were told of the job."""
        kinds = FAILURES if criterion["failureType"] == "ALL" else (criterion["failureType"],)
        told, failed = len(job.executions), job.count(*kinds)
        enough = told >= criterion["minNumberOfExecutedThings"] and failed > 0
        return enough and 100 * failed >= criterion["thresholdPercentage"] * told

    def _tell(self) -> None:
        """Whose pending executions have come, gone, or begun is told; another change within one is none."""
        things = {thing for job in self.jobs.values() for thing in job.executions}
        for thing in self._told.keys() | things:
            before = self._told.get(thing, [])
            now = [(one.job.id, one.status) for one in self.pending(thing)]
            if before != now:
                self._told[thing] = now
                self._notify(thing, [job for job, _ in before[:1]] != [job for job, _ in now[:1]])

    # What the owner of the account may do

    def create(self, job: Job) -> Job:
        if job.id in self.jobs:
            raise JobError("ResourceAlreadyExists", f"Job {job.id} already exists")
        self.jobs[job.id] = job
        return job

    def get(self, identifier: str) -> Job:
        if identifier not in self.jobs:
            raise JobError("ResourceNotFound", f"Job {identifier} cannot be found")
        return self.jobs[identifier]

    def cancel(self, identifier: str, why: Params, force: bool) -> Job:
        """Queued executions are canceled; those in progress only by force."""
        job = self.get(identifier)
        if job.status == COMPLETED:
            raise JobError("InvalidRequest", f"Job {identifier} is {job.status}")
        self._end(job, why, force)
        self._tell()
        return job

    def _end(self, job: Job, why: Params, force: bool) -> None:
        now = self._clock()
        for one in job.executions.values():
            if one.status == QUEUED or (force and one.status == IN_PROGRESS):
                one.forced = one.status == IN_PROGRESS
                one.enter(CANCELED, now)
        job.status, job.updated, job.completed = CANCELED, now, now
        job.ending = why | ({"forceCanceled": True} if force else {})

    def cancel_execution(
        self, identifier: str, thing: str, force: bool, version: int | None, details: dict[str, str] | None
    ) -> None:
        one = self.execution(identifier, thing)
        if not one.pending or (one.status == IN_PROGRESS and not force):
            raise JobError("InvalidStateTransition", f"The execution is {one.status}")
        if version is not None and version != one.version:
            raise JobError("VersionMismatch", f"The execution has version {one.version}")
        one.details = check_details(details) if details is not None else one.details
        one.forced = one.status == IN_PROGRESS
        one.enter(CANCELED, self._clock())
        self.tick()

    def delete(self, identifier: str, force: bool) -> None:
        job = self.get(identifier)
        if job.status == IN_PROGRESS and not force:
            raise JobError("InvalidStateTransition", f"Job {identifier} is {job.status}")
        del self.jobs[identifier]
        self._tell()

    def execution(self, identifier: str, thing: str) -> Execution:
        found = self.get(identifier).executions.get(thing)
        if found is None:
            raise JobError("ResourceNotFound", f"Job {identifier} has no execution for {thing}")
        return found

    def of_thing(self, thing: str) -> list[Execution]:
        """In the order in which they are its turn: what is in progress first, then the oldest."""
        found = [job.executions[thing] for job in self.jobs.values() if thing in job.executions]
        return sorted(found, key=lambda one: (one.status != IN_PROGRESS, one.order))

    def pending(self, thing: str) -> list[Execution]:
        return [one for one in self.of_thing(thing) if one.pending]

    def next(self, thing: str) -> Execution | None:
        return next(iter(self.pending(thing)), None)

    # What a device may do

    def start_next(self, thing: str, request: Params) -> Execution | None:
        """StartNextPendingJobExecution."""
        step = _step_timeout(request)
        details = check_details(request["statusDetails"]) if "statusDetails" in request else None
        one = self.next(thing)
        if one is not None:
            if one.status == QUEUED:
                one.enter(IN_PROGRESS, self._clock())
            self._note(one, details, step)
        return one

    def describe(self, thing: str, identifier: str) -> Execution | None:
        """DescribeJobExecution; None for `$next` where there is none."""
        if identifier == "$next":
            return self.next(thing)
        one = self.execution(identifier, thing)
        if not one.pending:
            raise JobError("TerminalStateReached", f"The execution is {one.status}", one.state())
        return one

    def update(self, thing: str, identifier: str, request: Params) -> Execution:
        """UpdateJobExecution."""
        wanted = request.get("status")
        if wanted not in BY_DEVICE:
            raise JobError("InvalidRequest", f"status has to be one of {', '.join(BY_DEVICE)}")
        step = _step_timeout(request)
        details = check_details(request["statusDetails"]) if "statusDetails" in request else None
        one = self.execution(identifier, thing)
        if not one.pending:
            raise JobError("InvalidStateTransition", f"The execution is {one.status}", one.state())
        expected = request.get("expectedVersion")
        if expected is not None and expected != one.version:
            raise JobError("VersionMismatch", f"The execution has version {one.version}", one.state())
        one.enter(wanted, self._clock())
        self._note(one, details, step if wanted == IN_PROGRESS else None)
        self.tick()
        return one

    def _note(self, one: Execution, details: dict[str, str] | None, step: int | None) -> None:
        if details is not None:
            one.details = details
        if step is not None:
            one.step_deadline = None if step == -1 else self._clock() + step * MINUTE


def _step_timeout(request: Params) -> int | None:
    step = request.get("stepTimeoutInMinutes")
    if step is None:
        return None
    if (
        not isinstance(step, int)
        or isinstance(step, bool)
        or not (step == -1 or 1 <= step <= LONGEST_TIMEOUT)
    ):
        raise JobError("InvalidRequest", f"stepTimeoutInMinutes has to be 1 to {LONGEST_TIMEOUT}, or -1")
    return step


def check_details(details: Any) -> dict[str, str]:
    if not isinstance(details, dict) or len(details) > MOST_DETAILS:
        raise JobError(
            "InvalidRequest", f"statusDetails has to be an object of at most {MOST_DETAILS} values"
        )
    for name, value in details.items():
        good = isinstance(value, str) and 1 <= len(value) <= LONGEST_DETAIL and _is_printable(value)
        if not DETAIL.fullmatch(name) or not good:
            raise JobError("InvalidRequest", f"statusDetails: {name[:128]} or its value is not allowed")
    return dict(details)


def _is_printable(text: str) -> bool:
    return not any(unicodedata.category(each).startswith("C") for each in text)

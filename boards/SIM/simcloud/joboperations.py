"""AWS IoT Jobs in the API: requests into the engine's words, and its answers back."""

import json
import re
from collections.abc import Callable
from typing import Any

from simcloud.jobs import FASTEST, JOB_ID, LONGEST_TIMEOUT, Execution, Job, JobError, Jobs, Params
from simcloud.model import AwsError
from simcloud.own import Handler, page
from simcloud.registry import Registry

LARGEST_PAGE = 250
LARGEST_DOCUMENT = 32 * 1024
MOST_TARGETS = 100
# What an update of an execution is refused with, by the engine's word for it.
ERRORS = {
    "ResourceAlreadyExists": "ResourceAlreadyExistsException",
    "ResourceNotFound": "ResourceNotFoundException",
    "InvalidStateTransition": "InvalidStateTransitionException",
    "VersionMismatch": "VersionConflictException",
}
NOT_HERE = (
    "jobExecutionsRetryConfig",
    "schedulingConfig",
    "jobTemplateArn",
    "presignedUrlConfig",
    "namespaceId",
)
REPEATED = ("description", "jobExecutionsRolloutConfig", "abortConfig", "timeoutConfig")


def members(registry: Registry, target: str) -> list[str]:
    """The things behind a target's ARN; none if it has been deleted since."""
    kind, _, name = target.rpartition(":")[2].partition("/")
    if kind == "thing":
        return [name] if target in registry.things else []
    return registry.things_in(target) if target in registry.thing_groups else []


class JobOperations:
    """By AWS's names; called with the registry's lock held."""

    def __init__(self, registry: Registry, jobs: Jobs, clock: Callable[[], float]) -> None:
        self._registry = registry
        self._jobs = jobs
        self._clock = clock
        self.handlers: dict[str, Handler] = {
            name: self._worded(handler)
            for name, handler in {
                "CreateJob": self._create,
                "DescribeJob": self._describe,
                "GetJobDocument": lambda params: {"document": self._jobs.get(params["jobId"]).text},
                "ListJobs": self._list,
                "CancelJob": self._cancel,
                "DeleteJob": lambda params: self._jobs.delete(params["jobId"], bool(params.get("force"))),
                "DescribeJobExecution": self._describe_execution,
                "CancelJobExecution": self._cancel_execution,
                "ListJobExecutionsForJob": self._of_job,
                "ListJobExecutionsForThing": self._of_thing,
            }.items()
        }

        self.data_handlers: dict[str, Handler] = {"UpdateJobExecution": self._worded(self._update)}

    def _worded(self, handler: Handler) -> Handler:
        def run(params: Params) -> Params | None:
            try:
                self._jobs.tick()
                answer = handler(params)
                self._jobs.tick()
                return answer
            except JobError as error:
                raise AwsError(ERRORS.get(error.code, "InvalidRequestException"), str(error)) from error

        return run

    def _create(self, params: Params) -> Params:
        for name in NOT_HERE:
            if params.get(name):
                raise JobError("InvalidRequest", f"The stand-in has no {name}")
        identifier = params["jobId"]
        if not JOB_ID.fullmatch(identifier):
            raise JobError("InvalidRequest", "jobId is not valid")
        job = Job(
            identifier,
            self._targets(params),
            _document(params.get("document")),
            self._clock(),
            text=params["document"],
            continuous=params.get("targetSelection") == "CONTINUOUS",
            rate=_rate(params.get("jobExecutionsRolloutConfig") or {}),
            abort=_abort(params.get("abortConfig") or {}),
            timeout=_timeout(params.get("timeoutConfig") or {}),
            given={name: params[name] for name in REPEATED if params.get(name)},
            updated=self._clock(),
        )
        self._jobs.create(job)
        return {"jobArn": self._registry.arn(f"job/{job.id}"), "jobId": job.id}

    def _targets(self, params: Params) -> list[str]:
        targets = params.get("targets") or []
        if not 1 <= len(targets) <= MOST_TARGETS:
            raise JobError("InvalidRequest", f"targets has to name 1 to {MOST_TARGETS}")
        for target in targets:
            if target not in self._registry.things and target not in self._registry.thing_groups:
                raise JobError("ResourceNotFound", f"Target {target} cannot be found")
        continuous = params.get("targetSelection") == "CONTINUOUS"
        if continuous and any(target in self._registry.things for target in targets):
            raise JobError("InvalidRequest", "A continuous job is for thing groups")
        return list(targets)

    def _describe(self, params: Params) -> Params:
        job = self._jobs.get(params["jobId"])
        return {"job": self._shown(job) | job.given | job.ending | {"jobProcessDetails": self._counts(job)}}

    def _shown(self, job: Job) -> Params:
        found: Params = {
            "jobArn": self._registry.arn(f"job/{job.id}"), "jobId": job.id, "status": job.status,
            "targets": job.targets,
            "targetSelection": "CONTINUOUS" if job.continuous else "SNAPSHOT",
            "createdAt": job.created, "lastUpdatedAt": job.updated,
        }  # fmt: skip
        return found | ({"completedAt": job.completed} if job.completed is not None else {})

    @staticmethod
    def _counts(job: Job) -> Params:
        words = ("Canceled", "Succeeded", "Failed", "Rejected", "Queued", "InProgress", "Removed", "TimedOut")
        status = {word: re.sub("(?<=[a-z])(?=[A-Z])", "_", word).upper() for word in words}
        return {f"numberOf{word}Things": job.count(status[word]) for word in words}

    def _list(self, params: Params) -> Params:
        wanted = params.get("status")
        found = sorted(self._jobs.jobs.values(), key=lambda job: job.created, reverse=True)
        shown = [self._shown(job) for job in found if wanted in (None, job.status)]
        listed, token = page(
            [{name: value for name, value in one.items() if name != "targets"} for one in shown],
            int(params.get("maxResults") or LARGEST_PAGE),
            params.get("nextToken"),
        )
        return {"jobs": listed, "nextToken": token}

    def _cancel(self, params: Params) -> Params:
        why = {name: params[name] for name in ("reasonCode", "comment") if params.get(name)}
        job = self._jobs.cancel(params["jobId"], why, bool(params.get("force")))
        return {"jobArn": self._registry.arn(f"job/{job.id}"), "jobId": job.id}

    def _cancel_execution(self, params: Params) -> None:
        self._jobs.cancel_execution(
            params["jobId"],
            params["thingName"],
            bool(params.get("force")),
            params.get("expectedVersion"),
            params.get("statusDetails"),
        )

    def _describe_execution(self, params: Params) -> Params:
        one = self._jobs.execution(params["jobId"], params["thingName"])
        found = _summary(one) | {
            "jobId": one.job.id,
            "thingArn": self._registry.arn(f"thing/{one.thing}"),
            "statusDetails": {"detailsMap": dict(one.details)},
            "versionNumber": one.version,
            "forceCanceled": one.forced,
        }
        if one.ends_at is not None and one.pending:
            found["approximateSecondsBeforeTimedOut"] = int(one.ends_at - self._clock())
        return {"execution": found}

    def _of_job(self, params: Params) -> Params:
        found = self._jobs.get(params["jobId"]).executions.values()
        return self._listed(
            params,
            [
                {"thingArn": self._registry.arn(f"thing/{one.thing}"), "jobExecutionSummary": _summary(one)}
                for one in found
                if params.get("status") in (None, one.status)
            ],
        )

    def _of_thing(self, params: Params) -> Params:
        self._registry.describe_thing(params["thingName"])
        found = self._jobs.of_thing(params["thingName"])
        return self._listed(
            params,
            [
                {"jobId": one.job.id, "jobExecutionSummary": _summary(one)}
                for one in found
                if params.get("status") in (None, one.status) and params.get("jobId") in (None, one.job.id)
            ],
        )

    @staticmethod
    def _listed(params: Params, found: list[Params]) -> Params:
        listed, token = page(found, int(params.get("maxResults") or LARGEST_PAGE), params.get("nextToken"))
        return {"executionSummaries": listed, "nextToken": token}

    # The jobs' data plane, for whoever acts for a device (a Lambda function)

    def _update(self, params: Params) -> Params:
        return {"executionState": self._jobs.update(params["thingName"], params["jobId"], params).state()}


def _summary(one: Execution) -> Params:
    """JobExecutionSummary, as the account's owner sees it."""
    found: Params = {
        "status": one.status,
        "queuedAt": one.queued,
        "lastUpdatedAt": one.updated,
        "executionNumber": 1,
    }
    return found | ({"startedAt": one.started} if one.started is not None else {})


def _document(text: Any) -> Any:
    if not isinstance(text, str) or not 0 < len(text.encode()) <= LARGEST_DOCUMENT:
        raise JobError("InvalidRequest", f"document has to have 1 to {LARGEST_DOCUMENT} bytes")
    try:
        return json.loads(text)
    except ValueError as error:
        raise JobError("InvalidRequest", "document is not JSON") from error


def _rate(config: Params) -> int:
    if config.get("exponentialRate"):
        raise JobError("InvalidRequest", "The stand-in has no exponentialRate")
    rate = config.get("maximumPerMinute", FASTEST)
    if not 1 <= rate <= FASTEST:
        raise JobError("InvalidRequest", f"maximumPerMinute has to be 1 to {FASTEST}")
    return int(rate)


def _abort(config: Params) -> list[Params]:
    for one in config.get("criteriaList") or []:
        if not 0 < one["thresholdPercentage"] <= 100 or one["minNumberOfExecutedThings"] < 1:
            raise JobError("InvalidRequest", "abortConfig is not valid")
        if round(one["thresholdPercentage"], 2) != one["thresholdPercentage"]:
            raise JobError("InvalidRequest", "thresholdPercentage has more than two digits after the point")
    return list(config.get("criteriaList") or [])


def _timeout(config: Params) -> int | None:
    minutes = config.get("inProgressTimeoutInMinutes")
    if minutes is not None and not 1 <= minutes <= LONGEST_TIMEOUT:
        raise JobError("InvalidRequest", f"inProgressTimeoutInMinutes has to be 1 to {LONGEST_TIMEOUT}")
    return minutes

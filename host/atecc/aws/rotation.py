"""Renewal of many devices through an AWS IoT job: started, followed until it ends, and what became of each device.

The job says what to do, and which provisioning template gives the certificates, or which fleet's signer; AWS's engine
hands it out, the devices do it, and a function in the account (functions/confirm.py) ends each device's part when it
has seen with which certificate it is connected.
"""

from __future__ import annotations

import json
import random
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from atecc.aws import confirming, signing
from atecc.aws.certificates import ACTIVE, of_thing, seconds_of
from atecc.aws.cloud import Cloud
from atecc.aws.fleet import Fleet, find_template, missing
from atecc.errors import ArgumentError, AwsError, RefusedError

OPERATION, VERSION = "rotate-certificate", 1
PREFIX = "rotate-"
# A device does it within a minute; one that loses its power in the middle has a day to come back.
DEVICE_MINUTES = 24 * 60
MOST_PER_MINUTE = 1000
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 2.0, 30.0
RUNNING = ("IN_PROGRESS", "SCHEDULED", "DELETION_IN_PROGRESS")
COUNTS = {
    "queued": "Queued", "in_progress": "InProgress", "succeeded": "Succeeded", "failed": "Failed",
    "rejected": "Rejected", "timed_out": "TimedOut", "canceled": "Canceled", "removed": "Removed",
}  # fmt: skip
FAILURES = ("FAILED", "REJECTED", "TIMED_OUT", "CANCELED")
TERMINAL = ("succeeded", "failed", "rejected", "timed_out", "canceled", "removed")

pause = time.sleep


@dataclass(frozen=True)
class Order:
    """Which devices, how fast (executions a minute), and at which part of failures (percent) all is stopped."""

    things: list[str]
    groups: list[str]
    template: str
    per_minute: int | None = None
    abort_at: float | None = None


@dataclass(frozen=True)
class Failure:
    """Of one device; `reason` is its own word for it, or AWS's status."""

    thing: str
    status: str
    reason: str


@dataclass
class Job:
    """As AWS has it now: `counts` of devices by what became of them (COUNTS)."""

    id: str
    status: str
    counts: dict[str, int] = field(default_factory=dict)
    reason: str = ""

    @property
    def running(self) -> bool:
        """A canceled job still has devices that are in the middle of it."""
        return self.status in RUNNING or (self.status == "CANCELED" and self.counts["in_progress"] > 0)

    @property
    def told(self) -> int:
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        return sum(self.counts[name] for name in TERMINAL)


def check_ready(cloud: Cloud, template: str) -> None:
    """A RefusedError if devices could not get certificates by it, or nobody would look at what they do."""
    found = find_template(cloud, template)
    if found is None:
        raise missing(template)
    why = ""
    if not found.get("enabled"):
        why = f"The provisioning template {template} is switched off"
    elif not found.get("preProvisioningHook"):
        why = (
            f"The provisioning template {template} has no hook: any device could get any other's certificate"
        )
    elif cloud.policy(Fleet(template).renewal_policy) is None:
        why = (
            f"There is no policy {Fleet(template).renewal_policy}, by which devices may ask for a certificate"
        )
    elif not (heard := confirming.hearing(template, cloud.region)).is_there(cloud):
        why = f"Nobody would confirm what the devices do: there is no rule {heard.rule}"
    if why:
        raise RefusedError(f"{why}. No job was started.", missing(template).hint)


def targets(cloud: Cloud, order: Order) -> list[str]:
    """Their ARNs, things first; a RefusedError for what is not there."""
    asks = [("describe_thing", "thingName", one, "thingArn", "thing") for one in order.things]
    asks += [
        ("describe_thing_group", "thingGroupName", one, "thingGroupArn", "thing group")
        for one in order.groups
    ]
    found = []
    for operation, parameter, name, arn, what in asks:
        got = cloud.found(operation, **{parameter: name})
        if got is None:
            raise RefusedError(f"There is no {what} {name} in this account and region. No job was started.")
        found.append(str(got[arn]))
    if not found:
        raise ArgumentError(
            "Nobody is named.", "--thing NAME or --group NAME, each of which may be repeated."
        )
    return found


def allow(cloud: Cloud, order: Order, arns: list[str]) -> None:
    """Let the devices ask for certificates: a thing by each of its certificates that count, a group as a whole."""
    certificates = [
        one.arn for thing in order.things for one in of_thing(cloud, thing) if one.status == ACTIVE
    ]
    for target in [*certificates, *arns[len(order.things) :]]:
        cloud.change("attach_policy", policyName=Fleet(order.template).renewal_policy, target=target)


def least_before_abort(cloud: Cloud, order: Order, percent: float) -> int:
    """Of so many devices that have the job one failure is no more than `percent`: before, it would stop all others.

    One, where the whole job has fewer: of those the first failure is too much.
    """
    enough = -(-10000 // round(100 * percent))
    things = set(order.things)
    for group in order.groups:
        listed = cloud.pages("list_things_in_thing_group", "things", thingGroupName=group, recursive=True)
        for name in listed:
            if len(things) >= enough:
                return enough
            things.add(name)
    return enough if len(things) >= enough else 1


def start(cloud: Cloud, order: Order) -> str:
    """Create the job; its ID. What it needs is looked at before, and nothing is begun without it."""
    check_ready(cloud, order.template)
    found = targets(cloud, order)
    signs = signing.hearing(order.template, cloud.region).is_there(cloud)
    if not signs:
        allow(cloud, order, found)
    identifier = PREFIX + time.strftime("%Y%m%d-%H%M%S-", time.gmtime()) + secrets.token_hex(3)
    document = {
        "operation": OPERATION,
        "version": VERSION,
        "signer" if signs else "template": order.template,
    }
    params: dict[str, Any] = {
        "jobId": identifier,
        "targets": found,
        "targetSelection": "SNAPSHOT",
        "document": json.dumps(document),
        "description": "atecc: a new key and certificate for each device",
        "timeoutConfig": {"inProgressTimeoutInMinutes": DEVICE_MINUTES},
    }
    if order.per_minute:
        params["jobExecutionsRolloutConfig"] = {"maximumPerMinute": order.per_minute}
    if order.abort_at:
        criterion = {
            "failureType": "ALL", "action": "CANCEL", "thresholdPercentage": order.abort_at,
            "minNumberOfExecutedThings": least_before_abort(cloud, order, order.abort_at),
        }  # fmt: skip
        params["abortConfig"] = {"criteriaList": [criterion]}
    try:
        cloud.change("create_job", **params)
    except AwsError as error:
        # The ID is ours alone: it is there if the answer to our own request was lost.
        if error.kind != "aws-exists":
            raise
    return identifier


def look(cloud: Cloud, identifier: str) -> Job:
    found = cloud.found("describe_job", jobId=identifier)
    if found is None:
        raise ArgumentError(
            f"There is no job {identifier} in this account and region.", "`aws iot list-jobs` shows all."
        )
    got = found["job"]
    details = got.get("jobProcessDetails") or {}
    counts = {name: int(details.get(f"numberOf{word}Things") or 0) for name, word in COUNTS.items()}
    reason = " ".join(str(got[name]) for name in ("reasonCode", "comment") if got.get(name))
    return Job(identifier, str(got["status"]), counts, reason)


def check_ours(cloud: Cloud, identifier: str) -> None:
    """An ArgumentError for a job that renews no certificates."""
    look(cloud, identifier)
    text = cloud.ask("get_job_document", jobId=identifier).get("document") or ""
    try:
        operation = json.loads(text).get("operation")
    except (ValueError, AttributeError):
        operation = None
    if operation != OPERATION:
        raise ArgumentError(f"The job {identifier} is not one that `atecc aws rotate` has started.")


def follow(cloud: Cloud, identifier: str, tell: Callable[[Job], None]) -> Job:
    """Until it has ended; `tell` hears each look at it. The pauses grow, and are never quite the same."""
    seconds = PAUSE_SECONDS
    before: dict[str, int] | None = None
    while True:
        job = look(cloud, identifier)
        tell(job)
        if not job.running:
            return job
        seconds = PAUSE_SECONDS if job.counts != before else min(seconds * 1.5, LONGEST_PAUSE_SECONDS)
        before = job.counts
        pause(seconds * random.uniform(0.8, 1.2))  # noqa: S311


def failures(cloud: Cloud, job: Job) -> Iterator[Failure]:
    """One call for each kind of failure there is, and one for each device that has a reason to tell."""
    for status in FAILURES:
        if not job.counts[status.lower()]:
            continue
        params = {"jobId": job.id, "status": status}
        listed = cloud.pages("list_job_executions_for_job", "executionSummaries", **params)
        for one in listed:
            thing = str(one["thingArn"]).partition(":thing/")[2]
            yield Failure(thing, status, _reason(cloud, job, thing, status))


_NO_WORD = {
    "TIMED_OUT": "it began, and was not done in time: it has no power or network, or could not report",
    "CANCELED": "the job was stopped before it was this device's turn",
}


def _reason(cloud: Cloud, job: Job, thing: str, status: str) -> str:
    if status == "CANCELED":
        return _NO_WORD[status]
    got = cloud.ask("describe_job_execution", jobId=job.id, thingName=thing)["execution"]
    details = (got.get("statusDetails") or {}).get("detailsMap") or {}
    return str(details.get("reason") or _NO_WORD.get(status, "it does not say why"))


# Certificates that end soon


@dataclass(frozen=True)
class Ending:
    """A certificate that is active and ends soon; `things` it is attached to."""

    id: str
    not_after: float
    things: list[str]


def expiring(cloud: Cloud, within: float) -> Iterator[Ending]:
    """Of the account's active certificates those that end within so many seconds, or have ended.

    AWS's list does not tell when one ends: that takes a call for each active one, and one more for each found.
    """
    limit = cloud.now() + within
    listed = cloud.pages("list_certificates", "certificates", pageSize=250)
    for one in listed:
        if one.get("status") != ACTIVE:
            continue
        got = cloud.ask("describe_certificate", certificateId=one["certificateId"])["certificateDescription"]
        until = seconds_of((got.get("validity") or {}).get("notAfter"))
        if until <= limit:
            arn = str(one["certificateArn"])
            things = list(cloud.pages("list_principal_things", "things", principal=arn))
            yield Ending(one["certificateId"], until, things)


def follow_command(identifier: str) -> str:
    return f"atecc aws rotate --job {identifier}"

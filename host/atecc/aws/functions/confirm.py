"""An AWS Lambda function that retires a thing's certificates when its device has another one, and ends its part in the
job that wanted that: it has seen which certificate the device uses now.

A topic rule calls it when a device says, on things/THING/rotated, that it is done or has given up. What the device says
counts for little. What counts is AWS's word for the connection (`principal`, `client`), for the thing, and for the job:

- the client ID is the thing's name, and the connection's certificate is attached to that thing and to no other;
- the thing has an execution of that very job in progress, and the job is one that renews certificates;
- a certificate that takes another one's place is younger than the execution.

Done: the thing's other certificates are deactivated. Given up: those that were made for it meanwhile are taken away.
Then the execution ends. It may be called again at any point: the same comes of it.

Of a device that has renewed its certificate without a job, the connection's has to be active, younger than all the
others that are, and no older than a renewal: then those are deactivated, and it is answered, for the device says so
until it is. One that was made for it and never came to it is younger than what it uses, and so nothing is done.

What another thing uses as well is left alone.
"""

from __future__ import annotations

import json
import time
from functools import cache
from typing import Any

import boto3

OPERATION = "rotate-certificate"
# AWS tells some times in whole seconds.
SKEW_SECONDS = 2
# No device renews its certificate sooner before it ends (hook.py): what is older has outlived the one before.
RENEWAL_DAYS = 90
LONGEST_REASON = 1000
EXCLUSIVE = "EXCLUSIVE_THING"

iot = boto3.client("iot")


class Ignored(Exception):
    """Why nothing is done."""


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`event`: {thing, client, principal}, of a device that was in a job jobId, and if it has given up its reason as
    `error`."""
    try:
        by_itself = event.get("jobId") is None and event.get("error") is None
        return (_Renewal if by_itself else _Rotation)(event).end()
    except Ignored as why:
        print(f"Ignored, from {event.get('client')!r}: {why}")
        return {"ignored": str(why)}


@cache
def jobs_of_devices() -> Any:
    """The jobs' data plane, by which this speaks for a device; its address is the account's own."""
    where = iot.describe_endpoint(endpointType="iot:Jobs")["endpointAddress"]
    return boto3.client("iot-jobs-data", endpoint_url=f"https://{where}")


@cache
def messages() -> Any:
    """The messages' data plane; its address is the account's own."""
    where = iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    return boto3.client("iot-data", endpoint_url=f"https://{where}")


class _Connected:
    """The thing, and the certificate by which its device is connected. Ignored says what does not fit."""

    def __init__(self, event: dict[str, Any]) -> None:
        self._thing, self._principal = (_text(event, name) for name in ("thing", "principal"))
        if _text(event, "client") != self._thing:
            raise Ignored("its client ID is not the thing's name")
        self._exclusive: set[str] = set()
        self._certificates = self._attached()
        if self._principal not in self._certificates:
            raise Ignored("the connection's certificate is not attached to the thing")
        if not self._is_alone(self._principal):
            raise Ignored("the connection's certificate is attached to another thing too")

    def _attached(self) -> dict[str, str]:
        """{certificate ID: ARN} of the thing; which of them are its alone is noted."""
        found: dict[str, str] = {}
        token: dict[str, str] = {}
        while True:
            got = iot.list_thing_principals_v2(thingName=self._thing, **token)
            for one in got["thingPrincipalObjects"]:
                kind, _, identifier = one["principal"].rpartition("/")
                if kind.endswith(":cert"):
                    found[identifier] = one["principal"]
                    if one.get("thingPrincipalType") == EXCLUSIVE:
                        self._exclusive.add(identifier)
            if not got.get("nextToken"):
                return found
            token = {"nextToken": got["nextToken"]}

    def _is_alone(self, identifier: str) -> bool:
        """Whether the certificate is this thing's and no other's."""
        return identifier in self._exclusive or self._things_of(identifier) == [self._thing]

    def _things_of(self, identifier: str) -> list[str]:
        return list(iot.list_principal_things(principal=self._certificates[identifier])["things"])

    def _described(self, identifier: str) -> dict[str, Any]:
        return dict(iot.describe_certificate(certificateId=identifier)["certificateDescription"])

    def _mine(self) -> dict[str, Any]:
        return self._described(self._principal)

    def _others(self) -> list[dict[str, Any]]:
        return [self._described(one) for one in self._certificates if one != self._principal]

    def _retire(self, others: list[dict[str, Any]]) -> dict[str, str]:
        """Deactivated, and the thing's alone: `atecc aws sweep` deletes them when they were kept long enough."""
        active = [one for one in others if one["status"] == "ACTIVE" and self._is_alone(one["certificateId"])]
        for one in active:
            identifier = one["certificateId"]
            iot.update_certificate(certificateId=identifier, newStatus="INACTIVE")
            if identifier not in self._exclusive:
                attached = {"thingName": self._thing, "principal": one["certificateArn"]}
                iot.detach_thing_principal(**attached)
                iot.attach_thing_principal(**attached, thingPrincipalType=EXCLUSIVE)
        return {"certificate": self._principal, "deactivated": str(len(active))}


class _Renewal(_Connected):
    """Without a job."""

    def end(self) -> dict[str, Any]:
        mine, others = self._mine(), self._others()
        if mine["status"] != "ACTIVE":
            raise Ignored("the connection's certificate is not active any more")
        born = mine["creationDate"]
        if born.timestamp() < time.time() - RENEWAL_DAYS * 86400:
            raise Ignored(f"the connection's certificate is older than {RENEWAL_DAYS} days")
        if any(one["status"] == "ACTIVE" and one["creationDate"] >= born for one in others):
            raise Ignored("the connection's certificate is not the thing's newest active one")
        details = self._retire(others)
        answer = f"things/{self._thing}/rotated/accepted"
        messages().publish(topic=answer, qos=1, payload=json.dumps(details))
        return {"thing": self._thing} | details


class _Rotation(_Connected):
    """In a job."""

    def __init__(self, event: dict[str, Any]) -> None:
        self._job = _text(event, "jobId")
        super().__init__(event)
        self._error = event.get("error")
        self._execution = self._in_progress()
        self._began = self._execution["startedAt"].timestamp() - SKEW_SECONDS

    def _in_progress(self) -> dict[str, Any]:
        missing = iot.exceptions.ResourceNotFoundException
        try:
            text = iot.get_job_document(jobId=self._job)["document"]
            got = iot.describe_job_execution(jobId=self._job, thingName=self._thing)["execution"]
        except missing:
            raise Ignored("there is no such job for the thing") from None
        document = json.loads(text)
        if not isinstance(document, dict) or document.get("operation") != OPERATION:
            raise Ignored("the job renews no certificates")
        if got["status"] != "IN_PROGRESS":
            raise Ignored(f"the thing's part in the job is {got['status']}")
        return dict(got)

    def _is_new(self, certificate: dict[str, Any]) -> bool:
        return bool(certificate["creationDate"].timestamp() >= self._began)

    # What comes of it

    def end(self) -> dict[str, Any]:
        mine, others = self._mine(), self._others()
        if self._error is not None:
            for one in [one for one in others if self._is_new(one)]:
                self._take_away(one)
            return self._report("FAILED", {"reason": _printable(self._error)})
        if not self._is_new(mine):
            reason = "the device is connected with a certificate that is older than the job"
            return self._report("FAILED", {"reason": reason})
        return self._report("SUCCEEDED", self._retire(others))

    def _take_away(self, one: dict[str, Any]) -> None:
        """It was made for this device a moment ago, and is on none."""
        identifier, arn = one["certificateId"], one["certificateArn"]
        if not self._is_alone(identifier):
            return
        iot.update_certificate(certificateId=identifier, newStatus="INACTIVE")
        for policy in iot.list_attached_policies(target=arn)["policies"]:
            iot.detach_policy(policyName=policy["policyName"], target=arn)
        iot.detach_thing_principal(thingName=self._thing, principal=arn)
        iot.delete_certificate(certificateId=identifier, forceDelete=True)

    def _report(self, status: str, details: dict[str, str]) -> dict[str, Any]:
        jobs_of_devices().update_job_execution(
            jobId=self._job,
            thingName=self._thing,
            status=status,
            statusDetails=details,
            expectedVersion=self._execution["versionNumber"],
        )
        return {"thing": self._thing, "status": status} | details


def _text(event: dict[str, Any], name: str) -> str:
    value = event.get(name)
    if not isinstance(value, str) or not value:
        raise Ignored(f"it has no {name}")
    return value


def _printable(reason: object) -> str:
    """As the details of a job's execution may be."""
    text = "".join(c if c.isprintable() else " " for c in str(reason)).strip()
    return text[:LONGEST_REASON] or "no reason given"

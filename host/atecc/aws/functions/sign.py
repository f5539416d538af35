"""An AWS Lambda function that gives a device of an own CA its next certificate: the user's `sign`, and what AWS is to
know of what comes of it.

A topic rule calls it when a device asks on things/THING/sign. Who asks is AWS's word (`principal`, `client`):

- the client ID is the thing's name, and the connection's certificate is active, and attached to that thing alone;
- the thing has an execution of that very job in progress, and the job is one that renews certificates by this signer.

To anybody else nothing is answered. Then `sign` (signer.py beside this) gets the request and the thing's name. What it
gives has to have the request's key. It is registered, gets the policies of the certificate that asked, and the thing,
and is answered to things/THING/sign/accepted; or why not, to rejected, and what was made is taken away.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from contextlib import suppress
from functools import cache
from typing import Any

import boto3

OPERATION = "rotate-certificate"
LONGEST_REASON = 500
CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")
# SubjectPublicKeyInfo of a P-256 key (RFC 5480) up to the point's 64 bytes.
P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")

iot = boto3.client("iot")


class Ignored(Exception):
    """Why nothing is done, and nobody told."""


class Refused(Exception):
    """Why there is no certificate."""


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`event`: {thing, client, principal, jobId, certificateSigningRequest}."""
    try:
        thing, asking = check(event)
    except Ignored as why:
        print(f"Ignored, from {event.get('client')!r}: {why}")
        return {"ignored": str(why)}
    try:
        identifier = give(signed(event.get("certificateSigningRequest"), thing), thing, asking)
    except Exception as why:
        print(f"Refused, {thing}: {why!r}")
        reason = " ".join((str(why) or repr(why)).split())[:LONGEST_REASON]
        answer(thing, "rejected", {"errorCode": type(why).__name__, "errorMessage": reason})
        return {"thing": thing, "refused": reason}
    return {"thing": thing, "certificate": identifier}


# Who asks


def check(event: dict[str, Any]) -> tuple[str, str]:
    """The thing, and the ARN of the certificate that asks; Ignored."""
    thing, client, principal, job = (text(event, name) for name in ("thing", "client", "principal", "jobId"))
    if client != thing:
        raise Ignored("its client ID is not the thing's name")
    try:
        asking = iot.describe_certificate(certificateId=principal)["certificateDescription"]
        things = iot.list_principal_things(principal=asking["certificateArn"])["things"]
        document = json.loads(iot.get_job_document(jobId=job)["document"])
        status = iot.describe_job_execution(jobId=job, thingName=thing)["execution"]["status"]
    except iot.exceptions.ResourceNotFoundException:
        raise Ignored("there is no such certificate, or no such job for the thing") from None
    if asking["status"] != "ACTIVE" or things != [thing]:
        raise Ignored("the connection's certificate is not the thing's, and its alone")
    if not isinstance(document, dict) or document.get("operation") != OPERATION:
        raise Ignored("the job renews no certificates")
    if document.get("signer") != os.environ.get("TEMPLATE"):
        raise Ignored("the job is not one for this signer")
    if status != "IN_PROGRESS":
        raise Ignored(f"the thing's part in the job is {status}")
    return thing, str(asking["certificateArn"])


def text(event: dict[str, Any], name: str) -> str:
    value = event.get(name)
    if not isinstance(value, str) or not value:
        raise Ignored(f"it has no {name}")
    return value


# What it gets


def signed(request: object, thing: str) -> list[str]:
    """What `sign` gives for it: the certificate and its chain, each PEM; Refused, or what `sign` raises."""
    if not isinstance(request, str):
        raise Refused("there is no certificate request")
    key = point(request, "the request")
    # Here, for what the user's file raises is an answer too.
    from signer import sign  # type: ignore[import-not-found]

    given = sign(request, thing)
    certificates = CERTIFICATE.findall(given) if isinstance(given, str) else []
    if not certificates:
        raise Refused("the signer has given no certificate in PEM")
    if point(certificates[0], "the signer's certificate") != key:
        raise Refused("the signer's certificate is for another key than the request's")
    return [str(one) for one in certificates]


def point(pem: str, what: str) -> bytes:
    """Its public key, X then Y."""
    try:
        _, found, rest = der(pem).partition(P256)
    except ValueError:
        raise Refused(f"{what} is not PEM") from None
    if not found:
        raise Refused(f"{what} has no P-256 key")
    return rest[:64]


def der(pem: str) -> bytes:
    return base64.b64decode("".join(line for line in pem.splitlines() if not line.startswith("-----")))


def give(certificates: list[str], thing: str, asking: str) -> str:
    """Its ID: active, with all that the one that asks (an ARN) has, and sent. If a step fails, it is not there."""
    made = make_known(*certificates[:2])
    identifier, arn = made["certificateId"], made["certificateArn"]
    try:
        for policy in policies(asking):
            iot.attach_policy(policyName=policy, target=arn)
        iot.attach_thing_principal(thingName=thing, principal=arn, thingPrincipalType="EXCLUSIVE_THING")
        iot.update_certificate(certificateId=identifier, newStatus="ACTIVE")
        answer(thing, "accepted", {"certificatePem": "\n".join(certificates) + "\n", "thingName": thing})
    except Exception:
        withdraw(identifier, arn, thing)
        raise
    return str(identifier)


def make_known(certificate: str, ca: str = "") -> Any:
    """Inactive. By its CA, if that comes next in the chain and the account knows it."""
    known = {"certificatePem": certificate, "status": "INACTIVE"}
    try:
        if ca:
            iot.describe_ca_certificate(certificateId=hashlib.sha256(der(ca)).hexdigest())
            return iot.register_certificate(caCertificatePem=ca, **known)
    except iot.exceptions.ResourceNotFoundException:
        pass
    return iot.register_certificate_without_ca(**known)


def policies(arn: str) -> list[str]:
    """Names of those that are attached to it: at most ten (AWS's quota), which are one page."""
    return [one["policyName"] for one in iot.list_attached_policies(target=arn)["policies"]]


def withdraw(identifier: str, arn: str, thing: str) -> None:
    iot.update_certificate(certificateId=identifier, newStatus="INACTIVE")
    for policy in policies(arn):
        iot.detach_policy(policyName=policy, target=arn)
    with suppress(iot.exceptions.ResourceNotFoundException):  # it may not have come to that
        iot.detach_thing_principal(thingName=thing, principal=arn)
    iot.delete_certificate(certificateId=identifier, forceDelete=True)


# The answer


@cache
def messages() -> Any:
    """The messages' data plane; its address is the account's own."""
    where = iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    return boto3.client("iot-data", endpoint_url=f"https://{where}")


def answer(thing: str, ending: str, document: dict[str, str]) -> None:
    messages().publish(topic=f"things/{thing}/sign/{ending}", qos=1, payload=json.dumps(document))

"""The pre-provisioning hook: whom AWS IoT lets have a certificate, and for which thing.

AWS asks it with what it knows itself (the certificate and the client ID of the connection that asks) and with what the
device says (parameters), which may be anything.

- A thing's own certificate renews itself: for the thing that it is attached to, and only as that thing's client; while
  a job that renews certificates is in progress on it (`atecc aws rotate`), or within RENEWAL_DAYS before it ends.
- A claim (any certificate that is attached to no thing), connected as claim-SERIAL, gets one for the thing PREFIX +
  SERIAL, the chip's serial number, unless that thing has a certificate already, for another key. For the same key it
  may have another one: who has signed the request has the key, and a device that lost power in the middle asks again.
- A chip's own certificate from the factory (Microchip's have the serial number in their subject) is a claim for that
  chip alone.
- LISTED: by a claim only for things that are in the registry.
"""

import base64
import json
import os
import re
import time
from collections.abc import Callable
from typing import Any

import boto3

PREFIX = os.environ.get("PREFIX", "")
LISTED = os.environ.get("LISTED", "") == "yes"
RENEWAL_DAYS = 90
OPERATION = "rotate-certificate"
SERIAL = re.compile("[0-9a-f]{18}")
# Trust&GO's subjects, and TrustFLEX's.
FACTORY = re.compile(b"sn([0-9A-Fa-f]{18})|([0-9A-Fa-f]{18}) ATECC")
# SubjectPublicKeyInfo of a P-256 key (RFC 5480) up to the point's 64 bytes.
P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")

iot = boto3.client("iot")


class Refused(Exception):
    """Why not; it stands in the function's log."""


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    try:
        overrides = decide(event)
    except Refused as why:
        print(f"refused {event.get('clientId')} ({event.get('claimCertificateId')}): {why}")
        return {"allowProvisioning": False}
    return {"allowProvisioning": True, "parameterOverrides": overrides}


def decide(event: dict[str, Any]) -> dict[str, str]:
    """The parameters that take the place of the device's; Refused."""
    arn = event["templateArn"].split(":provisioningtemplate/")[0] + ":cert/" + event["claimCertificateId"]
    own = things_of(arn)
    client, said = event["clientId"], event.get("parameters") or {}
    if own:
        thing = said.get("ThingName")
        if own != [thing] or client != thing:
            raise Refused(f"the certificate of {own}, connected as {client}, asks for {thing}")
        if not (is_rotating(thing) or ends_soon(arn)):
            raise Refused(f"no job renews {thing} now, and its certificate does not end soon")
        return {"ThingName": thing}
    serial = said.get("SerialNumber") or ""
    if not SERIAL.fullmatch(serial) or client != "claim-" + serial:
        raise Refused(f"a claim, connected as {client}, asks for the serial number {serial}")
    if chip_of(arn) not in (None, serial):
        raise Refused(f"the claim is that of chip {chip_of(arn)}, not {serial}")
    thing = PREFIX + serial
    principals = certificates_of(thing)
    if principals is None and LISTED:
        raise Refused(f"{thing} is not in the registry")
    key = point(event["certificatePem"])
    if principals and key not in [point(certificate(one)) for one in principals]:
        raise Refused(f"{thing} has a certificate, for another key")
    return {"ThingName": thing, "SerialNumber": serial}


def is_rotating(thing: str) -> bool:
    """Whether it is in the middle of a job that renews certificates: nobody but AWS says so."""
    listed = iot.list_job_executions_for_thing(thingName=thing, status="IN_PROGRESS")["executionSummaries"]
    return any(operation(one["jobId"]) == OPERATION for one in listed)


def operation(job: str) -> Any:
    document = json.loads(iot.get_job_document(jobId=job)["document"])
    return document.get("operation") if isinstance(document, dict) else None


def ends_soon(arn: str) -> bool:
    described = iot.describe_certificate(certificateId=arn.rpartition("/")[2])["certificateDescription"]
    return bool(described["validity"]["notAfter"].timestamp() - time.time() < RENEWAL_DAYS * 86400)


def things_of(arn: str) -> list[str]:
    try:
        return pages(iot.list_principal_things, "things", principal=arn)
    except iot.exceptions.ResourceNotFoundException:
        return []  # a claim for five minutes is in no registry


def certificates_of(thing: str) -> list[str] | None:
    """ARNs; None if there is no such thing."""
    try:
        return pages(iot.list_thing_principals, "principals", thingName=thing)
    except iot.exceptions.ResourceNotFoundException:
        return None


def pages(operation: Callable[..., Any], part: str, **params: str) -> list[str]:
    found: list[str] = []
    token = None
    while True:
        got = operation(**params, **({"nextToken": token} if token else {}))
        found += got[part]
        token = got.get("nextToken")
        if not token:
            return found


def certificate(arn: str) -> str:
    described = iot.describe_certificate(certificateId=arn.rpartition("/")[2])
    return str(described["certificateDescription"]["certificatePem"])


def chip_of(arn: str) -> str | None:
    """Of which chip a claim is the factory's certificate, if it is one."""
    try:
        found = FACTORY.search(der(certificate(arn)))
    except iot.exceptions.ResourceNotFoundException:
        return None
    return (found[1] or found[2]).decode().lower() if found else None


def der(pem: str) -> bytes:
    return base64.b64decode("".join(line for line in pem.splitlines() if not line.startswith("-----")))


def point(pem: str) -> bytes:
    """The public key of a certificate, X then Y; Refused for another kind of key."""
    _, found, rest = der(pem).partition(P256)
    if not found:
        raise Refused("the key is not a P-256 one")
    return rest[:64]

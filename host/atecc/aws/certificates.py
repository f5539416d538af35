"""Certificates at AWS IoT: issued so that none is lost, listed, deactivated, and taken away."""

from __future__ import annotations

import hashlib
import random
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from atecc.aws.cloud import ATTEMPTS, Cloud
from atecc.errors import AwsError
from atecc.x509 import library

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

# After these nothing was done; after any other error that is not known.
NOT_DONE = ("aws-denied", "aws-credentials", "aws-invalid", "aws-missing", "aws-throttled")
WORTH_REPEATING = ("aws-network", "aws-server", "aws-throttled")
# AWS tells the time in whole seconds, and its servers may differ a little.
SKEW = 5.0
ACTIVE, INACTIVE = "ACTIVE", "INACTIVE"


@dataclass(frozen=True)
class Certificate:
    """A certificate as AWS has it; times are Unix times, `modified` when its status changed last.

    `exclusive`: attached to one thing so that no other may be, as this tool does it.
    """

    id: str
    arn: str
    status: str
    pem: str
    created: float
    modified: float
    not_before: float
    not_after: float
    exclusive: bool = False

    @property
    def short(self) -> str:
        return f"{self.id[:8]}…"

    @property
    def account(self) -> str:
        return account_of(self.arn)

    @property
    def parsed(self) -> x509.Certificate:
        return library.certificate(self.pem.encode(), "A certificate at AWS")

    @property
    def key(self) -> str:
        """See key_id."""
        return key_id(self.parsed.public_key())


def account_of(arn: str) -> str:
    return arn.split(":")[4]


def key_id(key: CertificatePublicKeyTypes) -> str:
    """The SHA-256 of a public key (SubjectPublicKeyInfo)."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def certificate_id(pem: str) -> str:
    """AWS names a certificate by its SHA-256."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


# Looking


def describe(cloud: Cloud, identifier: str) -> Certificate | None:
    """None if the account has no such certificate."""
    try:
        got = cloud.ask("describe_certificate", certificateId=identifier)["certificateDescription"]
    except AwsError as error:
        if error.kind != "aws-missing":
            raise
        return None
    validity = got.get("validity") or {}
    created = seconds_of(got.get("creationDate"))
    return Certificate(
        got["certificateId"],
        got["certificateArn"],
        got["status"],
        got["certificatePem"],
        created,
        seconds_of(got.get("lastModifiedDate")) or created,
        seconds_of(validity.get("notBefore")),
        seconds_of(validity.get("notAfter")),
    )


def of_thing(cloud: Cloud, thing: str, but: str = "") -> list[Certificate]:
    """Those that are attached to a thing, without the one of the ID `but`."""
    found = []
    for one in cloud.pages("list_thing_principals_v2", "thingPrincipalObjects", thingName=thing):
        kind, _, identifier = one["principal"].rpartition("/")
        known = describe(cloud, identifier) if kind.endswith(":cert") and identifier != but else None
        if known:
            found.append(replace(known, exclusive=one.get("thingPrincipalType") == "EXCLUSIVE_THING"))
    return found


def things_of(cloud: Cloud, arn: str) -> list[str]:
    return list(cloud.pages("list_principal_things", "things", principal=arn))


def with_key(cloud: Cloud, key: str, since: float) -> list[Certificate]:
    """Those for this key that were made since then, by AWS's clock; the newest are looked at first, and none that is
    older."""
    return [one for one in _made_since(cloud, since - SKEW) if one.key == key]


def _made_since(cloud: Cloud, since: float) -> Iterator[Certificate]:
    for listed in cloud.pages("list_certificates", "certificates", ascendingOrder=False):
        if seconds_of(listed.get("creationDate")) < since:
            return
        found = describe(cloud, listed["certificateId"])
        if found:
            yield found


def seconds_of(moment: Any) -> float:
    return float(moment.timestamp()) if moment is not None else 0.0


# Changing


def pause(attempt: int) -> None:
    """Longer each time, and not at the same moment as others."""
    time.sleep(random.uniform(0.25, 0.5) * 2**attempt)  # noqa: S311


class Issuing:
    """One request on its way to a certificate, which is inactive and attached to nothing.

    Repeated blindly, a request whose answer was lost makes a second certificate that nobody knows. So it is repeated
    here only after a look for what it made, which is recognised by its key.
    """

    def __init__(self, cloud: Cloud, csr_pem: str, key: str, began: float) -> None:
        self._cloud = cloud
        self._csr_pem = csr_pem
        self.key = key
        self._began = began
        self._uncertain = False

    def issue(self) -> Certificate:
        for attempt in range(1, ATTEMPTS):
            try:
                return self._ask()
            except AwsError as error:
                if error.kind not in WORTH_REPEATING:
                    raise
            pause(attempt)
            found = self.made()
            if found:
                return found[0]
        return self._ask()

    def _ask(self) -> Certificate:
        params = {"certificateSigningRequest": self._csr_pem, "setAsActive": False}
        before, self._uncertain = self._uncertain, True
        try:
            got = self._cloud.change_once("create_certificate_from_csr", **params)
        except AwsError as error:
            if error.kind in NOT_DONE:
                self._uncertain = before
            raise
        self._uncertain = before
        now = self._cloud.now()
        return Certificate(
            got["certificateId"], got["certificateArn"], INACTIVE, got["certificatePem"], now, now, 0, 0
        )

    @property
    def uncertain(self) -> bool:
        """Whether AWS may have issued more than it has told."""
        return self._uncertain

    def made(self) -> list[Certificate]:
        """What an answer that was lost has left."""
        return with_key(self._cloud, self.key, self._began) if self._uncertain else []


def attach(cloud: Cloud, arn: str, policy: str, thing: str) -> None:
    """To this thing, and to no other as long as it is."""
    cloud.change("attach_policy", policyName=policy, target=arn)
    cloud.change(
        "attach_thing_principal", thingName=thing, principal=arn, thingPrincipalType="EXCLUSIVE_THING"
    )


def set_status(cloud: Cloud, identifier: str, status: str) -> None:
    cloud.change("update_certificate", certificateId=identifier, newStatus=status)


def withdraw(cloud: Cloud, identifier: str, arn: str) -> None:
    """Away with it, whatever it is attached to; gone already is as good."""
    try:
        listed = cloud.pages("list_attached_policies", "policies", target=arn)
        policies = [one["policyName"] for one in listed]
        cloud.withdraw(identifier, arn, policies, things_of(cloud, arn))
    except AwsError as error:
        if error.kind != "aws-missing":
            raise

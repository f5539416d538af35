"""An operator at AWS IoT: the own certificate known there, with policies that let it call devices, and away again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atecc.aws import certificates
from atecc.aws.certificates import ACTIVE, INACTIVE, Certificate
from atecc.aws.cloud import Cloud
from atecc.aws.policy import MOST_POLICIES, arn_prefix, operator_policies
from atecc.errors import ArgumentError, AwsError, RefusedError
from atecc.x509.requests import pem

if TYPE_CHECKING:
    from cryptography import x509


def register(cloud: Cloud, certificate: x509.Certificate, things: list[str]) -> tuple[Certificate, list[str]]:
    """It may call these things, or all if none is named; the certificate, and the names of its policies.

    It counts when all of that is done. Asked again, the same is there once; other things take `withdraw` first.
    """
    identifier = certificates.certificate_id(pem(certificate))
    if len(operator_policies(arn_prefix(cloud.region, "0" * 12), things)) > MOST_POLICIES:
        raise ArgumentError(
            "AWS IoT lets a certificate have too few policies for that many devices.", "--all"
        )
    try:
        cloud.change("register_certificate_without_ca", certificatePem=pem(certificate), status=INACTIVE)
    except AwsError as error:
        if error.kind != "aws-exists":
            raise
    known = certificates.describe(cloud, identifier)
    if known is None:
        raise AwsError("AWS says that it has registered the certificate, and does not know it.", "Try again.")
    documents = operator_policies(arn_prefix(cloud.region, known.account), things)
    names = [_name(identifier, number) for number in range(len(documents))]
    for name, document in zip(names, documents, strict=True):
        there = cloud.policy(name)
        if there is None:
            cloud.create_policy(name, document)
        elif there != document:
            raise RefusedError(
                f"This operator is registered for other devices: policy {name} says so.",
                "`atecc operator register --withdraw` first, then register it anew.",
            )
        cloud.change("attach_policy", policyName=name, target=known.arn)
    certificates.set_status(cloud, identifier, ACTIVE)
    return known, names


def withdraw(cloud: Cloud, certificate: x509.Certificate) -> tuple[str, list[str]]:
    """The certificate and its policies are gone afterwards; its ID, and the names of the policies that there were."""
    identifier = certificates.certificate_id(pem(certificate))
    known = certificates.describe(cloud, identifier)
    if known is not None:
        certificates.withdraw(cloud, known.id, known.arn)
    gone = []
    for number in range(MOST_POLICIES):
        name = _name(identifier, number)
        if cloud.policy(name) is not None:
            cloud.change("delete_policy", policyName=name)
            gone.append(name)
    return identifier, gone


def _name(identifier: str, number: int) -> str:
    return f"atecc-operator-{identifier[:16]}-{number}"

"""AWS IoT through boto3, which is used nowhere else: the calls that provisioning needs."""

from __future__ import annotations

import importlib.util
import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atecc.aws.errors import CONFIGURATION, CREDENTIALS, Answer, explained
from atecc.aws.patience import patiently
from atecc.bounded import parse
from atecc.errors import AwsError, CertificateError
from atecc.x509 import library
from atecc.x509.textfile import pem_blocks

if TYPE_CHECKING:
    from cryptography import x509

# Syntactically no request at all: AWS refuses it, but says first whether the caller may ask.
NO_REQUEST = "-----BEGIN CERTIFICATE REQUEST-----\nAA==\n-----END CERTIFICATE REQUEST-----\n"


@dataclass(frozen=True)
class CloudCertificate:
    """A certificate that AWS has issued."""

    id: str
    arn: str
    pem: str


class Cloud:
    """One account in one region, with the credentials that boto3 finds."""

    def __init__(
        self, region: str | None = None, profile: str | None = None, endpoint_url: str | None = None
    ) -> None:
        import boto3
        from botocore.config import Config

        retries = {"mode": "standard", "total_max_attempts": 5}
        config = Config(connect_timeout=10, read_timeout=20, retries=retries)
        with explained(CONFIGURATION, region or ""):
            session = boto3.Session(region_name=region, profile_name=profile)
        with explained(CREDENTIALS, region or ""):
            self._credentials = session.get_credentials()
        with explained(CONFIGURATION, region or ""):
            self.iot = session.client("iot", endpoint_url=endpoint_url, config=config)
            self._aws = _without_configuration(session)
        self.region = str(self.iot.meta.region_name)

    @property
    def elsewhere(self) -> str:
        """The URL to which everything goes, if that is not AWS's; else nothing."""
        url = str(self.iot.meta.endpoint_url)
        return "" if url == self._aws else url

    def sign_in(self) -> None:
        """Have boto3 get the credentials; it may ask for an MFA code."""
        with explained(CREDENTIALS, self.region):
            if self._credentials:
                self._credentials.get_frozen_credentials()

    def endpoint(self) -> str:
        """Where the account's devices connect to; also shows whether credentials and region work."""
        return str(self._call("describe_endpoint", endpointType="iot:Data-ATS")["endpointAddress"])

    def check_may_issue(self) -> None:
        """An AwsError if these credentials may not have certificates issued; none is issued to find out."""
        try:
            self._call("create_certificate_from_csr", certificateSigningRequest=NO_REQUEST, setAsActive=False)
        except AwsError as error:
            if error.kind != "aws-invalid":
                raise

    def thing(self, name: str) -> str:
        """The ARN of a thing, made if there is none."""
        try:
            return str(self._call("create_thing", thingName=name)["thingArn"])
        except AwsError as error:
            if error.kind != "aws-exists":
                raise
        return str(self._call("describe_thing", thingName=name)["thingArn"])

    def policy(self, name: str) -> dict[str, Any] | None:
        """A policy's document, if there is such a policy."""
        try:
            text = self._call("get_policy", policyName=name)["policyDocument"]
        except AwsError as error:
            if error.kind != "aws-missing":
                raise
            return None
        try:
            document = parse(text)
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}

    def create_policy(self, name: str, document: dict[str, Any]) -> None:
        self._call("create_policy", policyName=name, policyDocument=json.dumps(document))

    def issue(self, csr_pem: str) -> CloudCertificate:
        """A certificate, active from now on."""
        got = self._call("create_certificate_from_csr", certificateSigningRequest=csr_pem, setAsActive=True)
        return CloudCertificate(got["certificateId"], got["certificateArn"], got["certificatePem"])

    def attach(self, certificate: CloudCertificate, policy: str, thing: str) -> None:
        self._call("attach_policy", policyName=policy, target=certificate.arn)
        self._call("attach_thing_principal", thingName=thing, principal=certificate.arn)

    def withdraw(self, certificate: CloudCertificate, policy: str, thing: str) -> None:
        """Deactivate and delete a certificate; whatever it was not yet attached to is no obstacle."""
        self._call("update_certificate", certificateId=certificate.id, newStatus="INACTIVE")
        for operation, params in (
            ("detach_thing_principal", {"thingName": thing, "principal": certificate.arn}),
            ("detach_policy", {"policyName": policy, "target": certificate.arn}),
        ):
            try:
                self._call(operation, **params)
            except AwsError as error:
                if error.kind != "aws-missing":
                    raise
        self._call("delete_certificate", certificateId=certificate.id)

    def _call(self, operation: str, **params: Any) -> Any:
        action = self.iot.meta.method_to_api_mapping[operation]
        method = getattr(self.iot, operation)

        def once() -> Answer:
            with explained(action, self.region):
                return Answer(action, method(**params))

        return patiently(operation, once)


def _without_configuration(session: Any) -> str:
    """AWS's own endpoint. These credentials are nobody's, and are sent nowhere."""
    from botocore.config import Config

    config = Config(ignore_configured_endpoint_urls=True)
    nobody = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
    return str(session.client("iot", config=config, **nobody).meta.endpoint_url)


def default_region() -> str:
    """That of the AWS configuration; nobody is asked."""
    import boto3

    with explained(CONFIGURATION):
        region = boto3.Session().region_name
    if not region:
        raise AwsError(
            "No AWS region is configured.", "--region eu-west-1, or AWS_DEFAULT_REGION, names one."
        )
    return str(region)


def amazon_roots() -> list[x509.Certificate]:
    """Amazon Root CA 1 (RSA) and 3 (EC), for the broker's certificate, from the bundle that boto3 trusts."""
    for bundle in _bundles():
        found = [_find_root(bundle, name) for name in ("Amazon Root CA 1", "Amazon Root CA 3")]
        roots = [root for root in found if root]
        if len(roots) == len(found):
            return roots
    raise CertificateError(
        "Amazon's root certificates are not on this computer.",
        "Get AmazonRootCA1.pem from https://www.amazontrust.com/repository/ and give it as --server-ca.",
    )


def _bundles() -> list[bytes]:
    specs = [importlib.util.find_spec(name) for name in ("certifi", "botocore")]
    paths = [Path(str(spec.origin)).with_name("cacert.pem") for spec in specs if spec and spec.origin]
    return [path.read_bytes() for path in paths if path.exists()]


def _find_root(bundle: bytes, common_name: str) -> x509.Certificate | None:
    """Only certificates that carry the name are parsed: there are odd ones in such bundles."""
    from cryptography import x509

    for _, block in pem_blocks(bundle):
        if common_name.encode() in ssl.PEM_cert_to_DER_cert(block.decode()):
            certificate = library.certificate(block, f"{common_name} on this computer")
            names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
            if [name.value for name in names] == [common_name]:
                return certificate
    return None

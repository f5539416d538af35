"""AWS IoT through boto3, which is used nowhere else: every call to it goes through here."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import ssl
import time
from collections import Counter
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from atecc.aws.errors import CONFIGURATION, CREDENTIALS, THROTTLED, Answer, explained
from atecc.aws.pace import Limits, Pace
from atecc.aws.patience import patiently
from atecc.bounded import parse
from atecc.errors import AwsError, CertificateError
from atecc.provisioning.look import AWS_HOSTS
from atecc.x509 import library
from atecc.x509.textfile import pem_blocks

if TYPE_CHECKING:
    from cryptography import x509

# Syntactically no request at all: AWS refuses it, but says first whether the caller may ask.
NO_REQUEST = "-----BEGIN CERTIFICATE REQUEST-----\nAA==\n-----END CERTIFICATE REQUEST-----\n"


ATTEMPTS = 5


# A call that would be made.
Planned = tuple[str, dict[str, Any]]


class Cloud:
    """One account in one region, with the credentials that boto3 finds."""

    def __init__(
        self, region: str | None = None, profile: str | None = None, endpoint_url: str | None = None
    ) -> None:
        import boto3

        with explained(CONFIGURATION, region or ""):
            session = boto3.Session(region_name=region, profile_name=profile)
        with explained(CREDENTIALS, region or ""):
            self._credentials = session.get_credentials()
        self.throttled = 0
        self._pace = Pace(Limits(self.pages))
        session.events.register("response-received.iot", self._received)
        with explained(CONFIGURATION, region or ""):
            self.iot = session.client("iot", endpoint_url=endpoint_url, config=_config(ATTEMPTS))
        self._session, self._endpoint_url = session, endpoint_url
        self.region = str(self.iot.meta.region_name)
        self.planned: list[Planned] | None = None
        self._clients: dict[tuple[str, bool], Any] = {("iot", False): self.iot}
        self._ahead = 0.0
        self.account = "ACCOUNT"  # until an answer has told
        self.calls: Counter[str] = Counter()  # by operation; what boto3 repeats by itself counts once

    @property
    def elsewhere(self) -> str:
        """The URL to which everything goes, if that is not AWS's; else nothing."""
        url = str(self.iot.meta.endpoint_url)
        return "" if (urlsplit(url).hostname or "").endswith(AWS_HOSTS) else url

    @property
    def rehearsing(self) -> bool:
        return self.planned is not None

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

    def policy(self, name: str) -> dict[str, Any] | None:
        """A policy's document, if there is such a policy."""
        try:
            got = self._call("get_policy", policyName=name)
        except AwsError as error:
            if error.kind != "aws-missing":
                raise
            return None
        arn = str(got.get("policyArn", "")).split(":")
        self.account = arn[4] if len(arn) > 5 else self.account
        try:
            document = parse(got["policyDocument"])
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}

    def create_policy(self, name: str, document: dict[str, Any]) -> None:
        self.change("create_policy", policyName=name, policyDocument=json.dumps(document))

    def withdraw(self, certificate_id: str, arn: str, policies: list[str], things: list[str]) -> None:
        """Deactivate and delete a certificate; whatever it is not attached to (any more) is no obstacle."""
        self.change("update_certificate", certificateId=certificate_id, newStatus="INACTIVE")
        for thing in things:
            self.if_there("detach_thing_principal", thingName=thing, principal=arn)
        for policy in policies:
            self.if_there("detach_policy", policyName=policy, target=arn)
        self.change("delete_certificate", certificateId=certificate_id)

    # Any call. An operation is IoT's, unless its service stands before it: iam.create_role.

    def ask(self, operation: str, **params: Any) -> Any:
        """A call that changes nothing."""
        return self._call(operation, **params)

    def found(self, operation: str, **params: Any) -> Any:
        """As `ask`, or None if there is no such thing."""
        try:
            return self._call(operation, **params)
        except AwsError as error:
            if error.kind != "aws-missing":
                raise
            return None

    def change(self, operation: str, **params: Any) -> Any:
        """One that does: in a rehearsal it is written down, and nothing is answered."""
        if self.planned is None:
            return self._call(operation, **params)
        self.planned.append((self._action(operation), params))
        return {}

    def change_once(self, operation: str, **params: Any) -> Any:
        """One that botocore must not repeat, because it might be done twice then."""
        return (
            self.change(operation, once=True, **params)
            if self.planned is None
            else self.change(operation, **params)
        )

    def if_there(self, operation: str, **params: Any) -> None:
        """A change to what may be gone already."""
        try:
            self.change(operation, **params)
        except AwsError as error:
            if error.kind != "aws-missing":
                raise

    def pages(self, operation: str, part: str, **params: Any) -> Iterator[Any]:
        """All that a list has, page by page."""
        while True:
            got = self._call(operation, **params)
            yield from got.get(part) or []
            tokens = {"marker": "nextMarker", "nextToken": "nextToken", "NextToken": "NextToken"}
            more = {name: got[token] for name, token in tokens.items() if got.get(token)}
            if not more:
                return
            params.update(more)

    def rehearse(self) -> None:
        """From now on changes are written down only."""
        self.planned = []

    def _call(self, operation: str, once: bool = False, **params: Any) -> Any:
        action = self._action(operation)
        service, _, name = operation.rpartition(".")
        method = getattr(self._client(service or "iot", once), name)

        def ask() -> Answer:
            if not service:
                self._pace.before(action)
            self.calls[action] += 1
            with explained(action, self.region):
                return Answer(action, self._heard(method(**params)))

        return patiently(operation, ask)

    def _action(self, operation: str) -> str:
        """AWS's name for it: CreateThing, iam:CreateRole."""
        service, _, name = operation.rpartition(".")
        named = str(self._client(service or "iot").meta.method_to_api_mapping[name])
        return f"{service}:{named}" if service else named

    def _received(self, event_name: str, parsed_response: Any, **_: Any) -> None:
        """Each answer of AWS IoT, also one upon which boto3 asks again by itself."""
        if ((parsed_response or {}).get("Error") or {}).get("Code") in THROTTLED:
            self.throttled += 1
            self._pace.throttled(event_name.rpartition(".")[2])

    @property
    def throttling(self) -> str:
        """What there is to say of it, at the end."""
        plural = "" if self.throttled == 1 else "s"
        return (
            f"AWS has throttled {self.throttled} call{plural}, and was asked again." if self.throttled else ""
        )

    def now(self) -> float:
        """The time by AWS's clock."""
        return time.time() + self._ahead

    def _heard(self, answer: Any) -> Any:
        said = (answer or {}).get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
        with contextlib.suppress(ValueError, TypeError):
            self._ahead = parsedate_to_datetime(said).timestamp() - time.time()
        return answer

    def _client(self, service: str, once: bool = False) -> Any:
        key = service, once
        if key not in self._clients:
            config = _config(1 if once else ATTEMPTS)
            with explained(CONFIGURATION, self.region):
                self._clients[key] = self._session.client(
                    service, endpoint_url=self._endpoint_url, config=config
                )
        return self._clients[key]


def _config(attempts: int) -> Any:
    from botocore.config import Config

    retries = {"mode": "standard", "total_max_attempts": attempts}
    return Config(connect_timeout=10, read_timeout=20, retries=retries)


def has_credentials(profile: str | None = None) -> bool:
    """Whether there are any to ask with; nobody is asked but this computer."""
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        session = boto3.Session(profile_name=profile)
        return session.region_name is not None and session.get_credentials() is not None
    except BotoCoreError:
        return False


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

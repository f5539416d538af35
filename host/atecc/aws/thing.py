"""AWS IoT as the issuer for provisioning: thing and policy before the key is made, the certificate after."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atecc.aws.cloud import Cloud, CloudCertificate, amazon_roots
from atecc.aws.document import may_connect
from atecc.aws.policy import DEFAULT_NAME, arn_prefix, device_policy
from atecc.broker.address import MQTT_TLS_PORT, parse_broker
from atecc.errors import ArgumentError, AwsError, RefusedError
from atecc.provisioning.authority import Issued, Look, Target, Wish
from atecc.provisioning.order import Connection
from atecc.steps import Steps
from atecc.x509 import library
from atecc.x509.names import Rdns
from atecc.x509.requests import pem, when

if TYPE_CHECKING:
    from cryptography import x509

    from atecc.device import Device

_THING_NAME = re.compile(r"[a-zA-Z0-9:_-]{1,128}")
_CN_MAX = 64  # RFC 5280, ub-common-name


def check_thing(thing: str) -> None:
    """An ArgumentError for a name that AWS gives no thing, or that would be allowed all things' topics."""
    if not _THING_NAME.fullmatch(thing):
        raise ArgumentError(
            f"{thing!r} is not possible as a thing's name.",
            "AWS allows 1 to 128 of these: letters, digits, colon, underscore, hyphen.",
        )
    if thing == "things":
        raise ArgumentError(
            "A thing can't be called things: the topics of all things are below things/.",
            "Give it another name.",
        )


def default_subject(thing: str) -> Rdns:
    """CN=THING, or an ArgumentError for a name that no thing can have.

    A longer name than a CN can hold is cut: AWS puts a subject of its own into the certificate.
    """
    check_thing(thing)
    return [[("CN", thing[:_CN_MAX])]]


@dataclass(frozen=True)
class AwsOrder:
    """A certificate from AWS IoT for a thing, which is made if there is none.

    `policy` None is the tool's own, made if there is none. `endpoint` None (host and port of the broker), `region`
    and `profile` None are what AWS and its configuration say; `endpoint_url` is where a stand-in for AWS answers.
    """

    wish: Wish
    connection: Connection
    thing: str
    policy: str | None = None
    policy_document: dict[str, Any] | None = None
    endpoint: tuple[str, int] | None = None
    region: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None

    def __post_init__(self) -> None:
        check_thing(self.thing)

    def settle(self, device: Device) -> tuple[Wish, AwsAuthority]:
        return self.wish, AwsAuthority(Cloud(self.region, self.profile, self.endpoint_url), self)


class AwsAuthority:
    """Has AWS IoT issue the certificate; takes it back when a later step fails."""

    # A policy attached a moment ago is not known in every corner of AWS at once.
    try_attempts = 3
    issuer = None

    def __init__(self, cloud: Cloud, order: AwsOrder) -> None:
        self._cloud = cloud
        self._order = order
        self._policy = order.policy or DEFAULT_NAME
        self._issued: CloudCertificate | None = None
        self.chain: list[x509.Certificate] = []

    def prepare(self, steps: Steps, look: Look) -> Target:
        order = self._order
        if self._cloud.elsewhere:
            who = (
                "--aws-endpoint-url" if order.endpoint_url else "$AWS_ENDPOINT_URL, or the AWS configuration"
            )
            steps.warn(f"AWS is not asked: {self._cloud.elsewhere} stands in for it ({who}).")
        self._cloud.sign_in()
        with steps.step("aws", "asking AWS IoT") as step:
            broker = self._endpoint()
            self._cloud.check_may_issue()
            step.meaning = (
                f"AWS IoT in {self._cloud.region}: credentials work, devices connect to {broker[0]}"
            )
        target = order.connection.target(order.thing, broker, amazon_roots(), order.thing)
        if order.connection.check_broker:
            look(target)
        present = self._cloud.policy(self._policy)
        anywhere = device_policy(f"{arn_prefix(self._cloud.region, '*')}:thing/{order.thing}")
        self._check_client_id(present or order.policy_document or anywhere)
        with steps.step("thing", "making the thing") as step:
            arn = self._cloud.thing(order.thing)
            step.meaning = f"thing {order.thing} is there"
        with steps.step("policy", "making the policy") as step:
            step.meaning = self._ensure_policy(arn, present)
        return target

    def issue(self, request: x509.CertificateSigningRequest, steps: Steps) -> Issued:
        with steps.step("certificate", "AWS IoT signs the certificate") as step:
            self._issued = self._cloud.issue(pem(request))
            certificate = library.certificate(self._issued.pem.encode(), "The certificate that AWS sent")
            step.meaning = (
                f"certificate issued by AWS IoT, valid until {when(certificate.not_valid_after_utc)}"
            )
        with steps.step("attach", "attaching policy and thing to the certificate") as step:
            self._cloud.attach(self._issued, self._policy, self._order.thing)
            step.meaning = f"policy {self._policy} and thing {self._order.thing} are attached to it"
        return Issued(certificate)

    def undo(self) -> list[str]:
        if self._issued is None:
            return []
        try:
            self._cloud.withdraw(self._issued, self._policy, self._order.thing)
        except AwsError as error:
            return [
                f"Certificate {self._issued.id} could not be taken back ({error.message}): "
                "deactivate and delete it in the AWS IoT console."
            ]
        return ["The certificate that AWS had issued was deactivated and deleted; thing and policy stay."]

    def _endpoint(self) -> tuple[str, int]:
        address = self._cloud.endpoint()
        return self._order.endpoint or parse_broker(address, MQTT_TLS_PORT)

    def _check_client_id(self, document: dict[str, Any]) -> None:
        """AWS cuts off who connects with another ID than the policy allows, without a word."""
        order = self._order
        client_id = order.connection.client_id or order.thing
        if may_connect(document, client_id, order.thing) is False:
            raise RefusedError(
                f"Policy {self._policy} does not let the thing {order.thing} connect with the client ID {client_id}: "
                "AWS would cut it off.",
                "Without --client-id it is the thing's name, as the tool's own policy wants it; --policy NAME and "
                "--policy-file FILE use a policy of yours.",
            )

    def _ensure_policy(self, thing_arn: str, present: dict[str, Any] | None) -> str:
        order = self._order
        wanted = order.policy_document if order.policy_document is not None else device_policy(thing_arn)
        if present is None:
            self._cloud.create_policy(self._policy, wanted)
            scope = (
                "yours" if order.policy_document else "a device may only be itself: its client ID, its topics"
            )
            return f"policy {self._policy} made ({scope})"
        if present == wanted:
            return f"policy {self._policy} is there, as it should be"
        if order.policy and not order.policy_document:
            return f"policy {self._policy} is there, and used as it is"
        raise RefusedError(
            f"There is a policy {self._policy} already, and it says something else: it is not overwritten.",
            f"Use it as it is: --policy {self._policy} without --policy-file; or give another name.",
        )

"""moto's registry: things, policies and (certificates.py) certificates, as strict as AWS is with a provisioner."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from threading import RLock
from typing import Any

from moto.iot.exceptions import (
    InvalidRequestException,
    ResourceAlreadyExistsException,
    VersionConflictException,
)
from moto.iot.models import (
    FakeCertificate,
    FakeEndpoint,
    FakePolicy,
    FakePolicyVersion,
    FakeThing,
    iot_backends,
)

from simcloud.certificates import Certificates, common_name, read_certificate
from simcloud.issuing import DeviceCa
from simcloud.journal import Journal
from simcloud.model import AwsError, check, service_model
from simcloud.policy import MalformedPolicy, Statement, parse

MAX_POLICIES_PER_PRINCIPAL = 10
MAX_ATTRIBUTES, MAX_ATTRIBUTES_WITHOUT_TYPE = 50, 3


@dataclass(frozen=True)
class Principal:
    """All that the broker has to know about a client's certificate."""

    status: str
    settled: bool  # whether what was changed last has reached the broker
    policies: Mapping[str, tuple[Statement, ...]]
    variables: Mapping[str, str]


@dataclass(frozen=True)
class Connectivity:
    """What fleet indexing knows of a thing's connection."""

    connected: bool
    timestamp: float
    reason: str
    client_id: str


class Registry(Certificates):
    """One account in one region. Hold `lock` while reading or calling: the API and the broker both do."""

    def __init__(
        self, region: str, account: str, device_ca: DeviceCa, endpoint: str, journal: Journal
    ) -> None:
        super().__init__(region, account, device_ca, journal)
        self.lock = RLock()
        self.settling_seconds = 0.0
        self._exclusive: set[tuple[str, str]] = set()  # (principal, thing)
        self._connectivity: dict[str, Connectivity] = {}  # by thing
        self._endpoint = endpoint
        iot_backends[account][region] = self

    def leave(self) -> None:
        """moto forgets this account."""
        iot_backends.pop(self.account_id, None)

    # --- things

    def create_thing(
        self,
        thing_name: str,
        thing_type_name: str,
        attribute_payload: dict[str, Any] | None,
        billing_group_name: str | None = None,
    ) -> FakeThing:
        """The same thing again is the same thing; another one of the same name is an error."""
        check("ThingName", "thingName", thing_name)
        existing = self.things.get(self.arn(f"thing/{thing_name}"))
        check_attributes((attribute_payload or {}).get("attributes", {}), typed=bool(thing_type_name))
        if not existing:
            return super().create_thing(thing_name, thing_type_name, attribute_payload, billing_group_name)
        type_name = existing.thing_type.thing_type_name if existing.thing_type else None
        wanted = (attribute_payload or {}).get("attributes", {})
        if (type_name, existing.attributes) != (thing_type_name or None, wanted):
            raise ResourceAlreadyExistsException(
                f"Thing {thing_name} already exists in account with different attributes",
                existing.thing_name,
                existing.arn,
            )
        return existing

    def change_thing(
        self,
        thing_name: str,
        thing_type_name: str | None,
        attribute_payload: dict[str, Any] | None,
        remove_thing_type: bool,
        expected_version: int | None,
    ) -> None:
        thing = self.describe_thing(thing_name)
        if expected_version is not None and expected_version != thing.version:
            raise VersionConflictException(thing_name)
        payload = attribute_payload or {}
        wanted = payload.get("attributes", {})
        after = (thing.attributes if payload.get("merge") or "attributes" not in payload else {}) | wanted
        after = {name: value for name, value in after.items() if value}
        typed = bool(thing_type_name or (thing.thing_type and not remove_thing_type))
        check_attributes(after, typed)
        self.update_thing(thing_name, thing_type_name or "", attribute_payload, remove_thing_type)
        thing.version += 1

    def describe_endpoint(self, endpoint_type: str) -> FakeEndpoint:
        """Whoever asks for another type gets an address at which nobody is."""
        endpoint = super().describe_endpoint(endpoint_type)
        ours = endpoint_type == "iot:Data-ATS"
        endpoint.endpoint = self._endpoint if ours else f"{endpoint.endpoint.split('.')[0]}.invalid"
        return endpoint

    # --- policies

    def create_policy(self, policy_name: str, policy_document: Any) -> FakePolicy:
        check("PolicyName", "policyName", policy_name)
        check_policy(policy_document)
        return super().create_policy(policy_name, policy_document)

    def create_policy_version(
        self, policy_name: str, policy_document: Any, set_as_default: bool
    ) -> FakePolicyVersion:
        check_policy(policy_document)
        return super().create_policy_version(policy_name, policy_document, set_as_default)

    def attach_policy(self, policy_name: str, target: str) -> None:
        attached = {policy.name for policy in self.list_attached_policies(target)}
        if len(attached | {policy_name}) > MAX_POLICIES_PER_PRINCIPAL:
            raise AwsError("LimitExceededException", f"{MAX_POLICIES_PER_PRINCIPAL} policies are attached")
        super().attach_policy(policy_name, target)
        self._changed[target] = time.monotonic()

    def attach_thing_principal(self, thing_name: str, principal_arn: str) -> None:
        self.attach_to_thing(thing_name, principal_arn, exclusive=False)

    def attach_to_thing(self, thing_name: str, principal_arn: str, exclusive: bool) -> None:
        """AWS does not say what becomes of an attachment of the other kind: here it has to be taken away first."""
        self._get_principal(principal_arn)
        attached = set(self.list_principal_things(principal_arn))
        others = attached - {thing_name}
        alone = {thing for principal, thing in self._exclusive if principal == principal_arn}
        if others and (exclusive or others & alone):
            raise InvalidRequestException("The principal is attached to another thing, exclusively or not")
        if thing_name in attached and exclusive != (thing_name in alone):
            raise InvalidRequestException("The principal is attached to the thing, and not like that")
        super().attach_thing_principal(thing_name, principal_arn)
        if exclusive:
            self._exclusive.add((principal_arn, thing_name))
        self._changed[principal_arn] = time.monotonic()

    def detach_thing_principal(self, thing_name: str, principal_arn: str) -> None:
        super().detach_thing_principal(thing_name, principal_arn)
        self._exclusive.discard((principal_arn, thing_name))

    def things_in(self, group_arn: str, recursive: bool = True) -> list[str]:
        """Names of a group's things, and of those in the groups below it."""
        group = self.thing_groups[group_arn]
        below = [
            one.arn for one in self.thing_groups.values() if one.parent_group_name == group.thing_group_name
        ]
        found = [str(arn).rpartition("/")[2] for arn in group.things]
        return found + [name for arn in below if recursive for name in self.things_in(arn)]

    def is_exclusive(self, thing_name: str, principal_arn: str) -> bool:
        return (principal_arn, thing_name) in self._exclusive

    def _get_principal(self, principal_arn: str) -> Any:
        if not re.match(r"arn:aws[a-z-]*:iot:[^:]*:[^:]*:(cert|thinggroup)/", principal_arn or ""):
            raise InvalidRequestException("Invalid principal")
        return super()._get_principal(principal_arn)

    # --- for the broker

    def principal(self, certificate_id: str, client_id: str) -> Principal | None:
        if claim := self._claims.get(certificate_id):
            standing = "ACTIVE" if self.now() < claim.until else "EXPIRED"
            return Principal(standing, True, claim.policies, {"iot:ClientId": client_id})
        self._forget_unclaimed()
        certificate = self.certificates.get(certificate_id)
        if not certificate:
            return None
        return Principal(
            certificate.status,
            time.monotonic() - self._changed.get(certificate.arn, 0.0) >= self.settling_seconds,
            {each.name: parse(str(each.document)) for each in self._effective_policies(certificate.arn)},
            self._variables(certificate, client_id),
        )

    def _effective_policies(self, arn: str) -> list[FakePolicy]:
        """A certificate's own, and those of the groups in which its things are."""
        things = set(self.list_principal_things(arn))
        groups = [arn for arn in self.thing_groups if things & set(self.things_in(arn))]
        return [each for target in (arn, *groups) for each in self.list_attached_policies(target)]

    def note_connectivity(self, certificate_id: str, client_id: str, connected: bool, reason: str) -> None:
        """A thing's client has come, or gone, or was turned away: told of the thing that has this name."""
        if self.arn(f"thing/{client_id}") in self.things:
            self._connectivity[client_id] = Connectivity(connected, time.time(), reason, client_id)

    def connectivity(self, thing_name: str) -> Connectivity | None:
        """None if it never connected; needs the fleet's index, as at AWS."""
        self.describe_thing(thing_name)
        indexing = self.get_indexing_configuration()["thingIndexingConfiguration"]
        if indexing.get("thingConnectivityIndexingMode") != "STATUS":
            raise AwsError("IndexNotReadyException", "Fleet indexing for thing connectivity is not enabled")
        return self._connectivity.get(thing_name)

    def _variables(self, certificate: FakeCertificate, client_id: str) -> dict[str, str]:
        """The thing is the one named like the client ID, and only if the certificate is attached to it."""
        subject = read_certificate(certificate.certificate_pem).subject
        attached = client_id in self.list_principal_things(certificate.arn)
        variables = {
            "iot:ClientId": client_id,
            "iot:Connection.Thing.IsAttached": str(attached).lower(),
            "iot:Certificate.Subject.CommonName": common_name(subject),
        }
        if attached:
            thing = self.describe_thing(client_id)
            variables["iot:Connection.Thing.ThingName"] = thing.thing_name
            if thing.thing_type:
                variables["iot:Connection.Thing.ThingTypeName"] = thing.thing_type.thing_type_name
            for key, value in thing.attributes.items():
                variables[f"iot:Connection.Thing.Attributes[{key}]"] = value
        return variables


def check_attributes(attributes: dict[str, str], typed: bool) -> None:
    """AWS allows a thing without a type three."""
    most = MAX_ATTRIBUTES if typed else MAX_ATTRIBUTES_WITHOUT_TYPE
    if len(attributes) > most:
        raise InvalidRequestException(f"Thing has more than {most} attributes")
    for key, value in attributes.items():
        check("AttributeName", "attributePayload.attributes.key", key)
        if not re.fullmatch(service_model().shape_for("AttributeValue").metadata["pattern"], value):
            raise InvalidRequestException(f"Attribute {key} has a value that is not allowed")


def check_policy(document: str) -> None:
    try:
        parse(document)
    except MalformedPolicy as problem:
        raise AwsError("MalformedPolicyException", f"Policy document is Malformed: {problem}") from problem

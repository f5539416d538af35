"""moto's registry of things, certificates and policies, as strict as AWS in what a provisioner calls."""

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from threading import RLock
from typing import Any

import botocore.session
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID
from moto.core.config import default_user_config
from moto.core.utils import utcnow
from moto.iot.exceptions import (
    InvalidRequestException,
    IoTClientError,
    ResourceAlreadyExistsException,
    VersionConflictException,
)
from moto.iot.models import (
    FakeCertificate,
    FakeEndpoint,
    FakePolicy,
    FakePolicyVersion,
    FakeThing,
    IoTBackend,
    iot_backends,
)

from simcloud.issuing import DeviceCa, RefusedCsr
from simcloud.journal import Decision, Journal
from simcloud.pki import PublicKey, pem
from simcloud.policy import MalformedPolicy, Statement, parse

MAX_POLICIES_PER_PRINCIPAL = 10
MAX_ATTRIBUTES, MAX_ATTRIBUTES_WITHOUT_TYPE = 50, 3
STATUSES = ("ACTIVE", "INACTIVE", "REVOKED")
SDK_NAMES = {"iotdata": "iot-data"}  # of services that sign by another name than boto3 has


class AwsError(IoTClientError):
    """An error by the name and HTTP status that AWS gives it."""

    def __init__(self, error: str, message: str) -> None:
        self.code = service_model().shape_for(error).metadata["error"]["httpStatusCode"]
        super().__init__(error, message)


@cache
def service_model(service: str = "iot") -> Any:
    """AWS's own description of an API: operations, errors, and what each parameter may look like."""
    return botocore.session.get_session().get_service_model(SDK_NAMES.get(service, service))


def check(shape: str, parameter: str, value: str) -> None:
    rules = service_model().shape_for(shape).metadata
    broken = None
    if not re.fullmatch(rules["pattern"], value):
        broken = f"satisfy regular expression pattern: {rules['pattern']}"
    elif not rules.get("min", 0) <= len(value) <= rules["max"]:
        broken = f"have length between {rules.get('min', 0)} and {rules['max']}"
    if broken:
        raise InvalidRequestException(
            f"1 validation error detected: Value '{value[:64]}' at '{parameter}' failed to satisfy "
            f"constraint: Member must {broken}"
        )


@dataclass(frozen=True)
class Principal:
    """All that the broker has to know about a client's certificate."""

    status: str
    settled: bool  # whether what was changed last has reached the broker
    policies: Mapping[str, tuple[Statement, ...]]
    variables: Mapping[str, str]


@dataclass(frozen=True)
class Claim:
    """A certificate of CreateProvisioningClaim, which no list has: what it may do, and until when."""

    until: float
    policies: Mapping[str, tuple[Statement, ...]]


@dataclass(frozen=True)
class Connectivity:
    """What fleet indexing knows of a thing's connection."""

    connected: bool
    timestamp: float
    reason: str
    client_id: str


class Registry(IoTBackend):
    """One account in one region. Hold `lock` while reading or calling: the API and the broker both do."""

    def __init__(
        self, region: str, account: str, device_ca: DeviceCa, endpoint: str, journal: Journal
    ) -> None:
        default_user_config["iot"]["use_valid_cert"] = True  # certificateId is the hash of the DER
        super().__init__(region, account)
        self.lock = RLock()
        self.settling_seconds = 0.0
        self._changed: dict[str, float] = {}  # when, by ARN
        self._exclusive: set[tuple[str, str]] = set()  # (principal, thing)
        self._connectivity: dict[str, Connectivity] = {}  # by thing
        self.ahead = 0.0  # seconds by which this cloud's clock is before the computer's
        self._unclaimed: dict[str, float] = {}  # certificates that wait to be registered, and until when
        self._claims: dict[str, Claim] = {}
        self.auto_registration: dict[str, bool] = {}  # by the CA's ID
        self.trust: Callable[[str], None] = lambda certificate_pem: None  # the broker's: TLS lets it in
        self.device_ca = device_ca
        self._endpoint = endpoint
        self._journal = journal
        iot_backends[account][region] = self

    def arn(self, resource: str) -> str:
        return f"arn:aws:iot:{self.region_name}:{self.account_id}:{resource}"

    def leave(self) -> None:
        """moto forgets this account."""
        iot_backends.pop(self.account_id, None)

    def now(self) -> float:
        """By this cloud's clock."""
        return time.time() + self.ahead

    # --- certificates

    def issue_pending(self, csr: str, until: float) -> FakeCertificate:
        """For a device that asks over MQTT: it waits to be registered, and is deleted if it isn't by then."""
        made = self.create_certificate_from_csr(csr, False)
        made.status = "PENDING_ACTIVATION"
        self._unclaimed[made.certificate_id] = until
        return made

    def settle_pending(self, certificate_id: str, status: str) -> None:
        """It was registered."""
        self._unclaimed.pop(certificate_id, None)
        self.update_certificate(certificate_id, status)

    def _forget_unclaimed(self) -> None:
        for identifier in [one for one, until in self._unclaimed.items() if until <= self.now()]:
            del self._unclaimed[identifier]
            found = self.certificates.get(identifier)
            if found and found.status == "PENDING_ACTIVATION":
                del self.certificates[identifier]

    def describe_certificate(self, certificate_id: str) -> FakeCertificate:
        self._forget_unclaimed()
        return super().describe_certificate(certificate_id)

    def list_certificates(self) -> Any:
        self._forget_unclaimed()
        return super().list_certificates()

    def add_claim(
        self, certificate_pem: str, until: float, policies: Mapping[str, tuple[Statement, ...]]
    ) -> str:
        """Its certificate's ID."""
        identifier = read_certificate(certificate_pem).fingerprint(SHA256()).hex()
        self._claims[identifier] = Claim(until, policies)
        return identifier

    def create_certificate_from_csr(self, csr: str, set_as_active: bool | str | None) -> FakeCertificate:
        """moto hands `setAsActive` on as it stands in the URL, where "false" is a string like any other."""
        check("CertificateSigningRequest", "certificateSigningRequest", csr)
        try:
            certificate = self.device_ca.issue(csr)
        except RefusedCsr as refusal:
            self._journal.write(Decision("CreateCertificateFromCsr", False, "-", "CSR", str(refusal)))
            raise InvalidRequestException("CSR violates constraints") from refusal
        active = str(set_as_active).lower() == "true"
        return self.register_certificate(
            pem(certificate).decode(), None, set_as_active=active, status="INACTIVE"
        )

    def _generate_certificate_pem(self, domain_name: str, subject: x509.Name, key: Any = None) -> str:
        """moto's create_keys_and_certificate comes here: its certificates are the CA's as well."""
        public_key: PublicKey = key.public_key()
        return pem(self.device_ca.certify(public_key)).decode()

    def register_certificate(
        self, certificate_pem: str, ca_certificate_pem: str | None, set_as_active: bool, status: str
    ) -> FakeCertificate:
        read_certificate(certificate_pem)
        registered = super().register_certificate(certificate_pem, ca_certificate_pem, set_as_active, status)
        return self._noted(registered)

    def _noted(self, registered: FakeCertificate) -> FakeCertificate:
        """With the certificate's own dates, which moto makes up, and by this cloud's clock."""
        validity = read_certificate(registered.certificate_pem)
        registered.validity_not_before = validity.not_valid_before_utc
        registered.validity_not_after = validity.not_valid_after_utc
        registered.creation_date += timedelta(seconds=self.ahead)
        registered.last_modified_date = registered.creation_date
        self._changed[registered.arn] = time.monotonic()
        return registered

    def register_from_ca(self, certificate_pem: str, ca_pem: str, status: str) -> FakeCertificate:
        """RegisterCertificate: only of a CA that is registered, and active."""
        certificate = read_certificate(certificate_pem)
        ca = next((one for one in self.ca_certificates.values() if same(one.certificate_pem, ca_pem)), None)
        if ca is None:
            raise AwsError("CertificateValidationException", "CA certificate not found for the certificate")
        if ca.status != "ACTIVE":
            raise AwsError("CertificateStateException", f"CA certificate is {ca.status}")
        if not issued(certificate, read_certificate(ca.certificate_pem)):
            raise AwsError("CertificateValidationException", "The certificate is not signed by the CA")
        if status not in ("ACTIVE", "INACTIVE"):
            raise InvalidRequestException(f"status {status} is not possible here")
        return self.register_certificate(certificate_pem, ca.certificate_pem, False, status)

    def register_ca(
        self,
        ca_pem: str,
        verification_pem: str | None,
        mode: str,
        active: bool,
        registers: bool = False,
        config: dict[str, str] | None = None,
    ) -> Any:
        """RegisterCACertificate: v3 with CA:TRUE, and proven to be the account's unless the mode is SNI_ONLY."""
        ca = read_certificate(ca_pem)
        if ca.version != x509.Version.v3 or not is_ca(ca):
            raise AwsError("CertificateValidationException", "CA certificate is not X.509 v3 with CA:TRUE")
        if mode == "SNI_ONLY" and verification_pem:
            raise InvalidRequestException("A verification certificate is not for SNI_ONLY")
        if mode != "SNI_ONLY":
            self._verify(ca, verification_pem)
        if any(same(one.certificate_pem, ca_pem) for one in self.ca_certificates.values()):
            raise InvalidRequestException("The CA certificate is already registered")
        found = super().register_ca_certificate(ca_pem, active, config or {})
        self.auto_registration[found.certificate_id] = registers
        self.trust(ca_pem)
        return found

    def newcomers_ca(self, certificate: x509.Certificate) -> Any:
        """The CA that has signed it and registers what it has signed, if there is one; None for who is known."""
        if certificate.fingerprint(SHA256()).hex() in self.certificates:
            return None
        return next(
            (
                one
                for one in self.ca_certificates.values()
                if one.status == "ACTIVE"
                and self.auto_registration.get(one.certificate_id)
                and issued(certificate, read_certificate(one.certificate_pem))
            ),
            None,
        )

    def _verify(self, ca: x509.Certificate, verification_pem: str | None) -> None:
        if not verification_pem:
            raise InvalidRequestException("A verification certificate is required")
        proof = read_certificate(verification_pem)
        if common_name(proof.subject) != self.get_registration_code() or not issued(proof, ca):
            raise AwsError("RegistrationCodeValidationException", "The registration code is not proven")

    def get_registration_code(self) -> str:
        """The account's: always the same."""
        return hashlib.sha256(f"{self.account_id} {self.region_name}".encode()).hexdigest()

    def register_certificate_without_ca(self, certificate_pem: str, status: str) -> FakeCertificate:
        read_certificate(certificate_pem)
        made = self._noted(super().register_certificate_without_ca(certificate_pem, status))
        self.trust(certificate_pem)
        return made

    def update_certificate(self, certificate_id: str, new_status: str) -> None:
        if new_status not in STATUSES:
            raise InvalidRequestException(f"newStatus {new_status} is not one of {', '.join(STATUSES)}")
        super().update_certificate(certificate_id, new_status)
        self.describe_certificate(certificate_id).last_modified_date = utcnow()

    def delete_certificate(self, certificate_id: str, force_delete: bool) -> None:
        arn = self.describe_certificate(certificate_id).arn
        super().delete_certificate(certificate_id, force_delete)
        for key in [key for key in self.principal_policies if key[0] == arn]:
            del self.principal_policies[key]

    def _validation_delete(self, cert: Any, force_delete: bool = False) -> None:
        """moto's own trips over a policy that is attached to a group."""
        if cert.status == "ACTIVE":
            message = "Certificate must be deactivated (not ACTIVE) before deletion."
            raise AwsError("CertificateStateException", message)
        if any(key[0] == cert.arn for key in self.principal_things):
            raise AwsError(
                "DeleteConflictException", f"Things must be detached before deletion (arn: {cert.arn})"
            )
        if not force_delete and any(key[0] == cert.arn for key in self.principal_policies):
            raise AwsError(
                "DeleteConflictException", f"Policies must be detached before deletion (arn: {cert.arn})"
            )

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
        self._get_principal(principal_arn)
        others = set(self.list_principal_things(principal_arn)) - {thing_name}
        alone = {thing for principal, thing in self._exclusive if principal == principal_arn}
        if others and (exclusive or others & alone):
            raise InvalidRequestException("The principal is attached to another thing, exclusively or not")
        super().attach_thing_principal(thing_name, principal_arn)
        if exclusive:
            self._exclusive.add((principal_arn, thing_name))
        self._changed[principal_arn] = time.monotonic()

    def detach_thing_principal(self, thing_name: str, principal_arn: str) -> None:
        super().detach_thing_principal(thing_name, principal_arn)
        self._exclusive.discard((principal_arn, thing_name))

    def is_exclusive(self, thing_name: str, principal_arn: str) -> bool:
        return (principal_arn, thing_name) in self._exclusive

    def _get_principal(self, principal_arn: str) -> Any:
        if not re.match(r"arn:aws:iot:[^:]*:[^:]*:(cert|thinggroup)/", principal_arn or ""):
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
        things = {self.arn(f"thing/{name}") for name in self.list_principal_things(arn)}
        groups = [one.arn for one in self.thing_groups.values() if things & set(one.things)]
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


def is_ca(certificate: x509.Certificate) -> bool:
    found = {type(each.value): each.value for each in certificate.extensions}
    basic, usage = found.get(x509.BasicConstraints), found.get(x509.KeyUsage)
    signs = not isinstance(usage, x509.KeyUsage) or usage.key_cert_sign
    return isinstance(basic, x509.BasicConstraints) and basic.ca and signs


def issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def same(one: str, other: str) -> bool:
    return read_certificate(one) == read_certificate(other)


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


@cache
def read_certificate(certificate_pem: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(certificate_pem.encode())
    except ValueError as error:
        raise AwsError("CertificateValidationException", "The certificate is not valid PEM") from error


def common_name(subject: x509.Name) -> str:
    return next((str(each.value) for each in subject.get_attributes_for_oid(NameOID.COMMON_NAME)), "")

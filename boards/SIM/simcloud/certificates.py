"""moto's registry of certificates and CAs, as strict as AWS in what a provisioner calls."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID
from moto.core.config import default_user_config
from moto.core.utils import utcnow
from moto.iot.exceptions import InvalidRequestException
from moto.iot.models import FakeCertificate, IoTBackend

from simcloud.issuing import DeviceCa, RefusedCsr
from simcloud.journal import Decision, Journal
from simcloud.model import AwsError, check, partition
from simcloud.pki import PublicKey, pem
from simcloud.policy import Statement

STATUSES = ("ACTIVE", "INACTIVE", "REVOKED")


@dataclass(frozen=True)
class Claim:
    """A certificate of CreateProvisioningClaim, which no list has: what it may do, and until when."""

    until: float
    policies: Mapping[str, tuple[Statement, ...]]


class Certificates(IoTBackend):
    """Those of one account in one region, and its clock."""

    def __init__(self, region: str, account: str, device_ca: DeviceCa, journal: Journal) -> None:
        default_user_config["iot"]["use_valid_cert"] = True  # certificateId is the hash of the DER
        super().__init__(region, account)
        self.ahead = 0.0  # seconds by which this cloud's clock is before the computer's
        self.auto_registration: dict[str, bool] = {}  # by the CA's ID
        self.trust: Callable[[str], None] = lambda certificate_pem: None  # the broker's: TLS lets it in
        self.device_ca = device_ca
        self._changed: dict[str, float] = {}  # when, by ARN
        self._unclaimed: dict[str, float] = {}  # certificates that wait to be registered, and until when
        self._claims: dict[str, Claim] = {}
        self._journal = journal

    def arn(self, resource: str) -> str:
        return f"arn:{partition(self.region_name)}:iot:{self.region_name}:{self.account_id}:{resource}"

    def now(self) -> float:
        """By this cloud's clock."""
        return time.time() + self.ahead

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


@cache
def read_certificate(certificate_pem: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(certificate_pem.encode())
    except ValueError as error:
        raise AwsError("CertificateValidationException", "The certificate is not valid PEM") from error


def common_name(subject: x509.Name) -> str:
    return next((str(each.value) for each in subject.get_attributes_for_oid(NameOID.COMMON_NAME)), "")

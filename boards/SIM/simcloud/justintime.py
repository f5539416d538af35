"""Just-in-time registration and provisioning: the first connection with a certificate of a CA that is registered.

It is registered, waits (PENDING_ACTIVATION), and somebody is told; if the CA has a template, that is run. The
connection itself is cut off either way: a device tries again.
"""

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from moto.core.exceptions import JsonRESTError

from simcloud.journal import Decision, Journal
from simcloud.provisioning import Provisioning
from simcloud.registry import Registry
from simcloud.services import Refused, Services

# What of a subject becomes which of AWS's parameters.
NAMES = {
    NameOID.COUNTRY_NAME: "Country",
    NameOID.ORGANIZATION_NAME: "Organization",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OrganizationalUnit",
    NameOID.DN_QUALIFIER: "DistinguishedNameQualifier",
    NameOID.STATE_OR_PROVINCE_NAME: "StateName",
    NameOID.COMMON_NAME: "CommonName",
    NameOID.SERIAL_NUMBER: "SerialNumber",
}


class JustInTime:
    def __init__(
        self, registry: Registry, provisioning: Provisioning, services: Services, journal: Journal
    ) -> None:
        self._registry = registry
        self._provisioning = provisioning
        self._services = services
        self._journal = journal

    def meet(self, der: bytes) -> bool:
        """A certificate that the registry doesn't have; whether it has it now."""
        certificate = x509.load_der_x509_certificate(der)
        with self._registry.lock:
            ca = self._registry.newcomers_ca(certificate)
            if ca is None:
                return False
            text = certificate.public_bytes(Encoding.PEM).decode()
            made = self._registry.register_certificate(text, ca.certificate_pem, False, "PENDING_ACTIVATION")
            self._tell(made, ca)
            if ca.registration_config:
                self._provision(made, ca, parameters(certificate))
        return True

    def _tell(self, made: object, ca: object) -> None:
        identifier, authority = made.certificate_id, ca.certificate_id  # type: ignore[attr-defined]
        moment = int(self._registry.now() * 1000)
        self._services.publish(
            f"$aws/events/certificates/registered/{authority}",
            {
                "certificateId": identifier,
                "caCertificateId": authority,
                "timestamp": moment,
                "certificateStatus": "PENDING_ACTIVATION",
                "awsAccountId": self._registry.account_id,
                "certificateRegistrationTimestamp": moment,
            },
        )
        self._note(True, f"certificate {identifier[:8]}… was registered by CA {authority[:8]}…")

    def _provision(self, made: object, ca: object, given: dict[str, str]) -> None:
        try:
            self._provisioning.just_in_time(made, ca.registration_config, given)  # type: ignore[attr-defined]
        except (Refused, JsonRESTError) as why:
            self._note(False, f"its template can't be run: {why}")

    def _note(self, allowed: bool, reason: str) -> None:
        self._journal.write(Decision("just in time", allowed, "-", "", reason))


def parameters(certificate: x509.Certificate) -> dict[str, str]:
    found = {NAMES[one.oid]: str(one.value) for one in certificate.subject if one.oid in NAMES}
    return {f"AWS::IoT::Certificate::{name}": value for name, value in found.items()}

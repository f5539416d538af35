"""One's own CA at AWS IoT: what AWS takes for one, its registration, and certificates that it has signed here."""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atecc.aws import certificates
from atecc.aws.certificates import ACTIVE, INACTIVE, Certificate
from atecc.aws.cloud import Cloud
from atecc.errors import AwsError, CertificateError, RefusedError
from atecc.x509.authority import LocalCA
from atecc.x509.keyfile import AskPassword
from atecc.x509.names import from_x509
from atecc.x509.requests import der, pem

if TYPE_CHECKING:
    from cryptography import x509

SNI_ONLY, DEFAULT = "SNI_ONLY", "DEFAULT"


@dataclass(frozen=True)
class OwnCa:
    """A CA in two files, which signs a device's certificate for `days` days."""

    certificate: Path
    key: Path
    ask_password: AskPassword
    days: int

    def load(self) -> LocalCA:
        """A CertificateError for what AWS would refuse, with the line that makes what it takes."""
        own = LocalCA.load(self.certificate, self.key, self.ask_password)
        check(own.certificate, self.certificate, self.key)
        return own


def check(certificate: x509.Certificate, file: Path, key: Path | None) -> None:
    """AWS IoT registers X.509 v3 with CA:TRUE; brokers take more."""
    from cryptography import x509

    why = ""
    if certificate.version == x509.Version.v1:
        why = "it is X.509 v1, which can't say that it is a CA"
    else:
        found = {type(one.value): one.value for one in certificate.extensions}
        basic, usage = found.get(x509.BasicConstraints), found.get(x509.KeyUsage)
        if not isinstance(basic, x509.BasicConstraints) or not basic.ca:
            why = "it lacks CA:TRUE"
        elif isinstance(usage, x509.KeyUsage) and not usage.key_cert_sign:
            why = "its key usage lacks keyCertSign"
    if why:
        raise CertificateError(
            f"AWS IoT does not take {file} as a CA: {why}. It wants X.509 v3 with CA:TRUE.",
            "This makes one for the same key; what was signed with it before is still signed by it:\n"
            f"  {openssl_line(certificate, file, key)}",
        )


def openssl_line(certificate: x509.Certificate, file: Path, key: Path | None) -> str:
    names = [(one.rfc4514_attribute_name, str(one.value)) for one in certificate.subject]
    subject = "".join(f"/{name}={value.replace('/', chr(92) + '/')}" for name, value in names)
    command = [
        "openssl",
        "req",
        "-x509",
        "-new",
        "-sha256",
        "-days",
        "3650",
        "-key",
        str(key or "ca.key.pem"),
    ]
    more = ["-subj", subject or "/CN=CA", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    return shlex.join(
        [*command, *more, "-out", str(file.with_name(f"{file.name.partition('.')[0]}-v3.crt.pem"))]
    )


# CAs that the account knows


def ca_id(certificate: x509.Certificate) -> str:
    """AWS names a CA's certificate as it does others: by its SHA-256."""
    return hashlib.sha256(der(certificate)).hexdigest()


def known(cloud: Cloud, certificate: x509.Certificate) -> dict[str, Any] | None:
    """What the account has of a CA, if it is registered."""
    try:
        got = cloud.ask("describe_ca_certificate", certificateId=ca_id(certificate))
    except AwsError as error:
        if error.kind != "aws-missing":
            raise
        return None
    description: dict[str, Any] = got["certificateDescription"]
    return description


def register_ca(
    cloud: Cloud,
    certificate: x509.Certificate,
    own: LocalCA | None,
    registers: bool = False,
    config: dict[str, str] | None = None,
) -> str:
    """Make it known, active; its ID. With its key (`own`) it is proven to be ours, without it SNI_ONLY.

    `registers`: devices' certificates are registered at their first connection, and wait for somebody to activate
    them (JITR), unless a template, which `config` names, does that (JITP: justintime.py).
    """
    params: dict[str, Any] = {"caCertificate": pem(certificate), "setAsActive": True}
    if own is None:
        params["certificateMode"] = SNI_ONLY
    else:
        code = str(cloud.ask("get_registration_code")["registrationCode"])
        params["verificationCertificate"] = _verification(own, code)
    if registers:
        params["allowAutoRegistration"] = True
    if config is not None:
        params["registrationConfig"] = config
    return str(cloud.change("register_ca_certificate", **params).get("certificateId", ca_id(certificate)))


def _verification(own: LocalCA, code: str) -> str:
    """A certificate whose CN is the account's code: who signs that has the CA's key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, code)])
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return pem(own.issue(request, 1))


# Certificates of it


def prepare(cloud: Cloud, own: LocalCA) -> str:
    """How it is going to be registered, in words; a RefusedError if AWS would let nobody in with it."""
    there = known(cloud, own.certificate)
    subject = from_x509(own.certificate.subject)
    if there is None:
        return f"CA {subject} is not registered: its certificate is, by itself"
    if there.get("status") != ACTIVE:
        raise RefusedError(
            f"The CA {subject} is registered at AWS, and {there.get('status')}: it takes no certificates of it.",
            f"`aws iot update-ca-certificate --certificate-id {ca_id(own.certificate)} --new-status ACTIVE`",
        )
    return f"CA {subject} is registered"


def register(cloud: Cloud, certificate: x509.Certificate, own: LocalCA) -> Certificate:
    """An inactive certificate at AWS, attached to nothing. Its ID is known before: asked twice, there is still one."""
    params: dict[str, Any] = {"certificatePem": pem(certificate), "status": INACTIVE}
    try:
        if known(cloud, own.certificate) is None:
            cloud.change("register_certificate_without_ca", **params)
        else:
            cloud.change("register_certificate", caCertificatePem=pem(own.certificate), **params)
    except AwsError as error:
        if error.kind != "aws-exists":
            raise
    found = certificates.describe(cloud, certificates.certificate_id(pem(certificate)))
    if found is None:
        raise AwsError("AWS says that it has registered the certificate, and does not know it.", "Try again.")
    return found

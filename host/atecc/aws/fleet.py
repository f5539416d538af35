"""Fleet provisioning: what AWS needs so that devices have themselves registered, and renew their certificates.

A template says what becomes of a device, a role lets AWS IoT do it, and a hook (functions/hook.py) decides who gets a
certificate, and for which thing. A claim is a certificate that may ask for one, and nothing else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atecc.aws import certificates, confirming, deploy, signing
from atecc.aws.certificates import ACTIVE, INACTIVE, Certificate
from atecc.aws.cloud import Cloud
from atecc.aws.granting import Granting
from atecc.aws.policy import DEFAULT_NAME, arn_prefix
from atecc.aws.registry import CHIP
from atecc.errors import ArgumentError, AwsError, CertificateError, RefusedError

if TYPE_CHECKING:
    from cryptography import x509

CREATE = "$aws/certificates/create-from-csr"
CLIENT = "claim-"  # and the chip's serial number: whom a claim connects as
REGISTERS_THINGS = "AWSIoTThingsRegistration"
WRITES_LOGS = "AWSLambdaBasicExecutionRole"
LONGEST_NAME = 36


@dataclass(frozen=True)
class Fleet:
    """Things are named `prefix` and the chip's serial number. listed: only those that are in the registry already."""

    template: str = "atecc"
    prefix: str = ""
    listed: bool = False

    @property
    def claim_policy(self) -> str:
        return f"{self.template}-claim"

    @property
    def renewal_policy(self) -> str:
        return f"{self.template}-renewal"

    def role(self, region: str) -> deploy.Role:
        return deploy.Role(f"{self.template}-provisioning-{region}", "iot.amazonaws.com", REGISTERS_THINGS)

    def hook(self, region: str) -> deploy.Function:
        name = f"{self.template}-hook"
        listed = ("PrincipalThings", "ThingPrincipals", "JobExecutionsForThing")
        asks = [f"iot:List{what}" for what in listed] + ["iot:GetJobDocument", "iot:DescribeCertificate"]
        role = deploy.Role(
            f"{name}-{region}",
            "lambda.amazonaws.com",
            WRITES_LOGS,
            [{"Effect": "Allow", "Action": asks, "Resource": "*"}],
        )
        environment = {"PREFIX": self.prefix, "LISTED": "yes" if self.listed else "no"}
        return deploy.Function(name, "hook", role, environment)

    @property
    def body(self) -> dict[str, Any]:
        """What becomes of a device: its thing, which stays as it is if there is one, its certificate, two policies."""
        texts = {"ThingName": {"Type": "String"}, "SerialNumber": {"Type": "String", "Default": "unknown"}}
        thing = {
            "ThingName": {"Ref": "ThingName"},
            "AttributePayload": {CHIP: {"Ref": "SerialNumber"}},
        }
        own = {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "ACTIVE"}
        keep = {"AttributePayload": "DO_NOTHING"}
        return {
            "Parameters": texts | {"AWS::IoT::Certificate::Id": {"Type": "String"}},
            "Resources": {
                "thing": {"Type": "AWS::IoT::Thing", "Properties": thing, "OverrideSettings": keep},
                "certificate": {"Type": "AWS::IoT::Certificate", "Properties": own},
                "device": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": DEFAULT_NAME}},
                "renewal": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": self.renewal_policy}},
            },
        }

    def asking(self, prefix: str) -> list[dict[str, Any]]:
        """Statements of a policy: ask for a certificate by this template, and hear the answer."""
        topics = [f"{CREATE}/json", f"$aws/provisioning-templates/{self.template}/provision/json"]
        answers = [f"{topic}/{ending}" for topic in topics for ending in ("accepted", "rejected")]
        return [
            _allow("iot:Publish", [f"{prefix}:topic/{topic}" for topic in topics]),
            _allow("iot:Receive", [f"{prefix}:topic/{topic}" for topic in answers]),
            _allow("iot:Subscribe", [f"{prefix}:topicfilter/{topic}" for topic in answers]),
        ]

    def claiming(self, prefix: str) -> list[dict[str, Any]]:
        return [_allow("iot:Connect", [f"{prefix}:client/{CLIENT}*"]), *self.asking(prefix)]


def check_template(name: str) -> None:
    if not 1 <= len(name) <= LONGEST_NAME or not all(
        c.isascii() and (c.isalnum() or c in "_-") for c in name
    ):
        raise ArgumentError(
            f"{name!r} is not possible as a template's name.",
            f"AWS allows 1 to {LONGEST_NAME} of these: letters, digits, underscore, hyphen.",
        )


def _allow(action: str, resources: list[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resources}


def _policy(statements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}


# Made


def set_up(cloud: Cloud, fleet: Fleet, signer: bytes | None = None) -> None:
    """All of it is there afterwards. What is missing is made, the functions are replaced by this version's.

    signer: the user's file (signing.read_signer). Without one, a signer that is there stays as it is.
    """
    parts(cloud, fleet.template)  # tells the account, if anything is there
    role = deploy.ensure_role(cloud, fleet.role(cloud.region))
    prefix = arn_prefix(cloud.region, cloud.account)
    Granting(cloud, DEFAULT_NAME, None).ensure(f"{prefix}:thing/any")
    _ensure_policy(cloud, fleet.renewal_policy, _policy(fleet.asking(prefix)))
    _ensure_policy(cloud, fleet.claim_policy, _policy(fleet.claiming(prefix)))
    hook = fleet.hook(cloud.region)
    arn = deploy.ensure_function(cloud, hook)
    deploy.ensure_permission(cloud, hook, f"{prefix}:provisioningtemplate/{fleet.template}")
    _ensure_template(cloud, fleet, role, arn)
    confirming.hearing(fleet.template, cloud.region).ensure(cloud)
    if signer is not None:
        signing.hearing(fleet.template, cloud.region, signer).ensure(cloud)


def _ensure_policy(cloud: Cloud, name: str, wanted: dict[str, Any]) -> None:
    there = cloud.policy(name)
    if there is None:
        cloud.create_policy(name, wanted)
    elif there != wanted:
        raise RefusedError(
            f"There is a policy {name} already, and it says something else: it is left as it is.",
            "--template NAME gives all of it another name.",
        )


def _ensure_template(cloud: Cloud, fleet: Fleet, role: str, hook: str) -> None:
    body = json.dumps(fleet.body)
    wanted = {"provisioningRoleArn": role, "preProvisioningHook": {"targetArn": hook}, "enabled": True}
    there = find_template(cloud, fleet.template)
    if there is None:
        cloud.change(
            "create_provisioning_template",
            templateName=fleet.template,
            description="made by atecc",
            templateBody=body,
            **wanted,
        )
        return
    if json.loads(there["templateBody"]) != fleet.body:
        raise RefusedError(
            f"There is a provisioning template {fleet.template} already, and it says something else.",
            "--template NAME gives all of it another name.",
        )
    now = {name: there.get(name) for name in wanted}
    now["preProvisioningHook"] = {"targetArn": (there.get("preProvisioningHook") or {}).get("targetArn")}
    if now != wanted:
        cloud.change("update_provisioning_template", templateName=fleet.template, **wanted)


def find_template(cloud: Cloud, name: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = cloud.found("describe_provisioning_template", templateName=name)
    if found is not None:
        cloud.account = str(found["templateArn"]).split(":")[4]
    return found


# Shown


def parts(cloud: Cloud, name: str) -> tuple[Fleet, dict[str, str]]:
    """What there is of a fleet: its settings, and each part with its name, "" where it is missing. Those of a signer,
    which a fleet need not have, are there if one of them is."""
    fleet = Fleet(name)
    template, role = find_template(cloud, name), fleet.role(cloud.region)
    if template is not None and template.get("type") == "JITP":
        raise RefusedError(
            f"The provisioning template {name} is none of a fleet, but one of just-in-time provisioning.",
            "`atecc aws fleet remove --jitp` takes away what `atecc aws ca register --jitp` has made.",
        )
    hook = fleet.hook(cloud.region)
    function = deploy.find_function(cloud, hook)
    if function is not None:
        said = function.get("Environment", {}).get("Variables", {})
        fleet = Fleet(name, str(said.get("PREFIX", "")), said.get("LISTED") == "yes")
    found = {
        "template": name if template else "",
        "provisioning role": role.name if deploy.find_role(cloud, role) else "",
        "hook": hook.name if function else "",
        "hook's role": hook.role.name if deploy.find_role(cloud, hook.role) else "",
        "claim policy": fleet.claim_policy if cloud.policy(fleet.claim_policy) is not None else "",
        "renewal policy": fleet.renewal_policy if cloud.policy(fleet.renewal_policy) is not None else "",
    }
    found |= confirming.hearing(name, cloud.region).parts(cloud)
    signer = signing.hearing(name, cloud.region).parts(cloud)
    return fleet, found | (signer if any(signer.values()) else {})


def purposes(fleet: Fleet, region: str) -> dict[str, str]:
    """What each part is for, by its name."""
    hook = fleet.hook(region)
    found = {
        fleet.role(region).name: "with it AWS IoT registers devices",
        DEFAULT_NAME: "what a device may do",
        fleet.renewal_policy: "a device may ask for its next certificate",
        fleet.claim_policy: "a claim may ask for a device's certificate",
        hook.name: "decides who gets a certificate",
        hook.role.name: "what the hook may do",
        fleet.template: "what becomes of a device",
    }
    heard = {
        confirming.hearing: ("hears devices that have renewed theirs", "retires the certificates before"),
        signing.hearing: ("hears devices that ask the signer", "has your signer sign for a device"),
    }
    for hearing, (hears, does) in heard.items():
        one = hearing(fleet.template, region)
        found |= {one.rule: hears, one.function.name: does}
        found[one.function.role.name] = f"what {one.function.name} may do"
    return found


def targets(cloud: Cloud, policy: str) -> list[str]:
    """The ARNs of certificates that have it."""
    if cloud.policy(policy) is None:
        return []
    return [
        arn for arn in cloud.pages("list_targets_for_policy", "targets", policyName=policy) if ":cert/" in arn
    ]


# Taken away


def remove(cloud: Cloud, fleet: Fleet) -> None:
    """All of it, with the claims; devices keep their certificates, and can't renew them by this template any more."""
    hook = fleet.hook(cloud.region)
    if find_template(cloud, fleet.template) is not None:
        cloud.change("delete_provisioning_template", templateName=fleet.template)
    deploy.remove_function(cloud, hook)
    for one in (confirming, signing):
        one.hearing(fleet.template, cloud.region).remove(cloud)
    deploy.remove_role(cloud, fleet.role(cloud.region))
    for arn in targets(cloud, fleet.claim_policy):
        certificates.withdraw(cloud, arn.rpartition("/")[2], arn)
    for arn in targets(cloud, fleet.renewal_policy):
        cloud.if_there("detach_policy", policyName=fleet.renewal_policy, target=arn)
    for name in (fleet.claim_policy, fleet.renewal_policy):
        cloud.if_there("delete_policy", policyName=name)


# Claims


@dataclass(frozen=True)
class Claim:
    """What a device asks with: certificate and chain (DER), key (DER, or the slot where the chip has it), and until
    when, if that is known (Unix seconds)."""

    certificates: list[bytes]
    key: bytes | int
    until: int | None = None


def claim_for_minutes(cloud: Cloud, template: str) -> Claim:
    """One that AWS makes for somebody it trusts; it is good for five minutes."""
    from cryptography.hazmat.primitives import serialization

    from atecc.x509 import library
    from atecc.x509.requests import der

    got = cloud.found("create_provisioning_claim", templateName=template)
    if got is None:
        raise missing(template)
    what = "The claim's certificate that AWS sent"
    certificate = library.certificate(got["certificatePem"].encode(), what)
    key = library.private_key(got["keyPair"]["PrivateKey"].encode(), None)
    secret = key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    return Claim([der(certificate)], secret, int(certificates.seconds_of(got["expiration"])))


def read_claim(certificate: Path, key: Path) -> Claim:
    """One from files; its key has no password, for the board would have nobody to ask."""
    from cryptography.hazmat.primitives import serialization

    from atecc.x509.keyfile import load_certificates, load_private_key
    from atecc.x509.requests import der

    def nobody(_question: str) -> bytes:
        raise CertificateError(f"The claim's key in {key} has a password, which a board can't be asked for.")

    private = load_private_key(key, nobody)
    found = load_certificates(certificate)[0]
    public = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*public) != found.public_key().public_bytes(*public):
        raise CertificateError(f"The key in {key} is not that of the certificate in {certificate}.")
    secret = private.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    return Claim([der(found)], secret)


def make_claim(cloud: Cloud, fleet: Fleet) -> tuple[Certificate, bytes]:
    """One for a whole batch, that lives until it is taken away: its certificate at AWS, and its key (PEM)."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    from atecc.x509.requests import pem

    if cloud.policy(fleet.claim_policy) is None:
        raise missing(fleet.template)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, fleet.claim_policy)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    issuing = certificates.Issuing(cloud, pem(request), certificates.key_id(key.public_key()), cloud.now())
    made = issuing.issue()
    try:
        cloud.change("attach_policy", policyName=fleet.claim_policy, target=made.arn)
        certificates.set_status(cloud, made.id, ACTIVE)
    except AwsError:
        certificates.withdraw(cloud, made.id, made.arn)
        raise
    return made, secret


def admit(cloud: Cloud, template: str, certificate: x509.Certificate) -> Certificate | None:
    """Let a chip's own certificate be a claim; what was made for that, or None if the account knows it already."""
    from atecc.x509.requests import pem

    fleet = Fleet(template)
    identifier = certificates.certificate_id(pem(certificate))
    if certificates.describe(cloud, identifier) is not None:
        return None
    if cloud.policy(fleet.claim_policy) is None:
        raise missing(template)
    cloud.change("register_certificate_without_ca", certificatePem=pem(certificate), status=INACTIVE)
    made = certificates.describe(cloud, identifier)
    if made is None:
        raise AwsError("AWS says that it has registered the certificate, and does not know it.", "Try again.")
    cloud.change("attach_policy", policyName=fleet.claim_policy, target=made.arn)
    certificates.set_status(cloud, identifier, ACTIVE)
    return made


def missing(template: str) -> RefusedError:
    return RefusedError(
        f"There is no fleet {template} in this account and region.",
        f"`atecc aws fleet setup{'' if template == Fleet.template else ' --template ' + template}` makes it.",
    )

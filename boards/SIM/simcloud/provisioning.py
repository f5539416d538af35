"""Fleet provisioning: templates and claims for the API, and the two requests that a device makes over MQTT.

A device has a certificate issued for its request, which waits (PENDING_ACTIVATION) with a token that ends after an
hour; with the token it has itself registered, as a template says, if the template's hook allows it.
"""

import json
import secrets
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from simcloud.functions import Functions
from simcloud.model import AwsError, check
from simcloud.own import Handler, page
from simcloud.pki import pem
from simcloud.policy import parse as parse_policy
from simcloud.registry import Registry
from simcloud.roles import Roles
from simcloud.services import Document, Refused, Request, Services
from simcloud.template import CERTIFICATE_ID, Filled, MalformedTemplate, Template, Unfilled, fill
from simcloud.template import parse as parse_template

IOT = "iot.amazonaws.com"
TOKEN_SECONDS = 3600
CLAIM_SECONDS = 300
HOOK_SECONDS = 5.0
HOOK_VERSION = "2020-04-01"
CREATE = r"\$aws/certificates/create-from-csr/json"
REGISTER = r"\$aws/provisioning-templates/(?P<template>[^/]+)/provision/json"
LARGEST_PAGE = 250

Params = dict[str, Any]


@dataclass
class Kept:
    """A template of the account, with its versions."""

    name: str
    arn: str
    role: str
    enabled: bool
    hook: Params | None
    kind: str
    description: str
    created: float
    bodies: dict[int, str] = field(default_factory=dict)
    default: int = 1

    @property
    def template(self) -> Template:
        return parse_template(self.bodies[self.default])


@dataclass(frozen=True)
class Token:
    certificate_id: str
    until: float


class Provisioning:
    def __init__(self, registry: Registry, functions: Functions, roles: Roles) -> None:
        self._registry = registry
        self._functions = functions
        self._roles = roles
        self._templates: dict[str, Kept] = {}
        self._tokens: dict[str, Token] = {}
        self.handlers: dict[str, Handler] = {
            "CreateProvisioningTemplate": self._create,
            "CreateProvisioningTemplateVersion": self._create_version,
            "DescribeProvisioningTemplate": self._describe,
            "ListProvisioningTemplates": self._list,
            "UpdateProvisioningTemplate": self._update,
            "DeleteProvisioningTemplate": self._delete,
            "CreateProvisioningClaim": self._claim,
        }

    def serve(self, services: Services) -> None:
        services.offer("mqtt:CreateCertificateFromCsr", CREATE, self._certificate, rejection)
        services.offer("mqtt:RegisterThing", REGISTER, self._register, rejection)

    # --- templates

    def _find(self, name: str) -> Kept:
        if name not in self._templates:
            raise AwsError("ResourceNotFoundException", f"Provisioning template not found: {name}")
        return self._templates[name]

    def _create(self, params: Params) -> Params:
        name = params["templateName"]
        check("TemplateName", "templateName", name)
        if name in self._templates:
            raise AwsError("ResourceAlreadyExistsException", f"Template {name} already exists")
        kind = params.get("type", "FLEET_PROVISIONING")
        arn = self._registry.arn(f"provisioningtemplate/{name}")
        self._check_role(params["provisioningRoleArn"])
        self._check_hook(params.get("preProvisioningHook"), arn, kind)
        self._check_body(params["templateBody"], kind)
        made = Kept(
            name, arn, params["provisioningRoleArn"], bool(params.get("enabled")),
            params.get("preProvisioningHook"), kind, params.get("description", ""), self._registry.now(),
            {1: params["templateBody"]},
        )  # fmt: skip
        self._templates[name] = made
        return {"templateArn": arn, "templateName": name, "defaultVersionId": 1}

    def _check_role(self, arn: str) -> None:
        if not self._roles.trusts(arn, IOT):
            raise AwsError("InvalidRequestException", f"Role {arn} can't be assumed by {IOT}")

    def _check_hook(self, hook: Params | None, template_arn: str, kind: str) -> None:
        if hook is None:
            return
        if kind != "FLEET_PROVISIONING":
            raise AwsError("InvalidRequestException", "Only a template for fleet provisioning has a hook")
        if hook.get("payloadVersion", HOOK_VERSION) != HOOK_VERSION:
            raise AwsError("InvalidRequestException", "payloadVersion is not possible")
        if not self._functions.may_invoke(hook["targetArn"], IOT, template_arn):
            message = f"AWS IoT may not invoke the pre-provisioning hook {hook['targetArn']}"
            raise AwsError("InvalidRequestException", message)

    @staticmethod
    def _check_body(body: str, kind: str) -> None:
        try:
            template = parse_template(body)
            certificate = template.of("AWS::IoT::Certificate")[0].properties
            if certificate["CertificateId"] != {"Ref": CERTIFICATE_ID}:
                raise MalformedTemplate(f"CertificateId has to refer to {CERTIFICATE_ID}")
            undeclared = set(template.names) - set(template.defaults)
            if kind == "JITP" and undeclared:
                raise MalformedTemplate(f"{min(undeclared)} is none of its parameters")
        except MalformedTemplate as problem:
            raise AwsError("InvalidRequestException", f"Template body is malformed: {problem}") from problem

    def _create_version(self, params: Params) -> Params:
        kept = self._find(params["templateName"])
        self._check_body(params["templateBody"], kept.kind)
        version = max(kept.bodies) + 1
        if len(kept.bodies) >= 5:
            raise AwsError("VersionsLimitExceededException", "A template has at most five versions")
        kept.bodies[version] = params["templateBody"]
        if params.get("setAsDefault"):
            kept.default = version
        return {
            "templateArn": kept.arn,
            "templateName": kept.name,
            "versionId": version,
            "isDefaultVersion": kept.default == version,
        }

    def _describe(self, params: Params) -> Params:
        kept = self._find(params["templateName"])
        hook = {"preProvisioningHook": {"payloadVersion": HOOK_VERSION} | kept.hook} if kept.hook else {}
        return {
            **self._listed(kept),
            "defaultVersionId": kept.default,
            "templateBody": kept.bodies[kept.default],
            "provisioningRoleArn": kept.role,
            **hook,
        }

    @staticmethod
    def _listed(kept: Kept) -> Params:
        return {
            "templateArn": kept.arn,
            "templateName": kept.name,
            "description": kept.description,
            "creationDate": kept.created,
            "lastModifiedDate": kept.created,
            "enabled": kept.enabled,
            "type": kept.kind,
        }

    def _list(self, params: Params) -> Params:
        size = int(params.get("maxResults") or LARGEST_PAGE)
        found, token = page(
            map(self._listed, sorted(self._templates.values(), key=lambda one: one.name)),
            size,
            params.get("nextToken"),
        )
        return {"templates": found, "nextToken": token}

    def _update(self, params: Params) -> None:
        kept = self._find(params["templateName"])
        if (role := params.get("provisioningRoleArn")) is not None:
            self._check_role(role)
            kept.role = role
        if (hook := params.get("preProvisioningHook")) is not None:
            self._check_hook(hook, kept.arn, kept.kind)
            kept.hook = hook
        if params.get("removePreProvisioningHook"):
            kept.hook = None
        if (version := params.get("defaultVersionId")) is not None:
            if version not in kept.bodies:
                raise AwsError("ResourceNotFoundException", f"Version {version} not found")
            kept.default = version
        kept.enabled = params.get("enabled", kept.enabled)
        kept.description = params.get("description", kept.description)

    def _delete(self, params: Params) -> None:
        del self._templates[self._find(params["templateName"]).name]

    # --- a claim by somebody who is trusted

    def _claim(self, params: Params) -> Params:
        kept = self._find(params["templateName"])
        if not kept.enabled or kept.kind != "FLEET_PROVISIONING":
            raise AwsError("InvalidRequestException", f"Template {kept.name} is not enabled, or not for that")
        key = rsa.generate_private_key(65537, 2048)
        public = key.public_key()
        certificate_pem = pem(self._registry.device_ca.certify(public)).decode()
        until = self._registry.now() + CLAIM_SECONDS
        prefix = self._registry.arn("")
        identifier = self._registry.add_claim(
            certificate_pem, until, {f"claim of {kept.name}": parse_policy(claim_policy(prefix, kept.name))}
        )
        public_pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
        return {
            "certificateId": identifier,
            "certificatePem": certificate_pem,
            "keyPair": {"PublicKey": public_pem, "PrivateKey": private},
            "expiration": until,
        }

    # --- just in time

    def checked_config(self, config: Params | None) -> Params | None:
        """What a CA's registration may set off, if it can."""
        if config is not None:
            self._check_role(config.get("roleArn", ""))
            self._body(config)
        return config

    def _body(self, config: Params) -> str:
        if name := config.get("templateName"):
            kept = self._find(name)
            if kept.kind != "JITP":
                raise AwsError("InvalidRequestException", f"Template {name} is not of type JITP")
            return kept.bodies[kept.default]
        body = config.get("templateBody", "")
        self._check_body(body, "JITP")
        return str(body)

    def just_in_time(self, certificate: Any, config: Params, given: dict[str, str]) -> None:
        """Run a CA's template for a certificate that it has signed; the registry's lock is held."""
        if not self._roles.registers_things(config["roleArn"]):
            raise Refused(403, "AccessDenied", "The provisioning role may not register things")
        own = given | {CERTIFICATE_ID: certificate.certificate_id}
        try:
            filled = fill(parse_template(self._body(config)), {}, own)
        except Unfilled as missing:
            raise Refused(400, "InvalidParameters", f"The certificate has no {missing}") from missing
        self._made(filled, certificate)

    # --- over MQTT

    def _certificate(self, request: Request) -> Document:
        """CreateCertificateFromCsr."""
        csr = request.document.get("certificateSigningRequest")
        if not isinstance(csr, str):
            raise Refused(400, "InvalidCsr", "certificateSigningRequest is missing")
        with self._registry.lock:
            until = self._registry.now() + TOKEN_SECONDS
            issued = self._registry.issue_pending(csr, until)
            token = secrets.token_urlsafe(384)
            self._tokens[token] = Token(issued.certificate_id, until)
        return {
            "certificateId": issued.certificate_id,
            "certificatePem": issued.certificate_pem,
            "certificateOwnershipToken": token,
        }

    def _register(self, request: Request) -> Document:
        """RegisterThing."""
        document = request.document
        given = document.get("parameters", {})
        if not isinstance(given, dict) or not all(isinstance(one, str) for one in given.values()):
            raise Refused(400, "InvalidParameters", "parameters isn't an object of texts")
        with self._registry.lock:
            kept = self._templates.get(request.parts["template"])
            if kept is None or not kept.enabled or kept.kind != "FLEET_PROVISIONING":
                raise Refused(404, "ResourceNotFound", "There is no such template, or it is not enabled")
            token = self._checked(document.get("certificateOwnershipToken"))
            certificate = self._registry.describe_certificate(token.certificate_id)
        given = self._asked(kept, request, certificate, given)
        with self._registry.lock:
            filled = self._filled(kept, certificate, given)
            if not self._roles.registers_things(kept.role):
                raise Refused(403, "AccessDenied", "The provisioning role may not register things")
            self._checked(document["certificateOwnershipToken"])
            made = self._made(filled, certificate)
            del self._tokens[document["certificateOwnershipToken"]]
        return made

    def _checked(self, text: Any) -> Token:
        """The token, if it is one that was given, not yet used, and not too old."""
        token = self._tokens.get(text) if isinstance(text, str) else None
        if token is None or self._registry.now() >= token.until:
            raise Refused(400, "InvalidCertificateOwnershipToken", "The token is not valid")
        if token.certificate_id not in self._registry.certificates:
            raise Refused(400, "InvalidCertificateOwnershipToken", "Its certificate is gone")
        return token

    def _asked(self, kept: Kept, request: Request, certificate: Any, given: Document) -> Document:
        """The parameters with which the hook lets it go on; it is asked without the registry's lock."""
        if kept.hook is None:
            return given
        event = {
            "claimCertificateId": request.sender.certificate_id,
            "certificateId": certificate.certificate_id,
            "certificatePem": certificate.certificate_pem,
            "templateArn": kept.arn,
            "clientId": request.sender.client_id,
            "parameters": given,
        }
        arn = kept.hook["targetArn"]
        why = "AWS IoT may not invoke it"
        if self._functions.may_invoke(arn, IOT, kept.arn):
            try:
                answer = self._functions.invoke(arn, event, HOOK_SECONDS)
            except TooLate:
                why = "it took too long"
            except BaseException as error:
                why = f"it raised {error!r}"
            else:
                if isinstance(answer, dict) and answer.get("allowProvisioning") is True:
                    return given | (answer.get("parameterOverrides") or {})
                why = f"it answered {json.dumps(answer)}"
        raise Refused(403, "ACCESS_DENIED", f"Pre-provisioning hook: {why}")

    @staticmethod
    def _filled(kept: Kept, certificate: Any, given: Document) -> Filled:
        try:
            return fill(kept.template, given, {CERTIFICATE_ID: certificate.certificate_id})
        except Unfilled as missing:
            raise Refused(400, "InvalidParameters", f"The parameter {missing} is missing") from missing

    def _made(self, filled: Filled, certificate: Any) -> Document:
        """Thing, policies and certificate as the template wants them; whatever can't be is Refused before."""
        registry = self._registry
        arn = certificate.arn
        for policy in filled.policies:
            if policy.get("PolicyName") is not None and policy["PolicyName"] not in registry.policies:
                raise Refused(400, "InvalidParameters", f"There is no policy {policy['PolicyName']}")
        thing = filled.thing and self._thing(filled.thing, filled.overrides)
        for policy in filled.policies:
            registry.attach_policy(
                policy.get("PolicyName") or self._own_policy(policy["PolicyDocument"]), arn
            )
        if thing:
            registry.attach_to_thing(thing, arn, exclusive=False)
        registry.settle_pending(certificate.certificate_id, filled.status)
        return {"deviceConfiguration": filled.configuration} | ({"thingName": thing} if thing else {})

    def _thing(self, wanted: Params, overrides: Params) -> str:
        registry, name = self._registry, str(wanted["ThingName"])
        attributes, kind = wanted.get("AttributePayload", {}), wanted.get("ThingTypeName")
        if registry.arn(f"thing/{name}") not in registry.things:
            registry.create_thing(name, kind or "", {"attributes": attributes})
        else:
            thing = registry.describe_thing(name)
            how = overrides.get("AttributePayload", "FAIL")
            if attributes and how == "FAIL" and not attributes.items() <= thing.attributes.items():
                raise Refused(409, "ResourceAlreadyExists", f"Thing {name} has other attributes")
            kept = thing.thing_type.thing_type_name if thing.thing_type else None
            if kind and kind != kept and overrides.get("ThingTypeName", "FAIL") == "FAIL":
                raise Refused(409, "ResourceAlreadyExists", f"Thing {name} has another type")
            if attributes and how in ("MERGE", "REPLACE"):
                registry.change_thing(
                    name, None, {"attributes": attributes, "merge": how == "MERGE"}, False, None
                )
        for group in wanted.get("ThingGroups", []):
            if registry.arn(f"thinggroup/{group}") not in registry.thing_groups:
                raise Refused(400, "InvalidParameters", f"There is no thing group {group}")
            registry.add_thing_to_thing_group(group, None, name, None)
        return name

    def _own_policy(self, document: Any) -> str:
        text = document if isinstance(document, str) else json.dumps(document)
        name = f"T_{secrets.token_hex(16)}"
        self._registry.create_policy(name, text)
        return name


def rejection(_request: Request, refused: Refused) -> Document:
    return {"statusCode": refused.status, "errorCode": refused.code, "errorMessage": refused.message}


def claim_policy(prefix: str, template: str) -> str:
    """What the certificate of CreateProvisioningClaim may do."""
    topics = ["$aws/certificates/create-from-csr/*", f"$aws/provisioning-templates/{template}/provision/*"]
    statements = [
        ("iot:Connect", [f"{prefix}client/*"]),
        (["iot:Publish", "iot:Receive"], [f"{prefix}topic/{topic}" for topic in topics]),
        ("iot:Subscribe", [f"{prefix}topicfilter/{topic}" for topic in topics]),
    ]
    listed = [{"Effect": "Allow", "Action": action, "Resource": where} for action, where in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": listed})

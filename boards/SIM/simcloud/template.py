"""Provisioning templates: read strictly, and filled in with parameters. Pure functions over plain values.

What this can't fill in (Fn::FindInMap and others) is malformed here, even where AWS would take it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_CHARACTERS = 10240
SECTIONS = {"Parameters", "Resources", "DeviceConfiguration"}
THING, CERTIFICATE, POLICY = (f"AWS::IoT::{kind}" for kind in ("Thing", "Certificate", "Policy"))
PROPERTIES = {
    THING: {"ThingName", "AttributePayload", "ThingTypeName", "ThingGroups", "BillingGroup"},
    CERTIFICATE: {"CertificateId", "Status"},
    POLICY: {"PolicyName", "PolicyDocument"},
}
OVERRIDES = {
    "AttributePayload": {"DO_NOTHING", "REPLACE", "FAIL", "MERGE"},
    "ThingTypeName": {"DO_NOTHING", "REPLACE", "FAIL"},
    "ThingGroups": {"DO_NOTHING", "REPLACE", "FAIL"},
    "Status": {"DO_NOTHING", "REPLACE", "FAIL"},
}
STATUSES = {"ACTIVE", "INACTIVE", "PENDING_ACTIVATION"}
CERTIFICATE_ID = "AWS::IoT::Certificate::Id"

Json = dict[str, Any]


class MalformedTemplate(Exception):
    """What is wrong with the document."""


class Unfilled(Exception):
    """A parameter without a value."""


@dataclass(frozen=True)
class Resource:
    kind: str
    properties: Json
    overrides: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Template:
    defaults: Mapping[str, str | None]  # of each parameter
    resources: tuple[Resource, ...]
    configuration: Json

    @property
    def names(self) -> list[str]:
        """What it refers to."""
        return names_in([*(one.properties for one in self.resources), self.configuration])

    def of(self, kind: str) -> list[Resource]:
        return [one for one in self.resources if one.kind == kind]


@dataclass(frozen=True)
class Filled:
    """What is to be made."""

    thing: Json | None
    overrides: Json
    status: str
    policies: list[Json]
    configuration: Json


def parse(body: str) -> Template:
    """Raises MalformedTemplate."""
    if len(body) > MAX_CHARACTERS:
        raise MalformedTemplate(f"it's longer than {MAX_CHARACTERS} characters")
    try:
        document = json.loads(body)
    except ValueError as error:
        raise MalformedTemplate(f"it isn't JSON: {error}") from None
    if not isinstance(document, dict) or document.keys() - SECTIONS:
        raise MalformedTemplate(f"it has to be an object of {', '.join(sorted(SECTIONS))}")
    defaults = parameters(document.get("Parameters", {}))
    listed = document.get("Resources")
    if not isinstance(listed, dict) or not listed:
        raise MalformedTemplate("Resources is missing or empty")
    template = Template(
        defaults, tuple(map(resource, listed.values())), document.get("DeviceConfiguration", {})
    )
    if len(template.of(CERTIFICATE)) != 1 or len(template.of(THING)) > 1:
        raise MalformedTemplate("it needs one certificate, and takes one thing at most")
    for name in template.names:
        if name not in defaults and not name.startswith("AWS::IoT::Certificate::"):
            raise MalformedTemplate(f"it refers to {name}, which is none of its parameters")
    return template


def parameters(listed: object) -> dict[str, str | None]:
    if not isinstance(listed, dict):
        raise MalformedTemplate("Parameters isn't an object")
    for name, one in listed.items():
        if not isinstance(one, dict) or one.get("Type") != "String" or one.keys() - {"Type", "Default"}:
            raise MalformedTemplate(f"the parameter {name} isn't of Type String, with or without a Default")
    return {name: one.get("Default") for name, one in listed.items()}


def resource(one: object) -> Resource:
    if not isinstance(one, dict) or one.keys() - {"Type", "Properties", "OverrideSettings"}:
        raise MalformedTemplate("a resource has to be an object of Type, Properties, OverrideSettings")
    kind, properties, overrides = (one.get(part) for part in ("Type", "Properties", "OverrideSettings"))
    if kind not in PROPERTIES or not isinstance(properties, dict):
        raise MalformedTemplate(f"{kind} isn't a resource's Type, or it has no Properties")
    if unknown := properties.keys() - PROPERTIES[kind]:
        raise MalformedTemplate(f"{kind} has no {', '.join(sorted(unknown))}")
    needed = {THING: "ThingName", CERTIFICATE: "CertificateId"}.get(kind)
    if needed and needed not in properties:
        raise MalformedTemplate(f"{kind} lacks {needed}")
    if kind == POLICY and len(properties) != 1:
        raise MalformedTemplate(f"{kind} has either PolicyName or PolicyDocument")
    status = properties.get("Status")
    if kind == CERTIFICATE and status is not None and str(status).upper() not in STATUSES:
        raise MalformedTemplate(f"{status} isn't a certificate's Status")
    for name, value in (overrides or {}).items():
        if value not in OVERRIDES.get(name, ()):
            raise MalformedTemplate(f"OverrideSettings can't be {name}: {value}")
    return Resource(kind, properties, overrides or {})


def names_in(value: object) -> list[str]:
    """The parameters to which something refers."""
    if isinstance(value, list):
        return [name for one in value for name in names_in(one)]
    if not isinstance(value, dict):
        return []
    if "Ref" in value:
        return [str(value["Ref"])]
    unknown = [key for key in value if key.startswith("Fn::") and key != "Fn::Join"]
    if unknown:
        raise MalformedTemplate(f"the stand-in doesn't evaluate {unknown[0]}")
    return names_in(list(value.values()))


# --- filled in


def fill(template: Template, given: Mapping[str, str], own: Mapping[str, str]) -> Filled:
    """`given` by who asks, `own` AWS's; raises Unfilled. Parameters that the template lacks are left out."""
    values = {name: given.get(name, default) for name, default in template.defaults.items()} | dict(own)
    for name, value in values.items():
        if value is None:
            raise Unfilled(name)
    things = template.of(THING)
    certificate = template.of(CERTIFICATE)[0]
    return Filled(
        filled(things[0].properties, values) if things else None,
        things[0].overrides if things else {},
        str(certificate.properties.get("Status", "ACTIVE")).upper(),
        [filled(one.properties, values) for one in template.of(POLICY)],
        filled(template.configuration, values),
    )


def filled(value: Any, values: Mapping[str, str | None]) -> Any:
    if isinstance(value, list):
        return [filled(one, values) for one in value]
    if not isinstance(value, dict):
        return value
    if "Ref" in value:
        found = values.get(value["Ref"])
        if found is None:
            raise Unfilled(value["Ref"])
        return found
    if "Fn::Join" in value:
        between, parts = value["Fn::Join"]
        return str(between).join(map(str, filled(parts, values)))
    return {name: filled(one, values) for name, one in value.items()}

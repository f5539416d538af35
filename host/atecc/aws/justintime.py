"""Just-in-time provisioning: what AWS makes of a device when it first connects with a certificate of one's own CA."""

from __future__ import annotations

import json
from typing import Any

from atecc.aws import deploy
from atecc.aws.cloud import Cloud
from atecc.aws.fleet import REGISTERS_THINGS, find_template
from atecc.aws.granting import Granting
from atecc.aws.policy import DEFAULT_NAME, arn_prefix
from atecc.errors import RefusedError

TEMPLATE = "atecc-jitp"
_COMMON_NAME, _ID = (f"AWS::IoT::Certificate::{part}" for part in ("CommonName", "Id"))


def role(region: str) -> deploy.Role:
    return deploy.Role(f"{TEMPLATE}-{region}", "iot.amazonaws.com", REGISTERS_THINGS)


def body() -> dict[str, Any]:
    """The thing of the subject's CN, which stays as it is if there is one; the certificate, active; the policy."""
    own = {"CertificateId": {"Ref": _ID}, "Status": "ACTIVE"}
    return {
        "Parameters": {name: {"Type": "String"} for name in (_COMMON_NAME, _ID)},
        "Resources": {
            "thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Ref": _COMMON_NAME}}},
            "certificate": {"Type": "AWS::IoT::Certificate", "Properties": own},
            "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": DEFAULT_NAME}},
        },
    }


def ensure(cloud: Cloud) -> dict[str, str]:
    """Role, policy and template are there afterwards; what a CA's registration names of them."""
    arn = deploy.ensure_role(cloud, role(cloud.region))
    Granting(cloud, DEFAULT_NAME, None).ensure(f"{arn_prefix(cloud.region, cloud.account)}:thing/any")
    there = find_template(cloud, TEMPLATE)
    if there is None:
        cloud.change(
            "create_provisioning_template",
            templateName=TEMPLATE,
            description="made by atecc",
            type="JITP",
            templateBody=json.dumps(body()),
            provisioningRoleArn=arn,
            enabled=True,
        )
    elif not _is_ours(there):
        raise _of_others()
    return {"templateName": TEMPLATE, "roleArn": arn}


def _is_ours(template: dict[str, Any]) -> bool:
    return bool(json.loads(template["templateBody"]) == body() and template.get("type") == "JITP")


def _of_others() -> RefusedError:
    return RefusedError(
        f"There is a provisioning template {TEMPLATE} already, and it says something else: it is left as it is.",
        f"`aws iot delete-provisioning-template --template-name {TEMPLATE}` takes it away.",
    )


# Taken away


def parts(cloud: Cloud) -> dict[str, str]:
    """Template and role, with the names of what there is of them. A RefusedError as long as a CA makes use of it."""
    there, mine = find_template(cloud, TEMPLATE), role(cloud.region)
    if there is not None and not _is_ours(there):
        raise _of_others()
    found = {
        "template": TEMPLATE if there else "",
        "role": mine.name if deploy.find_role(cloud, mine) else "",
    }
    users = [one for one in _cas(cloud) if _names_it(cloud, one)] if any(found.values()) else []
    if users:
        raise RefusedError(
            f"The provisioning template {TEMPLATE} is used by the CA {' and '.join(users)}: nothing was done.",
            "Devices of it would not be let in any more. Where that is meant: `aws iot update-ca-certificate "
            "--certificate-id CA --remove-auto-registration`, then the same again.",
        )
    return found


def _cas(cloud: Cloud) -> list[str]:
    return [str(one["certificateId"]) for one in cloud.pages("list_ca_certificates", "certificates")]


def _names_it(cloud: Cloud, identifier: str) -> bool:
    got = cloud.found("describe_ca_certificate", certificateId=identifier) or {}
    config = got.get("registrationConfig") or {}
    return config.get("templateName") == TEMPLATE or str(config.get("roleArn")).endswith(
        f":role/{role(cloud.region).name}"
    )


def remove(cloud: Cloud) -> None:
    """What there is of `parts`. The policy stays: devices have it."""
    cloud.if_there("delete_provisioning_template", templateName=TEMPLATE)
    deploy.remove_role(cloud, role(cloud.region))

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
    elif json.loads(there["templateBody"]) != body() or there.get("type") != "JITP":
        raise RefusedError(
            f"There is a provisioning template {TEMPLATE} already, and it says something else: it is left as it is.",
            f"`aws iot delete-provisioning-template --template-name {TEMPLATE}` takes it away.",
        )
    return {"templateName": TEMPLATE, "roleArn": arn}

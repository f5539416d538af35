"""What runs at AWS for the tool: functions (Lambda), each from its one file in functions/, and the roles that they and
AWS IoT take on (IAM). All of it is made if it is missing; what is there and says something else is somebody else's."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from atecc.aws.cloud import Cloud
from atecc.aws.policy import arn_prefix
from atecc.errors import RefusedError

FUNCTIONS = Path(__file__).with_name("functions")
RUNTIME = "python3.13"
OWN = "own"  # the name of a role's own policy


@dataclass(frozen=True)
class Role:
    """A role that `service` takes on: one of AWS's policies by name, and statements of its own."""

    name: str
    service: str
    managed: str
    statements: list[dict[str, Any]] = field(default_factory=list)

    @property
    def trust(self) -> dict[str, Any]:
        return _document(
            [{"Effect": "Allow", "Principal": {"Service": self.service}, "Action": "sts:AssumeRole"}]
        )

    def managed_arn(self, region: str) -> str:
        return f"{arn_prefix(region, 'aws', 'iam')}:policy/service-role/{self.managed}"


@dataclass(frozen=True)
class Function:
    """functions/FILE.py, whose `handler` is called; `beside` are more files for it, by name."""

    name: str
    file: str
    role: Role
    environment: dict[str, str] = field(default_factory=dict)
    seconds: int = 5
    beside: dict[str, bytes] = field(default_factory=dict)

    @property
    def zip(self) -> bytes:
        """The same for the same files: AWS tells its hash."""
        packed = io.BytesIO()
        own = f"{self.file}.py"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in ({own: (FUNCTIONS / own).read_bytes()} | self.beside).items():
                entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, content)
        return packed.getvalue()


def _document(statements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}


# Roles


def find_role(cloud: Cloud, role: Role) -> dict[str, Any] | None:
    got = cloud.found("iam.get_role", RoleName=role.name)
    if got is None:
        return None
    found: dict[str, Any] = got["Role"]
    cloud.account = str(found["Arn"]).split(":")[4]
    return found


def ensure_role(cloud: Cloud, role: Role) -> str:
    """Its ARN."""
    found = find_role(cloud, role)
    if found is None:
        params = {"RoleName": role.name, "AssumeRolePolicyDocument": json.dumps(role.trust)}
        got = cloud.change("iam.create_role", **params)
        planned = f"{arn_prefix(cloud.region, cloud.account, 'iam')}:role/{role.name}"
        arn = str(got["Role"]["Arn"]) if got else planned
        cloud.account = arn.split(":")[4]
    elif found["AssumeRolePolicyDocument"] != role.trust:
        raise _of_others(f"role {role.name}")
    else:
        arn = str(found["Arn"])
    attached = []
    if found is not None:
        listed = cloud.ask("iam.list_attached_role_policies", RoleName=role.name)
        attached = [one["PolicyArn"] for one in listed["AttachedPolicies"]]
    if role.managed_arn(cloud.region) not in attached:
        cloud.change("iam.attach_role_policy", RoleName=role.name, PolicyArn=role.managed_arn(cloud.region))
    if role.statements:
        _ensure_own(cloud, role, found is not None)
    return arn


def _ensure_own(cloud: Cloud, role: Role, there: bool) -> None:
    wanted = _document(role.statements)
    got = cloud.found("iam.get_role_policy", RoleName=role.name, PolicyName=OWN) if there else None
    if got is None or got["PolicyDocument"] != wanted:
        params = {"RoleName": role.name, "PolicyName": OWN, "PolicyDocument": json.dumps(wanted)}
        cloud.change("iam.put_role_policy", **params)


def remove_role(cloud: Cloud, role: Role) -> None:
    if find_role(cloud, role) is None:
        return
    cloud.if_there("iam.detach_role_policy", RoleName=role.name, PolicyArn=role.managed_arn(cloud.region))
    if role.statements:
        cloud.if_there("iam.delete_role_policy", RoleName=role.name, PolicyName=OWN)
    cloud.if_there("iam.delete_role", RoleName=role.name)


# Functions


def find_function(cloud: Cloud, function: Function) -> dict[str, Any] | None:
    found: dict[str, Any] | None = cloud.found(
        "lambda.get_function_configuration", FunctionName=function.name
    )
    return found


def ensure_function(cloud: Cloud, function: Function) -> str:
    """Its ARN. One that is there gets this version's code and settings."""
    role = ensure_role(cloud, function.role)
    found = find_function(cloud, function)
    settings = {"Environment": {"Variables": function.environment}, "Timeout": function.seconds}
    if found is None:
        got = cloud.change(
            "lambda.create_function",
            FunctionName=function.name,
            Runtime=RUNTIME,
            Role=role,
            Handler=f"{function.file}.handler",
            Code={"ZipFile": function.zip},
            **settings,
        )
        return str(got["FunctionArn"]) if got else _arn(cloud, function)
    if found.get("Role") != role:
        raise _of_others(f"function {function.name}")
    if found.get("CodeSha256") != base64.b64encode(hashlib.sha256(function.zip).digest()).decode():
        cloud.change("lambda.update_function_code", FunctionName=function.name, ZipFile=function.zip)
    if found.get("Environment", {}).get("Variables", {}) != function.environment:
        cloud.change("lambda.update_function_configuration", FunctionName=function.name, **settings)
    return str(found["FunctionArn"])


def _arn(cloud: Cloud, function: Function) -> str:
    return f"{arn_prefix(cloud.region, cloud.account, 'lambda')}:function:{function.name}"


def ensure_permission(cloud: Cloud, function: Function, source: str) -> None:
    """AWS IoT may call it on behalf of `source` (an ARN), and of nothing else."""
    sid = "atecc"
    got = cloud.found("lambda.get_policy", FunctionName=function.name)
    statements = json.loads(got["Policy"])["Statement"] if got else []
    if any(one.get("Sid") == sid for one in statements):
        return
    cloud.change(
        "lambda.add_permission",
        FunctionName=function.name,
        StatementId=sid,
        Action="lambda:InvokeFunction",
        Principal="iot.amazonaws.com",
        SourceArn=source,
        SourceAccount=cloud.account,
    )


def remove_function(cloud: Cloud, function: Function) -> None:
    if find_function(cloud, function) is not None:
        cloud.if_there("lambda.delete_function", FunctionName=function.name)
    remove_role(cloud, function.role)


def _of_others(what: str) -> RefusedError:
    return RefusedError(
        f"There is a {what} already, which is not the tool's: it is left as it is.",
        "--template NAME gives all of it another name.",
    )

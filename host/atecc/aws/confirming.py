"""What confirms a rotation at AWS: a rule that hears devices say that they are done, and the function that it calls.

The function (functions/confirm.py) ends a device's part in a job when AWS has seen which certificate it is connected
with, and retires the ones before.
"""

from __future__ import annotations

from atecc.aws import deploy
from atecc.aws.cloud import Cloud
from atecc.aws.policy import arn_prefix

# The device says what it has done; who it is, and by which certificate it is connected, AWS says.
SQL = "SELECT topic(2) AS thing, clientid() AS client, principal() AS principal, jobId, error FROM 'things/+/rotated'"
SQL_VERSION = "2016-03-23"
WRITES_LOGS = "AWSLambdaBasicExecutionRole"
SECONDS = 30
ASKS = ("DescribeEndpoint", "GetJobDocument", "DescribeJobExecution", "DescribeCertificate", "ListAttachedPolicies",
        "ListPrincipalThings", "ListThingPrincipalsV2")  # fmt: skip
DOES = (
    "UpdateCertificate",
    "DetachThingPrincipal",
    "AttachThingPrincipal",
    "DetachPolicy",
    "DeleteCertificate",
)


def rule(template: str) -> str:
    """Its name; AWS allows a rule no hyphen."""
    return f"{template}_rotated".replace("-", "_")


def function(template: str, region: str) -> deploy.Function:
    name = f"{template}-confirm"
    actions = [f"iot:{action}" for action in (*ASKS, *DOES)] + ["iotjobsdata:UpdateJobExecution"]
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    role = deploy.Role(f"{name}-{region}", "lambda.amazonaws.com", WRITES_LOGS, [statement])
    return deploy.Function(name, "confirm", role, seconds=SECONDS)


def ensure(cloud: Cloud, template: str) -> None:
    wanted = function(template, cloud.region)
    arn = deploy.ensure_function(cloud, wanted)
    name = rule(template)
    deploy.ensure_permission(cloud, wanted, f"{arn_prefix(cloud.region, cloud.account)}:rule/{name}")
    payload = {
        "sql": SQL,
        "awsIotSqlVersion": SQL_VERSION,
        "description": "made by atecc",
        "actions": [{"lambda": {"functionArn": arn}}],
        "ruleDisabled": False,
    }
    if not is_there(cloud, template):
        cloud.change("create_topic_rule", ruleName=name, topicRulePayload=payload)
        return
    there = cloud.ask("get_topic_rule", ruleName=name)["rule"]
    if {part: there.get(part) for part in payload} != payload:
        cloud.change("replace_topic_rule", ruleName=name, topicRulePayload=payload)


def is_there(cloud: Cloud, template: str) -> bool:
    """AWS denies a look at a rule that is not there, as if that were the reason: so it is looked for in the list."""
    return any(one["ruleName"] == rule(template) for one in cloud.pages("list_topic_rules", "rules"))


def parts(cloud: Cloud, template: str) -> dict[str, str]:
    """As fleet.parts."""
    wanted = function(template, cloud.region)
    return {
        "rotation rule": rule(template) if is_there(cloud, template) else "",
        "rotation function": wanted.name if deploy.find_function(cloud, wanted) else "",
        "its role": wanted.role.name if deploy.find_role(cloud, wanted.role) else "",
    }


def remove(cloud: Cloud, template: str) -> None:
    if is_there(cloud, template):
        cloud.change("delete_topic_rule", ruleName=rule(template))
    deploy.remove_function(cloud, function(template, cloud.region))

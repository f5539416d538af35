"""What confirms a rotation at AWS: a rule that hears devices say that they are done, and the function that it calls.

The function (functions/confirm.py) retires the ones before when AWS has seen which certificate a device is connected
with, and ends the device's part in the job, if there is one.
"""

from __future__ import annotations

from typing import Any

from atecc.aws import deploy
from atecc.aws.hearing import WHO, WRITES_LOGS, Hearing, rule_name
from atecc.aws.policy import arn_prefix

SQL = WHO + "jobId, error FROM 'things/+/rotated'"
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


def hearing(template: str, region: str) -> Hearing:
    name = f"{template}-confirm"
    actions = [f"iot:{action}" for action in (*ASKS, *DOES)] + ["iotjobsdata:UpdateJobExecution"]
    answers = f"{arn_prefix(region, '*')}:topic/things/*/rotated/accepted"
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": actions, "Resource": "*"},
        {"Effect": "Allow", "Action": "iot:Publish", "Resource": answers},
    ]
    role = deploy.Role(f"{name}-{region}", "lambda.amazonaws.com", WRITES_LOGS, statements)
    function = deploy.Function(name, "confirm", role, seconds=SECONDS)
    return Hearing("rotation", rule_name(template, "rotated"), SQL, function)

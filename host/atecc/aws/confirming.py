"""What confirms a rotation at AWS: a rule that hears devices say that they are done, and the function that it calls.

The function (functions/confirm.py) ends a device's part in a job when AWS has seen which certificate it is connected
with, and retires the ones before.
"""

from __future__ import annotations

from atecc.aws import deploy
from atecc.aws.hearing import WHO, WRITES_LOGS, Hearing, rule_name

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
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    role = deploy.Role(f"{name}-{region}", "lambda.amazonaws.com", WRITES_LOGS, [statement])
    function = deploy.Function(name, "confirm", role, seconds=SECONDS)
    return Hearing("rotation", rule_name(template, "rotated"), SQL, function)

"""A signer of the user's at AWS, for fleets whose certificates come from an own CA: a rule that hears devices ask, and
the function that it calls: ours (functions/sign.py) with the user's file, signer.py, beside it.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from atecc.aws import deploy
from atecc.aws.hearing import WHO, WRITES_LOGS, Hearing, rule_name
from atecc.aws.policy import arn_prefix
from atecc.bounded import read_path
from atecc.errors import ArgumentError

SQL = WHO + "jobId, certificateSigningRequest FROM 'things/+/sign'"
SECONDS = 25  # a device waits 30 s
ASKS = ("DescribeEndpoint", "GetJobDocument", "DescribeJobExecution", "DescribeCertificate", "ListPrincipalThings",
        "ListAttachedPolicies", "DescribeCACertificate")  # fmt: skip
DOES = ("RegisterCertificate", "RegisterCertificateWithoutCA", "AttachPolicy", "AttachThingPrincipal",
        "UpdateCertificate", "DetachPolicy", "DetachThingPrincipal", "DeleteCertificate")  # fmt: skip
HINT = "A Python file with `def sign(request: str, thing: str) -> str:`, PEM in and out."


def hearing(template: str, region: str, signer: bytes = b"") -> Hearing:
    """signer: the user's file; without it only what is there can be looked for, or taken away."""
    name = f"{template}-sign"
    answers = f"{arn_prefix(region, '*')}:topic/things/*/sign/*"
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": [f"iot:{action}" for action in (*ASKS, *DOES)], "Resource": "*"},
        {"Effect": "Allow", "Action": "iot:Publish", "Resource": answers},
    ]
    role = deploy.Role(f"{name}-{region}", "lambda.amazonaws.com", WRITES_LOGS, statements)
    environment = {"TEMPLATE": template}
    function = deploy.Function(name, "sign", role, environment, SECONDS, {"signer.py": signer})
    return Hearing("signing", rule_name(template, "sign"), SQL, function)


def read_signer(path: Path) -> bytes:
    """The user's file, which is looked at and not run; an ArgumentError if it defines no `sign` of two parameters."""
    try:
        source = read_path(path)
        tree = ast.parse(source)
    except OSError as error:
        raise ArgumentError(f"{path} can't be read: {error.strerror}.", HINT) from error
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ArgumentError(f"{path} is not Python: {str(error) or 'it is too deep'}.", HINT) from error
    found = [one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name == "sign"]
    if not found:
        raise ArgumentError(f"{path} defines no function sign.", HINT)
    args = found[-1].args
    if len(args.posonlyargs + args.args) != 2:
        raise ArgumentError(f"sign in {path} takes other parameters than the request and the thing.", HINT)
    return source

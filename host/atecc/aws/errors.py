"""AWS's errors, and boto3's own, as sentences that say what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from atecc.errors import AwsError


@dataclass(frozen=True)
class Sentence:
    """For some error codes; {action}, {text} and {region} are filled in."""

    codes: tuple[str, ...]
    message: str
    hint: str
    kind: str = "aws"


# What AWS itself answers, by error code.
_ANSWERS = (
    Sentence(
        (
            "AccessDenied",
            "AccessDeniedException",
            "UnauthorizedException",
            "NotAuthorized",
            "ForbiddenException",
        ),
        "AWS denies iot:{action} to these credentials: {text}",
        "Have the permission iot:{action} added to the user or role.",
        "aws-denied",
    ),
    Sentence(
        ("ExpiredToken", "ExpiredTokenException", "RequestExpired"),
        "The AWS credentials have expired.",
        "Log in again, or get new ones. Is this computer's clock right?",
        "aws-credentials",
    ),
    Sentence(
        ("UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId"),
        "AWS does not know these credentials: {text}",
        "Check AWS_ACCESS_KEY_ID, and --profile.",
        "aws-credentials",
    ),
    Sentence(
        ("SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature"),
        "AWS does not accept the credentials' signature: {text}",
        "Check AWS_SECRET_ACCESS_KEY, and this computer's clock.",
        "aws-credentials",
    ),
    Sentence(
        ("ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"),
        "AWS slows us down (iot:{action}): it was asked five times, with pauses, and refused each time.",
        "Wait a minute and run the same command again; Service Quotas shows the limits.",
        "aws-throttled",
    ),
    Sentence(
        ("MalformedPolicyException",),
        "AWS does not accept the policy document: {text}",
        "See --policy-file.",
    ),
    Sentence(
        ("ResourceNotFoundException",), "AWS IoT does not have it (iot:{action}): {text}", "", "aws-missing"
    ),
    Sentence(("ResourceAlreadyExistsException",), "AWS IoT has it already: {text}", "", "aws-exists"),
    Sentence(("InvalidRequestException",), "AWS refuses iot:{action}: {text}", "", "aws-invalid"),
    Sentence(
        ("IndexNotReadyException",),
        "AWS has no index of connections (iot:{action}): {text}",
        "",
        "aws-no-index",
    ),
    Sentence(("VersionConflictException",), "AWS IoT has another version by now: {text}", "", "aws-version"),
    Sentence(
        (
            "InternalFailureException",
            "InternalFailure",
            "InternalException",
            "ServiceUnavailableException",
            "ServiceUnavailable",
        ),
        "AWS could not do iot:{action}: {text}",
        "Wait a minute and run the same command again.",
        "aws-server",
    ),
)

# What boto3 says without an answer of AWS, by exception.
_TROUBLE = (
    Sentence(
        ("NoCredentialsError", "PartialCredentialsError"),
        "No AWS credentials were found (or only a part of them).",
        "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, log in with `aws sso login`, or name a --profile.",
        "aws-credentials",
    ),
    Sentence(
        ("NoRegionError",),
        "No AWS region is set.",
        "Give --region, for example eu-west-1, or set AWS_DEFAULT_REGION.",
    ),
    Sentence(
        ("InvalidRegionError",), "That is not an AWS region's name: {text}", "They look like eu-west-1."
    ),
    Sentence(("ProfileNotFound",), "{text}.", "`aws configure list-profiles` shows them."),
    Sentence(
        ("UnauthorizedSSOTokenError", "SSOTokenLoadError", "TokenRetrievalError", "CredentialRetrievalError"),
        "The AWS login has expired or can't be renewed: {text}",
        "Log in again: `aws sso login`.",
        "aws-credentials",
    ),
    Sentence(
        ("EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError"),
        "AWS can't be reached: {text}",
        "Is this computer on the network, and is {region} the right region?",
        "aws-network",
    ),
    Sentence(
        ("SSLError",),
        "The connection to AWS is not trusted: {text}",
        "Is there a proxy in between? AWS_CA_BUNDLE names its certificate.",
        "aws-network",
    ),
)
_OTHERWISE = Sentence((), "AWS could not do iot:{action}: {text}", "")


def explain(error: Exception, action: str, region: str = "") -> AwsError:
    """An error of boto3 as ours; `kind` tells programs what it was."""
    response: dict[str, Any] | None = getattr(error, "response", None)
    sentences: tuple[Sentence, ...]
    if response is None:
        code, text, sentences = type(error).__name__, str(error), _TROUBLE
    else:
        code = str(response.get("Error", {}).get("Code", ""))
        text = str(response.get("Error", {}).get("Message", "")) or code
        sentences = _ANSWERS
    sentence = next((one for one in sentences if code in one.codes), _OTHERWISE)
    words = {"action": action, "text": text, "region": region or "that"}
    found = AwsError(sentence.message.format(**words), sentence.hint.format(**words))
    found.kind = sentence.kind
    return found

"""AWS's errors, and boto3's own, as sentences that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from atecc import visible
from atecc.errors import AwsError


@dataclass(frozen=True)
class Sentence:
    """For some error codes; {action}, {text} and {region} are filled in."""

    codes: tuple[str, ...]
    message: str
    hint: str
    kind: str = "aws"


_PROFILE = (
    "Look at the profile in ~/.aws/config and ~/.aws/credentials; `aws sts get-caller-identity` tries it."
)

THROTTLED = ("ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded")

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
        "AWS denies {action} to these credentials: {text}",
        "Have the permission {action} added to the user or role.",
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
        THROTTLED,
        "AWS slows us down ({action}): it was asked five times, with pauses, and refused each time.",
        "Wait a minute and run the same command again; Service Quotas shows the limits.",
        "aws-throttled",
    ),
    Sentence(
        ("MalformedPolicyException", "MalformedPolicyDocument"),
        "AWS does not accept the policy document: {text}",
        "See --policy-file.",
    ),
    Sentence(
        ("ResourceNotFoundException", "NoSuchEntity"),
        "AWS does not have it ({action}): {text}",
        "Is the name right, and the account and region (--profile, --region)?",
        "aws-missing",
    ),
    Sentence(
        ("ResourceAlreadyExistsException", "EntityAlreadyExists", "ResourceConflictException"),
        "AWS has it already: {text}",
        "",
        "aws-exists",
    ),
    Sentence(("DeleteConflictException",), "AWS says that it is still attached: {text}", "", "aws-conflict"),
    Sentence(
        ("InvalidRequestException", "InvalidParameterValueException"),
        "AWS refuses {action}: {text}",
        "",
        "aws-invalid",
    ),
    Sentence(
        ("IndexNotReadyException",),
        "AWS has no index of connections ({action}): {text}",
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
        "AWS could not do {action}: {text}",
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
        (
            "UnauthorizedSSOTokenError",
            "SSOTokenLoadError",
            "SSOError",
            "TokenRetrievalError",
            "PendingAuthorizationExpiredError",
            "LoginError",
            "LoginTokenLoadError",
            "LoginRefreshTokenExpired",
        ),
        "The AWS login has expired or can't be renewed: {text}",
        "Log in again: `aws sso login`.",
        "aws-credentials",
    ),
    Sentence(
        ("CredentialRetrievalError", "MetadataRetrievalError", "RefreshUnknownCredential"),
        "The AWS credentials can't be had: {text}",
        _PROFILE,
        "aws-credentials",
    ),
    Sentence(
        ("EOFError", "GetPassWarning", "RefreshWithMFAUnsupportedError"),
        "The AWS profile wants an MFA code, and nobody can be asked here.",
        "Run it at a terminal, or get credentials for some hours: `aws sts get-session-token`.",
        "aws-credentials",
    ),
    Sentence(
        (
            "ConfigParseError",
            "ConfigNotFound",
            "InvalidConfigError",
            "InfiniteLoopConfigError",
            "InvalidDefaultsMode",
            "InvalidRetryModeError",
            "InvalidRetryConfigurationError",
            "InvalidMaxRetryAttemptsError",
            "InvalidSTSRegionalEndpointsConfigError",
            "InvalidIMDSEndpointModeError",
        ),
        "The AWS configuration can't be used: {text}",
        "It is in ~/.aws/config and ~/.aws/credentials, or where AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE say.",
    ),
    Sentence(
        (
            "EndpointConnectionError",
            "ConnectTimeoutError",
            "ReadTimeoutError",
            "ConnectionClosedError",
            "ProxyConnectionError",
            "HTTPClientError",
            "ConnectionError",
        ),
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
_OTHERWISE = Sentence((), "AWS could not do {action}: {text}", "")
# What comes of answers that botocore can't take apart: it raises whatever comes.
_NO_ANSWER = Sentence(
    (),
    "What came instead of AWS's answer to {action} is none: {text}",
    "Is a proxy, or a network's sign-in page, in between?",
    "aws-network",
)
# What programs, files and profiles make botocore raise on the way to credentials.
_NO_CREDENTIALS = Sentence((), "The AWS credentials can't be had: {text}", _PROFILE, "aws-credentials")
_NO_CONFIGURATION = Sentence((), "The AWS configuration can't be used: {text}", _PROFILE)
CONFIGURATION, CREDENTIALS = "the AWS configuration", "the AWS credentials"
_OTHERWISE_THERE = {CONFIGURATION: _NO_CONFIGURATION, CREDENTIALS: _NO_CREDENTIALS}


@contextmanager
def explained(action: str, region: str = "") -> Iterator[None]:
    """The border to boto3: whatever it raises while it does `action` (an operation of IoT's, iam:OPERATION and the
    like, CONFIGURATION or CREDENTIALS) is an AwsError. Plug-ins, programs, files and answers from elsewhere make it
    raise just anything."""
    try:
        yield
    except AwsError:
        raise
    except Exception as error:
        raise explain(error, action, region) from error


class Answer(dict[str, Any]):
    """An answer of AWS; what it lacks of what it should have is an AwsError."""

    def __init__(self, action: str, fields: dict[str, Any]) -> None:
        super().__init__(fields)
        self._action = action

    def __missing__(self, key: str) -> Any:
        raise _error(_NO_ANSWER, self._action, f"it has no {key}.")


def explain(error: Exception, action: str, region: str = "") -> AwsError:
    """An error of boto3 as ours; `kind` tells programs what it was."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return _refusal(response, action, region)
    code = type(error).__name__
    botocores = type(error).__module__ == "botocore.exceptions"
    plain = botocores or isinstance(error, OSError) or type(error) in (ValueError, RuntimeError)
    text = str(error) if plain else f"{code}: {error}"
    sentence = next((one for one in _TROUBLE if code in one.codes), None)
    otherwise = _OTHERWISE_THERE.get(action, _OTHERWISE if botocores else _NO_ANSWER)
    return _error(sentence or otherwise, action, text, region)


def _refusal(response: dict[str, Any], action: str, region: str) -> AwsError:
    told = response.get("Error")
    told = told if isinstance(told, dict) else {}
    code = str(told.get("Code") or "")
    text = str(told.get("Message") or "") or code
    sentence = next((one for one in _ANSWERS if code in one.codes), None)
    if sentence is None and _is_a_page(response):
        return _error(_NO_ANSWER, action, f"a web page (HTTP {_http(response).get('HTTPStatusCode')}).")
    return _error(sentence or _OTHERWISE_THERE.get(action, _OTHERWISE), action, text, region)


def _http(response: dict[str, Any]) -> dict[str, Any]:
    found = response.get("ResponseMetadata")
    return found if isinstance(found, dict) else {}


def _is_a_page(response: dict[str, Any]) -> bool:
    """AWS answers in JSON, or in XML."""
    http = _http(response)
    kind = str((http.get("HTTPHeaders") or {}).get("content-type", ""))
    return kind.startswith("text/html") or http.get("HTTPStatusCode") in range(300, 400)


def _error(sentence: Sentence, action: str, text: str, region: str = "") -> AwsError:
    named = action if ":" in action or action in _OTHERWISE_THERE else f"iot:{action}"
    words = {"action": named, "text": visible.line(text), "region": region or "that"}
    found = AwsError(sentence.message.format(**words), sentence.hint.format(**words))
    found.kind = sentence.kind
    return found

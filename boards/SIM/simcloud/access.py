"""Who is calling the API: access keys, and the check of a request's Signature Version 4."""

import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from simcloud.faults import ApiError

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 "
    r"Credential=(?P<key>[^/]+)/(?P<date>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request, "
    r"SignedHeaders=(?P<headers>[^,]+), Signature=(?P<signature>[0-9a-f]{64})"
)
KEY_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
TIMESTAMP = "%Y%m%dT%H%M%SZ"
SKEW = timedelta(minutes=5)

Environ = dict[str, Any]


@dataclass(frozen=True)
class AccessKey:
    """A key pair of an IAM user, and the operations that the user may call (CreateThing, Describe*, …)."""

    user: str
    access_key_id: str
    secret_access_key: str
    may: tuple[str, ...]

    @classmethod
    def new(cls, user: str, *may: str) -> "AccessKey":
        identifier = "AKIA" + "".join(secrets.choice(KEY_LETTERS) for _ in range(16))
        return cls(user, identifier, secrets.token_urlsafe(30), may)


def service_of(environ: Environ) -> str:
    """The service that a request says it is for; `iot` if it says nothing that is understood."""
    claim = AUTHORIZATION.fullmatch(environ.get("HTTP_AUTHORIZATION", ""))
    return claim["service"] if claim and claim["service"] in OTHERS else "iot"


def caller(environ: Environ, body: bytes, keys: Mapping[str, AccessKey], region: str) -> AccessKey:
    """The key that signed this request, now, for a service in this region; `keys` by their ID."""
    header = environ.get("HTTP_AUTHORIZATION")
    if not header:
        raise ApiError(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
    claim = AUTHORIZATION.fullmatch(header)
    if not claim:
        raise ApiError(403, "IncompleteSignatureException", "The Authorization header is not a valid one.")
    key = keys.get(claim["key"])
    if not key or "HTTP_X_AMZ_SECURITY_TOKEN" in environ:
        message = "The security token included in the request is invalid."
        raise ApiError(403, "UnrecognizedClientException", message)
    check_scope(claim, region)
    check_time(claim, environ.get("HTTP_X_AMZ_DATE", ""))
    if not hmac.compare_digest(signature(environ, body, claim, key), claim["signature"]):
        raise bad_signature(
            "The request signature we calculated does not match the signature you provided. Check your "
            "AWS Secret Access Key and signing method. Consult the service documentation for details."
        )
    return key


# The second is what AWS's SDKs signed for before 2023, and Mongoose OS's client does.
SERVICES = ("iot", "execute-api")
OTHERS = ("iam", "lambda", "iot-jobs-data", "iotdata", "servicequotas")
GLOBAL = "us-east-1"


def check_scope(claim: re.Match[str], region: str) -> None:
    # IAM has one region for all; boto3 names its own where it is given an endpoint.
    if claim["region"] not in ((region, GLOBAL) if claim["service"] == "iam" else (region,)):
        raise bad_signature(f"Credential should be scoped to a valid region, not '{claim['region']}'.")
    if claim["service"] not in SERVICES + OTHERS:
        raise bad_signature(
            f"Credential should be scoped to correct service: 'iot', not '{claim['service']}'."
        )


def check_time(claim: re.Match[str], stamp: str) -> None:
    now = datetime.now(UTC)
    try:
        signed = datetime.strptime(stamp, TIMESTAMP).replace(tzinfo=UTC)
    except ValueError:
        raise ApiError(403, "IncompleteSignatureException", "Date must be in ISO-8601 format.") from None
    if abs(now - signed) > SKEW or not stamp.startswith(claim["date"]):
        raise bad_signature(f"Signature expired: {stamp} is too far from {now:{TIMESTAMP}}")


def bad_signature(message: str) -> ApiError:
    return ApiError(403, "InvalidSignatureException", message)


def signature(environ: Environ, body: bytes, claim: re.Match[str], key: AccessKey) -> str:
    """What the signature of this request has to be: botocore's own computation over what came in."""
    request = AWSRequest(
        method=environ["REQUEST_METHOD"],
        url=f"http://{environ['HTTP_HOST']}{environ['RAW_URI']}",
        data=body,
        headers={name: environ.get(environ_name(name), "") for name in claim["headers"].split(";")},
    )
    request.context["timestamp"] = environ["HTTP_X_AMZ_DATE"]
    credentials = Credentials(key.access_key_id, key.secret_access_key)
    signer = SigV4Auth(credentials, claim["service"], claim["region"])
    to_sign = signer.string_to_sign(request, signer.canonical_request(request))
    return str(signer.signature(to_sign, request))


def environ_name(header: str) -> str:
    """Where WSGI puts a header."""
    plain = header.upper().replace("-", "_")
    return plain if plain in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{plain}"

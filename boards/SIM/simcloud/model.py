"""AWS's own description of its APIs: the errors' statuses, and what a parameter may look like."""

import re
from functools import cache
from typing import Any

import botocore.session
from moto.iot.exceptions import InvalidRequestException, IoTClientError
from moto.utilities.utils import get_partition

SDK_NAMES = {
    "iotdata": "iot-data",
    "servicequotas": "service-quotas",
}  # of services that sign by another name than boto3 has


def partition(region: str) -> str:
    """The part of AWS to which a region belongs, as ARNs name it: aws, aws-cn, aws-us-gov."""
    return str(get_partition(region))


class AwsError(IoTClientError):
    """An error by the name and HTTP status that AWS gives it."""

    def __init__(self, error: str, message: str) -> None:
        self.code = service_model().shape_for(error).metadata["error"]["httpStatusCode"]
        super().__init__(error, message)


@cache
def service_model(service: str = "iot") -> Any:
    """AWS's own description of an API: operations, errors, and what each parameter may look like."""
    return botocore.session.get_session().get_service_model(SDK_NAMES.get(service, service))


def check(shape: str, parameter: str, value: str) -> None:
    rules = service_model().shape_for(shape).metadata
    broken = None
    if not re.fullmatch(rules["pattern"], value):
        broken = f"satisfy regular expression pattern: {rules['pattern']}"
    elif not rules.get("min", 0) <= len(value) <= rules["max"]:
        broken = f"have length between {rules.get('min', 0)} and {rules['max']}"
    if broken:
        raise InvalidRequestException(
            f"1 validation error detected: Value '{value[:64]}' at '{parameter}' failed to satisfy "
            f"constraint: Member must {broken}"
        )

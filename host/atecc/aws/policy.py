"""Policies on AWS IoT: a device is its own thing and nobody else, an operator calls devices and nothing else."""

from __future__ import annotations

import functools
import re
from typing import Any

from atecc.aws.document import LARGEST, size
from atecc.aws.errors import CONFIGURATION, explained
from atecc.channels.address import CLIENT_PREFIX

THING = "${iot:Connection.Thing.ThingName}"
# What a device may publish to, receive from and subscribe to; all of it carries the device's own name. Its RPC
# is among them: requests on NAME/rpc and things/NAME/rpc, replies below NAME/rpc-resp/ and things/NAME/rpc-resp/.
TOPICS = (f"{THING}/*", f"things/{THING}/*", f"$aws/things/{THING}/*")

DEFAULT_NAME = "atecc-device"
MOST_POLICIES = 10  # attached to one certificate (AWS IoT Core quotas)


def device_policy(thing_arn: str) -> dict[str, Any]:
    """One document for all devices of the account: AWS fills in the name of the thing that is connected.

    A certificate without its thing can't connect, nor can one with another thing's name as client ID.
    """
    prefix = thing_arn.split(":thing/", maxsplit=1)[0]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "iot:Connect",
                "Resource": f"{prefix}:client/{THING}",
                "Condition": {"Bool": {"iot:Connection.Thing.IsAttached": "true"}},
            },
            {
                "Effect": "Allow",
                "Action": ["iot:Publish", "iot:Receive"],
                "Resource": [f"{prefix}:topic/{topic}" for topic in TOPICS],
            },
            {
                "Effect": "Allow",
                "Action": "iot:Subscribe",
                "Resource": [f"{prefix}:topicfilter/{topic}" for topic in TOPICS],
            },
        ],
    }


# An operator's client ID; its replies come to a topic with the ID in it, which no other operator may read.
CLIENT = "${iot:ClientId}"


def operator_policy(prefix: str, things: list[str]) -> dict[str, Any]:
    """For an operator's own certificate: call these things, or all if none is named, and read one's own replies."""
    topics = things or ["*"]
    replies = [f"{thing}/rpc-resp/{CLIENT}/rpc" for thing in topics]
    statements: list[dict[str, Any]] = [
        _allow("iot:Connect", [f"{prefix}:client/{CLIENT_PREFIX}*"]),
        _allow("iot:Publish", [f"{prefix}:topic/{thing}/rpc" for thing in topics]),
        _allow("iot:Subscribe", [f"{prefix}:topicfilter/{reply}" for reply in replies]),
        _allow("iot:Receive", [f"{prefix}:topic/{reply}" for reply in replies]),
    ]
    if not things:  # "*/rpc" would match the topics of replies too: no operator answers in a device's name
        denied = _allow("iot:Publish", [f"{prefix}:topic/*/rpc-resp/*", f"{prefix}:topic/$aws/*"])
        statements.append(denied | {"Effect": "Deny"})
    return {"Version": "2012-10-17", "Statement": statements}


def operator_policies(prefix: str, things: list[str]) -> list[dict[str, Any]]:
    """`operator_policy` in as many documents as it takes: AWS wants them short."""
    parts: list[list[str]] = [[]]
    for thing in things:
        longer = [*parts[-1], thing]
        if parts[-1] and size(operator_policy(prefix, longer)) > LARGEST:
            parts.append([thing])
        else:
            parts[-1] = longer
    return [operator_policy(prefix, part) for part in parts]


@functools.cache
def partition(region: str) -> str | None:
    """The part of AWS (China's, say) to which a region belongs, as boto3 knows it; None if there is no such region."""
    from botocore.exceptions import UnknownRegionError
    from botocore.loaders import Loader
    from botocore.regions import EndpointResolver

    # Without a session: whatever else is configured here, a profile that is none, say, does not matter.
    if not re.fullmatch(r"[a-z0-9-]+", region):
        return None
    with explained(CONFIGURATION):
        try:
            return str(EndpointResolver(Loader().load_data("endpoints")).get_partition_for_region(region))
        except UnknownRegionError:
            return None


def arn_prefix(region: str, account: str, service: str = "iot") -> str:
    """Of ARNs in this region; IAM's name none."""
    return f"arn:{partition(region) or 'aws'}:{service}:{'' if service == 'iam' else region}:{account}"


def _allow(action: str, resources: list[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resources}

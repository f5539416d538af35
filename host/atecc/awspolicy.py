"""The policy that a device's certificate gets on AWS IoT: it is its own thing, and nobody else."""

from __future__ import annotations

from typing import Any

THING = "${iot:Connection.Thing.ThingName}"
# What a device may publish to, receive from and subscribe to; all of it carries the device's own name.
TOPICS = (f"{THING}/*", f"things/{THING}/*", f"$aws/things/{THING}/*")

DEFAULT_NAME = "atecc-device"


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

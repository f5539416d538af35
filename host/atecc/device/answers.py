"""What is in an answer: objects, lists, bytes; a ChannelError that names the method where it is something else."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from atecc.device.replies import IdentityInfo, MqttStatus, Tls, Unfinished, build
from atecc.device.rpc import FIRMWARE_DIFFERS
from atecc.errors import ChannelError


def fields(data: Any, method: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise ChannelError(f"The board's answer to {method} is not an object.", FIRMWARE_DIFFERS)
    return data


def listed(data: Any, method: str) -> list[Any]:
    """A list; None is one that is empty."""
    if data is not None and not isinstance(data, list):
        raise ChannelError(f"The board's answer to {method} is not a list.", FIRMWARE_DIFFERS)
    return data or []


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def binary(data: Any, name: str, method: str) -> bytes:
    return decoded(data.get(name) if isinstance(data, dict) else None, method)


def decoded(text: Any, method: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise ChannelError(
            f"The board's answer to {method} lacks a value, or it is not base64.", FIRMWARE_DIFFERS
        ) from error


def tls_of(data: Any, method: str) -> Tls | None:
    tls = data.get("tls") if isinstance(data, dict) else None
    return build(Tls, tls, method) if tls else None


def mqtt_of(data: Any, method: str) -> MqttStatus:
    return build(MqttStatus, data, method, tls=tls_of(data, method))


def identity_of(data: Any) -> IdentityInfo:
    begun = data.get("begun") if isinstance(data, dict) else None
    made = build(Unfinished, begun, "Identity.Status") if begun else None
    return build(IdentityInfo, data, "Identity.Status", begun=made)

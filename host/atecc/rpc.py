"""Calls to the board's dispatcher: one frame out, one frame back, an error as an exception."""

from __future__ import annotations

import itertools
import json
import logging
from typing import Any

from atecc.channels import Channel
from atecc.errors import ChannelError, CorruptReply, DeviceError

logger = logging.getLogger(__name__)

TIMEOUT = 15.0
READ_ATTEMPTS = 3

# Asking these twice changes nothing, so a damaged reply is asked for again.
READS = frozenset(
    {
        "RPC.List",
        "Sys.GetInfo",
        "ATCA.GetInfo",
        "ATCA.GetConfig",
        "ATCA.GetPubKey",
        "ATCA.KeyInfo",
        "Identity.Status",
        "Identity.Get",
        "MQTT.Status",
    }
)


class Client:
    """A caller of the device RPC, over any channel."""

    def __init__(self, channel: Channel, src: str = "atecc") -> None:
        self._channel = channel
        self._src = src
        self._ids = itertools.count(1)

    def call(self, method: str, params: dict[str, Any] | None = None, timeout: float = TIMEOUT) -> Any:
        """The result of a method, or a DeviceError; a ChannelError where the board could not be asked."""
        attempts = READ_ATTEMPTS if method in READS else 1
        for attempt in range(1, attempts + 1):
            try:
                return self._once(method, params, timeout)
            except CorruptReply as error:
                logger.info("%s: %s (attempt %d of %d)", method, error, attempt, attempts)
                if attempt == attempts:
                    if method not in READS:
                        error.hint = (
                            "Whether the board did it is not known: `atecc identity status` and "
                            "`atecc info` tell."
                        )
                    raise
        raise AssertionError("unreachable")

    def close(self) -> None:
        self._channel.close()

    def _once(self, method: str, params: dict[str, Any] | None, timeout: float) -> Any:
        number = next(self._ids)
        frame: dict[str, Any] = {"id": number, "src": self._src, "method": method}
        if params:
            frame["params"] = params
        reply = self._channel.request(json.dumps(frame, separators=(",", ":")).encode(), timeout)
        return _result(reply, number, method)


def _result(reply: bytes, number: int, method: str) -> Any:
    try:
        document = json.loads(reply)
    except ValueError as error:
        raise CorruptReply("The board's answer is not JSON.") from error
    if not isinstance(document, dict) or document.get("id") != number:
        raise CorruptReply("The board answered another request than this one.")
    if isinstance(document.get("error"), dict):
        raise DeviceError.from_reply(document["error"])
    if "result" not in document:
        raise ChannelError(
            f"The board's answer to {method} has neither a result nor an error.", FIRMWARE_DIFFERS
        )
    return document["result"]


FIRMWARE_DIFFERS = (
    "The firmware on the board and this tool don't fit together: bring both to the same version."
)

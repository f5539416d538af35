"""Calls to the board's dispatcher: one frame out, one frame back, an error as an exception."""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import time
from collections.abc import Iterator
from typing import Any

from atecc.bounded import check_text, parse
from atecc.channels import Batched, Channel
from atecc.errors import (
    ArgumentError,
    ChannelError,
    CorruptReply,
    DamagedRequest,
    DeviceError,
    RequestNotRead,
)

logger = logging.getLogger(__name__)

TIMEOUT = 15.0
ATTEMPTS = 3
MEMORY_PAUSE_S = 1.0

_UNKNOWN = "Whether the board did it is not known: `atecc identity status` and `atecc info` tell."

# Asking these twice changes nothing, so a damaged reply is asked for again.
READS = frozenset(
    {
        "RPC.List",
        "App.Log",
        "App.Status",
        "Sys.GetInfo",
        "Sys.Check",
        "ATCA.GetInfo",
        "ATCA.GetConfig",
        "ATCA.GetPubKey",
        "ATCA.KeyInfo",
        "ATCA.ReadSlot",
        "Identity.Status",
        "Identity.Get",
        "MQTT.Status",
        "RPC.Describe",
        "Config.Get",
        "FS.List",
        "FS.ListExt",
        "FS.Get",
        "Wifi.Status",
        "Wifi.Scan",
        "Access.Status",
    }
)

LARGEST_FRAME = 12288  # firmware/rpc/frame.py

# The marks U, W and B of firmware/rpc/README.md.
USB_ONLY = frozenset({"Access.Trust", "Access.Bench", "Access.WebSocket"})
WITHDRAW = frozenset({"Access.Forget"})
NEEDS_BENCH = frozenset({"ATCA.SetConfig", "ATCA.LockZone", "ATCA.LockSlot", "ATCA.GenKey", "ATCA.SetKey"})


class Client:
    """A caller of the device RPC, over any channel; `remote` if that is not the USB cable."""

    def __init__(self, channel: Channel, src: str = "atecc", remote: bool = False) -> None:
        self._channel = channel
        self._src = src
        self.remote = remote
        self._ids = itertools.count(1)
        self._ahead: dict[str, tuple[int, bytes]] = {}  # by method: the request's number, and the reply

    def call(self, method: str, params: dict[str, Any] | None = None, timeout: float = TIMEOUT) -> Any:
        """The result of a method, or a DeviceError; a ChannelError where the board could not be asked."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._once(method, params, timeout)
            except CorruptReply as error:
                logger.info("%s: %s (attempt %d of %d)", method, error, attempt, ATTEMPTS)
                harmless = method in READS or isinstance(error, DamagedRequest)
                if not harmless:
                    error.hint = _UNKNOWN
                if not harmless or attempt == ATTEMPTS:
                    raise
                if isinstance(error, RequestNotRead):
                    time.sleep(MEMORY_PAUSE_S)
        raise AssertionError("unreachable")

    @contextlib.contextmanager
    def ahead(self, *methods: str) -> Iterator[None]:
        """Ask what the block is going to ask for without parameters, all of it at one go if the channel can do that.

        The first call of each then has its reply already, until something else is called. One whose reply was damaged
        asks for itself.
        """
        assert set(methods) <= READS
        if isinstance(self._channel, Batched):
            self._ahead = self._asked(self._channel, methods)
        try:
            yield
        finally:
            self._ahead = {}

    def _asked(self, channel: Batched, methods: tuple[str, ...]) -> dict[str, tuple[int, bytes]]:
        numbers = [next(self._ids) for _ in methods]
        frames = [self._frame(*asked, None) for asked in zip(numbers, methods, strict=True)]
        try:
            replies = channel.requests(frames, TIMEOUT)
        except CorruptReply as error:
            logger.info("%s: %s", ", ".join(methods), error)
            return {}
        return dict(zip(methods, zip(numbers, replies, strict=True), strict=True))

    def close(self) -> None:
        self._channel.close()

    def _frame(self, number: int, method: str, params: dict[str, Any] | None) -> bytes:
        frame: dict[str, Any] = {"id": number, "src": self._src, "method": method}
        if params:
            frame["params"] = params
        try:
            check_text(frame)
        except ValueError as error:
            raise ArgumentError(f"That can't be said to a board: {error}.") from error
        return json.dumps(frame, separators=(",", ":")).encode()

    def _ask(self, method: str, params: dict[str, Any] | None, timeout: float) -> tuple[int, bytes]:
        """The number of the request, and the reply."""
        if not params and (known := self._ahead.pop(method, None)):
            return known
        self._ahead = {}
        number = next(self._ids)
        frame = self._frame(number, method, params)
        if len(frame) > LARGEST_FRAME:
            raise ArgumentError(
                f"A request of {len(frame)} bytes ({method}) is too large for a board: it reads {LARGEST_FRAME} at "
                "most."
            )
        return number, self._channel.request(frame, timeout)

    def _once(self, method: str, params: dict[str, Any] | None, timeout: float) -> Any:
        number, reply = self._ask(method, params, timeout)
        try:
            return _result(reply, number, method)
        except DeviceError as error:
            if self.remote and error.kind == "refused":
                error.hint = _from_afar(method)
            raise


def _result(reply: bytes, number: int, method: str) -> Any:
    try:
        document = parse(reply)
    except ValueError as error:
        raise CorruptReply("The board's answer is not JSON.") from error
    if isinstance(document, dict) and "id" not in document and "error" in document:
        kind = document["error"].get("kind") if isinstance(document["error"], dict) else None
        if kind == "memory":
            raise RequestNotRead(
                "The board has too little memory to read the request, and ignored it.",
                "`atecc reboot` gives it a fresh start.",
            )
        raise DamagedRequest(
            "The request was damaged on its way to the board, which ignored it.", "Try again."
        )
    if not isinstance(document, dict) or document.get("id") != number:
        raise CorruptReply("The board answered another request than this one.")
    if isinstance(document.get("error"), dict):
        raise DeviceError.from_reply(document["error"])
    if "result" not in document:
        raise ChannelError(
            f"The board's answer to {method} has neither a result nor an error.", FIRMWARE_DIFFERS
        )
    return document["result"]


def _from_afar(method: str) -> str:
    """What to do about a refusal that a caller on the cable would not have got."""
    if method in USB_ONLY:
        return "That is for the owner, and works over USB only: plug the board in, and name its port with --port."
    if method in WITHDRAW:
        return "Over USB the owner withdraws anybody, and gives that right: `atecc operator trust --may-withdraw`."
    if method in NEEDS_BENCH:
        return (
            "From the network this takes the bench permission, which the owner gives over USB: "
            "`atecc bench on --for 1h`. Or run the command over USB."
        )
    return ""


FIRMWARE_DIFFERS = (
    "The firmware on the board and this tool don't fit together: bring both to the same version."
)

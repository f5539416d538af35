"""The board that is looked at: how it is reached, and what has been asked of it already."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from atecc.bounded import parse
from atecc.channels import Channel, Terminal
from atecc.device import Device
from atecc.device.replies import BoardInfo, ChipInfo, IdentityStatus
from atecc.errors import ChannelError, CodeFailed

PROMPT_TIMEOUT = 30.0
_VALUE = re.compile(r"^<<<(.*)>>>\r?$", re.MULTILINE)


class Unchecked(Exception):
    """This can't be looked at here; the text goes on after "because"."""


@dataclass(frozen=True)
class Layer:
    """`look` says what is well; it raises an AteccError if something is not, Unchecked if it can't tell.

    remedy: for what fails without saying what to do about it.
    """

    name: str
    look: Callable[[Patient], str]
    remedy: str
    needs: tuple[str, ...] = ()


class Patient:
    """`open_channel()` reaches the board, over the network if `place` says where; seconds for what may take a while."""

    def __init__(
        self, open_channel: Callable[[], Channel], place: str | None = None, timeout: float = 30.0
    ) -> None:
        self._open_channel = open_channel
        self.place = place
        self.timeout = timeout

    @cached_property
    def channel(self) -> Channel:
        return self._open_channel()

    @cached_property
    def device(self) -> Device:
        return Device(self.channel, self.timeout, remote=self.place is not None)

    def close(self) -> None:
        if "channel" in self.__dict__:
            self.channel.close()

    @property
    def terminal(self) -> Terminal:
        """The board's prompt; Unchecked where there is none."""
        if self.place is not None:
            raise Unchecked(f"it takes the USB cable, and this board is reached at {self.place}")
        if not isinstance(self.channel, Terminal):
            raise Unchecked("there is no prompt on this channel")
        return self.channel

    def value(self, expression: str, modules: str = "", timeout: float = PROMPT_TIMEOUT) -> Any:
        """What an expression, with these modules imported, gives at the prompt."""
        code = f"import json{modules and ', '}{modules}\nprint('\\n<<<%s>>>' % json.dumps({expression}))"
        output = self.terminal.execute(f"exec({code!r}, {{}})", timeout)
        found = _VALUE.search(output)
        if found:
            with contextlib.suppress(ValueError):
                return parse(found[1])
        raise ChannelError("The board's prompt gives no answer that makes sense.", "Try again.")

    def wiring(self, function: str) -> Any:
        """Ask firmware/wiring.py, which an older firmware does not have."""
        try:
            return self.value(f"wiring.{function}", "wiring, device")
        except CodeFailed as error:
            if error.exception == "ImportError":
                raise Unchecked("this firmware can't look at its wires: it is older than this tool") from None
            raise

    @cached_property
    def info(self) -> BoardInfo:
        info = self.device.info()
        self.asked_at = time.time()
        return info

    @cached_property
    def chip_info(self) -> ChipInfo:
        return self.device.chip_info()

    @cached_property
    def identities(self) -> IdentityStatus:
        return self.device.identity_status()

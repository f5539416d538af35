"""What calls a board's methods by name, whichever they are, and for how long it waits."""

from __future__ import annotations

from contextlib import AbstractContextManager
from time import sleep
from typing import Any, Self

from atecc.channels import Channel
from atecc.device.rpc import TIMEOUT, Client

# A key, a request and its self-check on a chip with the slowest clock, built by a microcontroller.
BEGIN_TIMEOUT = 40.0
# The board gives up first, so that its reason arrives and not our impatience.
SLACK = 15.0
# firmware/link/link.py: how long the link waits for its broker.
LINK_WAIT = 30.0
NETWORK_TIMEOUT = 30.0

# It resets half a second after its answer: what is asked before that is answered by the device as it was.
RESETS_AFTER_S = 0.7


class Caller:
    """On a channel; `network_timeout` is what the board allows for anything beyond its own walls."""

    def __init__(
        self, channel: Channel, network_timeout: float = NETWORK_TIMEOUT, remote: bool = False
    ) -> None:
        self._client = Client(channel, remote=remote)
        self.network_timeout = network_timeout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    @property
    def remote(self) -> bool:
        """Whether it is called over anything but the USB cable."""
        return self._client.remote

    def call(self, method: str, params: dict[str, Any] | None = None, timeout: float = TIMEOUT) -> Any:
        """Any method, by name."""
        return self._client.call(method, params, timeout)

    def ahead(self, *methods: str) -> AbstractContextManager[None]:
        """Ask these at one go, because the block is going to: for reads without parameters (see Client)."""
        return self._client.ahead(*methods)

    @property
    def link_timeout(self) -> float:
        """The link waits in its own time, and says then what it has waited for."""
        return max(self.network_timeout, LINK_WAIT) + SLACK

    def networked(self, method: str, params: dict[str, Any], timeout: float | None = None) -> Any:
        seconds = self.network_timeout if timeout is None else timeout
        return self.call(method, params | {"timeout": seconds}, seconds + SLACK)

    def wait_for_reset(self) -> None:
        """After the answer to what makes the board reset; when this returns it has done so."""
        sleep(RESETS_AFTER_S)

"""What somebody wants provisioned, in one piece: made once, where it was typed, and read by everything below."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from atecc.bounded import utc
from atecc.provisioning.authority import Authority, Target, Wish
from atecc.topics import check_name

if TYPE_CHECKING:
    from cryptography import x509

    from atecc.device import Device
    from atecc.device.replies import Login


class Order(Protocol):
    """A kind of issuer, and all that was said about the certificate, the key and the broker."""

    @property
    def connection(self) -> Connection: ...

    def settle(self, device: Device) -> tuple[Wish, Authority]:
        """What was left open until the board could be asked; nothing is changed yet, there or elsewhere."""


@dataclass(frozen=True)
class Connection:
    """How the device is to connect, whoever issues its certificate.

    `server_ca` are the CAs that the broker's certificate may come from. `check_broker` has this computer look at
    the broker before the chip makes a key, and the board where that leaves a doubt. `requests`: switch on requests over
    MQTT, which takes the USB cable.
    """

    client_id: str | None = None
    server_ca: list[x509.Certificate] = field(default_factory=list)
    check_broker: bool = True
    login: Login | None = None
    requests: bool = False

    def target(
        self, name: str, broker: tuple[str, int], ca: list[x509.Certificate], thing: str | None = None
    ) -> Target:
        """Complete: the name is the client ID as well, and `ca` is trusted, where nothing else was said."""
        host, port = broker
        check_name(name, "a device's name")
        client_id = check_name(self.client_id or name, "a client ID")
        trusted = self.server_ca or ca
        return Target(name, client_id, host, port, trusted, thing, self.login, self.requests)


@dataclass(frozen=True)
class Renewal:
    """A board that has what it is to get is left alone, unless it is wanted anew anyway (`always`), or its certificate
    has ended, or ends within `before` seconds.
    """

    always: bool = False
    before: float = 0

    def due(self, not_after: float) -> bool:
        return self.always or not_after - time.time() <= max(self.before, 0)


def left_alone(name: str, what: str, not_after: float) -> str:
    """Why nothing is done: `what` is so, in words."""
    return (
        f"The board is {name} already: {what} and valid until {utc(int(not_after))}. "
        "Both its key and its certificate stay; --renew makes new ones."
    )

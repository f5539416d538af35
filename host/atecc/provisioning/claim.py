"""A claim handed over to a board, which asks AWS for its own certificate by it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from atecc.bounded import utc
from atecc.errors import DeviceError, NetworkError, RefusedError

if TYPE_CHECKING:
    from atecc.device import Device
    from atecc.device.replies import IdentityInfo, IdentityStatus

PATIENCE_SECONDS = 120.0
PAUSE_SECONDS = 0.5
ATTEMPTS = 3  # after so many the board's word is taken for it
# What another attempt won't mend.
FINAL = ("rejected", "refused", "unlocked", "slot", "no-chip", "other-part", "state", "certificate")

pause = time.sleep


class Claim(Protocol):
    """Certificate, with its chain behind it, and key, in DER, or the key's slot; until when, if that is known."""

    @property
    def certificates(self) -> list[bytes]: ...
    @property
    def key(self) -> bytes | int: ...
    @property
    def until(self) -> int | None: ...


def already(status: IdentityStatus, chip: str, host: str) -> IdentityInfo | None:
    """The identity that a claim at that broker would bring the board: a fleet's things end with the chip's serial.

    A RefusedError if the board is somebody else.
    """
    one = status.identities.get(status.active or "")
    if one is None or one.name is None:
        return None
    if one.endpoint == host and one.name.endswith(chip):
        return one if (one.not_after or 0) > time.time() else None
    raise RefusedError(
        f"This board is {one.name} already, at {one.endpoint}: with a claim it would become another thing.",
        f"--take-over does it all the same: {one.name} is then on no board.",
    )


def left_alone(one: IdentityInfo) -> str:
    return (
        f"The board is {one.name} already, with a certificate that is valid until {utc(one.not_after or 0)}. "
        f"Nothing was done; `atecc aws rotate --thing {one.name}` has it renew that."
    )


def hand_over(
    device: Device, template: str, claim: Claim, broker: tuple[str, int], trusted: list[bytes]
) -> None:
    """The board keeps it, and begins at once. Its clock is set: without the time it accepts no broker."""
    device.set_time(int(time.time()))
    device.claim(template, claim.certificates, claim.key, trusted, *broker, until=claim.until)


def wait(device: Device, before: IdentityStatus) -> IdentityStatus:
    """When the board has another identity than before; a DeviceError with its last word if it has none in the end."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        status = device.identity_status()
        if status.active is not None and status.active != before.active:
            return status
        claim = status.claim
        if claim and claim.last_error:
            error = DeviceError.from_reply(claim.last_error)
            if error.kind in FINAL or claim.attempts >= ATTEMPTS or not claim.under_way:
                raise error
        if time.monotonic() > deadline:
            raise NetworkError(f"The board has no certificate after {PATIENCE_SECONDS:.0f} s.")
        pause(PAUSE_SECONDS)

"""Where a board stands on its way to a connection, in a word, and which command is next."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from atecc.channels import Channel
from atecc.device.client import Device
from atecc.device.replies import ChipInfo, IdentityInfo, IdentityStatus, MqttStatus
from atecc.errors import AteccError

DAY = 86400
SOON_DAYS = 30


@dataclass(frozen=True)
class Standing:
    """A board on a port: its chip's serial number, the device's name, its state, and what to do next."""

    port: str
    serial: str | None = None
    name: str | None = None
    state: str = ""
    next: tuple[str, ...] = ()


def standing(port: str, open_channel: Callable[[], Channel]) -> Standing:
    """Asked at `port`; whatever goes wrong is its state."""
    serial = name = None
    try:
        with Device(open_channel()) as device:
            name = device.info().id
            chip = device.chip_info()
            serial = chip.serial
            identities, mqtt = device.identity_status(), device.mqtt_status()
            active = identities.identities[identities.active] if identities.active else None
            name = (active.name if active else None) or name
            return Standing(
                port, serial, name, state(chip, identities, mqtt), next_steps(chip, identities, mqtt)
            )
    except AteccError as error:
        return Standing(port, serial, name, error.message, (f"atecc doctor --port {port}",))


def state(chip: ChipInfo, identities: IdentityStatus, mqtt: MqttStatus) -> str:
    if not chip.config_locked:
        return "chip not configured"
    if not chip.data_locked:
        return "data zone not locked"
    if identities.other_chip:
        return "another chip's identity"
    if identities.active is None:
        return "no identity"
    left = days_left(identities.identities[identities.active])
    ends = "" if left is None or left >= SOON_DAYS else f", certificate {_ends(left)}"
    return f"{'connected' if mqtt.state == 'connected' else f'MQTT {mqtt.state}'}{ends}"


def next_steps(
    chip: ChipInfo, identities: IdentityStatus, mqtt: MqttStatus, factory: bool = False
) -> tuple[str, ...]:
    """Commands, as they are typed, "or" before another way. `factory`: the chip has an identity from there."""
    if not chip.config_locked:
        return ("atecc chip config set", "atecc chip lock config")
    if not chip.data_locked:
        return ("atecc chip lock data",)
    if identities.active is None or identities.other_chip:
        more = ("or atecc provision factory --help",) if factory else ()
        return ("atecc provision aws --thing NAME", "or atecc provision ca --help", *more)
    left = days_left(identities.identities[identities.active])
    if left is not None and left < SOON_DAYS:
        return (f"atecc provision --help (the certificate {_ends(left)})",)
    if mqtt.state != "connected":
        return ("atecc mqtt connect",)
    return (f"atecc mqtt publish things/{mqtt.client_id}/hello 'hello, world' --round-trip",)


def days_left(one: IdentityInfo) -> int | None:
    """By this computer's clock."""
    return None if one.not_after is None else int((one.not_after - time.time()) // DAY)


def _ends(left: int) -> str:
    return "has ended" if left < 0 else f"ends in {left} days"

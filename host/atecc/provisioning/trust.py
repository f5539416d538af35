"""Between an operator and a device, over USB: the device learns whom to trust, the operator whom to believe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from atecc.channels.address import Address
from atecc.device import Device
from atecc.device.replies import AccessStatus, TrustedCa
from atecc.errors import DeviceError
from atecc.operators.known import fingerprint
from atecc.operators.operator import Operator
from atecc.x509.requests import der


@dataclass(frozen=True)
class Introduced:
    """What each side knows now. `keys` is empty for a device without an identity; `address` if it has one."""

    name: str
    keys: list[str]
    ca: TrustedCa
    access: AccessStatus
    address: str | None

    @property
    def why_no_address(self) -> str:
        """What is missing before wss:// works."""
        if not self.keys:
            return "The device has no identity yet: `atecc provision` gives it one, and wss:// starts then."
        if not self.access.wss.enabled:
            return "wss:// is switched off: `atecc config set rpc.wss.enable=true --save`."
        if not self.access.wss.listening:
            return f"wss:// does not listen yet: {self.access.wss.why or 'no reason was given'}."
        return (
            f"wss:// listens on port {self.access.wss.port}, but no address of the device is known: `atecc wifi set` "
            "joins a network."
        )


def introduce(device: Device, operator: Operator) -> Introduced:
    """Hand the operator's CA over, and learn the device's name and keys."""
    ca = device.trust(der(operator.ca()))
    name, keys = recognise(device)
    if keys:
        operator.devices.learn(name, keys)
    access = device.access_status()
    return Introduced(name, keys, ca, access, _address(device, access))


def learner(operator: Operator, address: Address | None) -> Callable[[str, bytes], None] | None:
    """Where a new key is noted, for wss://: not if the way to the device could have been anybody's."""
    if not operator.exists or (address is not None and address.scheme == "ws"):
        return None
    return lambda name, point: operator.devices.learn(name, [fingerprint(point)])


def recognise(device: Device) -> tuple[str, list[str]]:
    """A device's name, and the SHA-256 of the keys of its identities."""
    status = device.identity_status()
    active = status.identities.get(status.active or "")
    keys = [
        fingerprint(device.public_key(one.slot))
        for one in status.identities.values()
        if one.slot is not None and one.state in ("staged", "tried", "active")
    ]
    return (active and active.name) or device.info().id, keys


def _address(device: Device, access: AccessStatus) -> str | None:
    if not access.wss.listening:
        return None
    try:
        ip = device.wifi_status().ip
    except DeviceError:
        return None  # a board without Wi-Fi
    return f"wss://{ip}{'' if access.wss.port == 443 else f':{access.wss.port}'}" if ip else None

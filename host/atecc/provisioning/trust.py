"""Between an operator and a device, over USB: the device learns whom to trust, the operator whom to believe."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from atecc.channels import Access, Channel
from atecc.channels.address import Address
from atecc.chip.keys import request
from atecc.device import Device
from atecc.device.replies import AccessStatus, TrustedCa
from atecc.errors import AteccError, CertificateError, DeviceError, RefusedError
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


@dataclass(frozen=True)
class Shown:
    """A device's own name, and by its SHA-256 the slot of each identity's key: of those now, and of the one before."""

    name: str
    keys: dict[str, int]
    before: dict[str, int]


def introduce(
    device: Device,
    operator: Operator,
    name: str | None = None,
    replace: bool = False,
    withdraw: bool | None = None,
) -> Introduced:
    """Hand the operator's CA over, and learn the device's keys, under the name that it has or that is given here.

    `withdraw`: whether this operator may have others forgotten from afar; None leaves that as it is.

    RefusedError, with nothing done, if the name is known already and the device has none of the keys that are known by
    it; with `replace` those are forgotten.
    """
    shown = _look(device)
    name = name or shown.name
    for slot in shown.keys.values():
        if not _signs(device, slot):
            raise CertificateError(f"The board can't sign with the key that it shows of slot {slot}.")
    if not replace:
        _check_same(device, shown, operator, name)
    ca = device.trust(der(operator.ca()), withdraw)
    access = device.access_status()
    address = _address(device, access)
    if shown.keys:
        operator.devices.learn(name, shown.keys, instead=replace)
        if address:
            operator.devices.reached(name, address)
    return Introduced(name, list(shown.keys), ca, access, address)


def learner(
    operator: Operator, address: Address | None, device: Device | None = None
) -> Callable[[str, bytes], None] | None:
    """Where a new key of `device` is noted, for wss://: not if the way to it could have been anybody's."""
    if not operator.exists or (address is not None and address.scheme == "ws"):
        return None

    def learn(name: str, point: bytes) -> None:
        if device is not None:
            _check_same(device, _look(device), operator, name, on_cable=address is None)
        operator.devices.learn(name, [fingerprint(point)])

    return learn


@dataclass(frozen=True)
class Told:
    """A device, and whether it does not let the operator in any more; `say` says why not, or what it said."""

    device: str
    done: bool
    say: str


def withdraw(
    operator: Operator, name: str, sha256: str, open_channel: Callable[[str, Access], Channel]
) -> Told:
    """Have a device that is known forget the CA whose SHA-256 begins like this, over wss://."""
    address = operator.devices.address_of(name)
    if address is None:
        return Told(name, False, "no address is known: it was never reached over wss:// from here")
    try:
        access = Access(operator=operator.directory, device=name)
        with Device(open_channel(address, access), remote=True) as device:
            found = [one for one in device.access_status().operators if one.sha256.startswith(sha256)]
            if len(found) > 1:
                return Told(name, False, f"{len(found)} of the CAs that it trusts begin so")
            for one in found:
                device.forget(one.sha256)
    except AteccError as error:
        return Told(name, False, error.message)
    return Told(
        name, True, f"forgot {found[0].subject}" if found else "it did not let that operator in anyway"
    )


def recognise(device: Device) -> tuple[str, list[str]]:
    """A device's name, and the SHA-256 of the keys of its identities."""
    shown = _look(device)
    return shown.name, list(shown.keys)


def _look(device: Device) -> Shown:
    status = device.identity_status()
    active = status.identities.get(status.active or "")
    keys: dict[str, dict[str, int]] = {"now": {}, "before": {}}
    for one in status.identities.values():
        if one.slot is not None and one.state in ("staged", "tried", "active", "previous"):
            key = fingerprint(device.public_key(one.slot))
            keys["before" if one.state == "previous" else "now"][key] = one.slot
    return Shown((active and active.name) or device.info().id, keys["now"], keys["before"])


def _check_same(device: Device, shown: Shown, operator: Operator, name: str, on_cable: bool = True) -> None:
    """RefusedError if a device of this name is known, and this one has none of its keys, not even from before.

    On the cable it takes a proof: public keys are no secret, and a strange board may show anybody's.
    """
    known = operator.devices.keys_of(name)
    slots = [slot for key, slot in (shown.keys | shown.before).items() if key in known]
    if not known or not shown.keys or any(not on_cable or _signs(device, slot) for slot in slots):
        return
    raise RefusedError(
        f"A device {name} is known here already, and this board has none of its keys: it may be another one that is "
        "called the same. Its key was not learned.",
        "If it is another one: `atecc operator trust --name NAME` over USB gives it another name here. If it has a new "
        "chip, or was set up anew: `atecc operator trust --replace` forgets the keys that it had.",
    )


def _signs(device: Device, slot: int) -> bool:
    """Whether the chip has the key that the slot shows: it signs a request with a name that nobody could foresee."""
    try:
        request(device, slot, [[("CN", secrets.token_hex(16))]])
    except CertificateError:
        return False
    return True


def _address(device: Device, access: AccessStatus) -> str | None:
    if not access.wss.listening:
        return None
    try:
        ip = device.wifi_status().ip
    except DeviceError:
        return None  # a board without Wi-Fi
    return f"wss://{ip}{'' if access.wss.port == 443 else f':{access.wss.port}'}" if ip else None

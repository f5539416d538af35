"""The factory's certificates of a Trust&GO or TrustFLEX chip: read from the board, and used as its identity."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from atecc.chip.keys import request
from atecc.chip.reading import normal_serial
from atecc.device import Device
from atecc.errors import CertificateError, ChipError, DeviceError, RefusedError
from atecc.provisioning.authority import Authority, Issued, Look, Seen, Target, Unchanged, Wish, stored
from atecc.provisioning.order import Connection
from atecc.steps import Steps
from atecc.x509.factory import (
    DEVICE_CERTIFICATE,
    DEVICE_KEY,
    MAC_ADDRESS,
    ROOT_NAME,
    ROOT_POINT,
    SIGNER_CERTIFICATE,
    SIGNER_KEY,
    FactoryChain,
    FactorySlots,
    rebuild,
)
from atecc.x509.keyfile import load_certificates
from atecc.x509.names import Rdns, from_x509, rdns_of
from atecc.x509.points import to_point
from atecc.x509.requests import same_key, when

if TYPE_CHECKING:
    from cryptography import x509


@dataclass(frozen=True)
class Factory:
    """What the chip was given, verified: the certificate is for the key in slot 0, which the chip has signed with."""

    serial: str
    chain: FactoryChain

    @property
    def subject(self) -> Rdns:
        return rdns_of(self.chain.device.subject)

    @property
    def doubt(self) -> str:
        """A sentence where no root is known that the chain ends at."""
        if self.chain.root is not None:
            return ""
        return (
            f"The signer's certificate is not signed by the key of Microchip's {ROOT_NAME}: this is a "
            "simulated chip, or one with its owner's certificates, or no genuine one."
        )


def read_factory(device: Device, root: bytes = ROOT_POINT) -> Factory:
    """Read and rebuild; an error if the chip has no such certificates, or they are not for its key."""
    chip = device.chip_info()
    if not chip.data_locked:
        raise RefusedError(
            "The chip's data zone is not locked: a chip in that state lets no slot be read.",
            "Trust&GO and TrustFLEX chips leave the factory with both zones locked; this one did not.",
        )
    slots = FactorySlots(
        serial=normal_serial(chip.serial),
        device_point=_key(device),
        device=_slot(device, DEVICE_CERTIFICATE),
        signer_point=_slot(device, SIGNER_KEY),
        signer=_slot(device, SIGNER_CERTIFICATE),
        mac_address=_mac_address(device),
    )
    try:
        factory = Factory(slots.serial, rebuild(slots, root))
    except CertificateError as error:
        error.hint = error.hint or _NONE
        raise
    request(device, DEVICE_KEY, factory.subject, pubkey=slots.device_point)
    return factory


def root_point(path: Path | None) -> bytes:
    """The key of the CA in this file; Microchip's without one."""
    if path is None:
        return ROOT_POINT
    point = to_point(load_certificates(path)[0].public_key())
    if not point:
        raise CertificateError(f"The CA in {path} has no P-256 key: it signs no such chip's certificates.")
    return point


_NONE = "Trust&GO (TNGTLS) and TrustFLEX (TFLXTLS) chips have them; `atecc info` names the chip."


def _key(device: Device) -> bytes:
    try:
        return device.public_key(DEVICE_KEY)
    except DeviceError as error:
        raise ChipError(
            f"Slot {DEVICE_KEY} shows no key: the chip has no factory certificate.", _NONE
        ) from error


def _slot(device: Device, slot: int) -> bytes:
    try:
        return device.read_slot(slot)
    except DeviceError as error:
        if error.kind != "slot":
            raise
        raise ChipError(f"Slot {slot} can't be read: the chip has no factory certificate.", _NONE) from error


def _mac_address(device: Device) -> bytes | None:
    """Trust&GO chips have one that may be read; in others the slot is a secret."""
    with contextlib.suppress(DeviceError):
        return device.read_slot(MAC_ADDRESS)
    return None


@dataclass(frozen=True)
class FactoryOrder:
    """The certificate that the chip has, for a broker (host and port); without a `name` its CN is the device's.

    `root` is the key of the CA that signs signers: 64 bytes, X then Y.
    """

    connection: Connection
    broker: tuple[str, int]
    root: bytes = ROOT_POINT
    name: str | None = None

    def settle(self, device: Device) -> tuple[Wish, FactoryAuthority]:
        found = read_factory(device, self.root)
        target = self.connection.target(self.name or found.subject[-1][0][1], self.broker, [])
        wish = Wish(found.subject, key="existing", slot=DEVICE_KEY)
        return wish, FactoryAuthority(found, target, self.connection.check_broker)


class FactoryAuthority(Authority):
    """An issuer that has issued already."""

    def __init__(self, factory: Factory, target: Target, check_broker: bool = True) -> None:
        self._factory = factory
        self._target = target
        self._check_broker = check_broker
        self.chain = [factory.chain.signer]
        self.issuer = factory.chain.signer

    def already(self, seen: Seen, steps: Steps) -> Unchanged | None:
        held, target, chain = seen.active, self._target, self._factory.chain
        if held is None or held.slot != DEVICE_KEY or not target.is_of(held) or target.login is not None:
            return None
        if seen.kept() != stored(target, Issued(chain.device, [chain.signer])):
            return None
        return Unchanged(
            f"The board is {target.name} already, with its factory certificate: that stays.", {}, steps
        )

    def prepare(self, steps: Steps, look: Look) -> Target:
        chain = self._factory.chain
        with steps.step("factory", "reading the factory's certificates") as step:
            step.meaning = f"factory certificate {from_x509(chain.device.subject)}, rebuilt and verified"
        if self._factory.doubt:
            steps.warn(self._factory.doubt)
        if self._check_broker:
            look(self._target)
        return self._target

    def issue(self, request: x509.CertificateSigningRequest, steps: Steps) -> Issued:
        chain = self._factory.chain
        with steps.step("certificate", "comparing the key") as step:
            if not same_key(chain.device.public_key(), request.public_key()):
                raise CertificateError("The factory certificate is for another key than the one in the slot.")
            step.meaning = (
                f"certificate of {from_x509(chain.device.issuer)}, valid until "
                f"{when(chain.device.not_valid_after_utc)}"
            )
        return Issued(chain.device, [chain.signer])

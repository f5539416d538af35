"""What is done to one key slot: a key made in it, or brought into it. Either destroys the key that was there.

As with locks, a plan can be shown before anything happens. The active identity's key is never replaced; anybody
else's only with the chip's serial number, which the board asks for too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atecc.chip.config.check import device_key_slots, why_no_signature
from atecc.chip.config.chipwords import uses_left
from atecc.chip.config.slot import PRIVWRITE, Slot
from atecc.chip.config.zone import ConfigZone
from atecc.chip.reading import normal_serial, read_config
from atecc.device import Device
from atecc.device.replies import ChipInfo, KeyInfo
from atecc.errors import AteccError, ChannelError, ChipError, DeviceError, RefusedError
from atecc.x509.names import Rdns
from atecc.x509.points import to_point
from atecc.x509.requests import check_csr

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

EXECUTION_ERROR = 0x0F


@dataclass(frozen=True)
class KeyPlan:
    """A slot that is to get a key; `owner` says whose key is there now, `loss` what goes with it."""

    chip: ChipInfo
    config: ConfigZone
    key: KeyInfo
    owner: str
    loss: str

    @property
    def slot(self) -> int:
        return self.key.slot

    @property
    def rules(self) -> Slot:
        return self.config.slots[self.key.slot]

    @property
    def checkable(self) -> str:
        """What of an imported key can be checked afterwards, in words."""
        if not self.rules.pub_info:
            return ""
        return "public key and its signature" if self.key.can_sign else "public key"

    @property
    def free(self) -> bool:
        return not self.owner

    def confirmed_by(self, serial: str | None) -> bool:
        return self.free or normal_serial(serial or "") == normal_serial(self.chip.serial)


def plan_generate(device: Device, slot: int) -> KeyPlan:
    """What making a key in this slot would mean; refused where it can't be, or must not."""
    plan = _plan(device, slot)
    if not plan.key.can_generate:
        slots = device_key_slots(plan.config)
        raise ChipError(
            f"Slot {slot} lets the chip make no key: {_why_not(plan, 'its rules forbid GenKey')}.",
            f"Slots that can hold a device key: {', '.join(map(str, slots)) or 'none'}.",
        )
    return plan


def generate(device: Device, plan: KeyPlan, serial: str | None = None) -> bytes:
    """The new key's public half, read back from the slot. `serial` is what the user typed."""
    _check_confirmed(plan, serial)
    with _uncertain(plan.slot):
        point = device.generate_key(plan.slot, None if plan.free else normal_serial(serial or ""))
    if plan.rules.pub_info and device.public_key(plan.slot) != point:
        raise ChipError(f"Slot {plan.slot} holds another key than the one that the chip has just made.")
    return point


def plan_import(device: Device, slot: int, write_key: bytes | None) -> KeyPlan:
    """What bringing a key into this slot would mean; refused where the chip would not take it."""
    plan = _plan(device, slot)
    if not plan.rules.is_private_key or not plan.rules.write_config & PRIVWRITE or _locked(plan):
        raise ChipError(
            f"Slot {slot} takes no key from outside: {_why_not(plan, 'its rules forbid PrivWrite')}.",
            f"Slots that do: {', '.join(map(str, import_slots(plan.config))) or 'none'}.",
        )
    if plan.chip.data_locked and write_key is None:
        raise RefusedError(
            f"The data zone is locked: slot {slot} takes a key only encrypted, with the secret that is in slot "
            f"{plan.rules.write_key}.",
            "--write-key FILE holds that secret: 32 bytes, raw or as hex digits; - is standard input.",
        )
    return plan


def import_key(
    device: Device,
    plan: KeyPlan,
    key: ec.EllipticCurvePrivateKey,
    write_key: bytes | None = None,
    serial: str | None = None,
) -> bytes:
    """Bring a P-256 key into the slot, and have the chip prove that it has it; its public half."""
    _check_confirmed(plan, serial)
    scalar = key.private_numbers().private_value.to_bytes(32, "big")
    typed = None if plan.free else normal_serial(serial or "")
    try:
        with _uncertain(plan.slot):
            device.import_key(plan.slot, scalar, write_key, typed)
    except DeviceError as error:
        if error.kind == "chip" and write_key is not None:
            error.hint = (
                f"Is that the secret in slot {plan.rules.write_key}? The chip takes a key only with it."
            )
        raise
    point = to_point(key.public_key())
    if plan.rules.pub_info:
        _check_imported(device, plan, point)
    return point


def _check_imported(device: Device, plan: KeyPlan, point: bytes) -> None:
    if device.public_key(plan.slot) != point:
        raise ChipError(f"Slot {plan.slot} holds another key than the one in the file.", "Import it again.")
    if plan.key.can_sign:
        request(device, plan.slot, [[("CN", "import")]], pubkey=point)


def request(
    device: Device,
    slot: int,
    subject: Rdns,
    san: list[str] | None = None,
    key_usage: list[str] | None = None,
    pubkey: bytes | None = None,
) -> x509.CertificateSigningRequest:
    """A certificate request for the key that is there, signed by it; checked here against the chip's own word."""
    with _explained(device, slot):
        asked = device.request(slot, subject, san, key_usage)
    expected = pubkey if pubkey is not None else device.public_key(slot)
    return check_csr(asked.csr, expected, subject, san, key_usage)


def import_slots(config: ConfigZone) -> list[int]:
    """Slots that take a private key from outside."""
    return [
        number
        for number, slot in enumerate(config.slots)
        if slot.is_private_key and slot.write_config & PRIVWRITE and not config.slot_locked(number)
    ]


def _plan(device: Device, slot: int) -> KeyPlan:
    chip = device.chip_info()
    if not chip.config_locked:
        raise RefusedError(
            "The chip's config zone is not locked: a chip in that state has no keys.",
            "See what locking means, without doing it: `atecc chip lock config`.",
        )
    config = read_config(device, chip)
    key = device.key_info(slot)
    if key.in_use == "active":
        raise RefusedError(
            f"Slot {slot} holds the key of the active identity: it is never replaced.",
            "`atecc provision` makes the next key in the other slot, and this one can be replaced then; with "
            f"--slot {slot} --key existing it gives this key a new certificate.",
        )
    owner, loss = _owner(device, key)
    return KeyPlan(chip, config, key, owner, loss)


def _owner(device: Device, key: KeyInfo) -> tuple[str, str]:
    """Whose key is there, and what is gone without it."""
    if key.in_use is None and not key.valid:
        return "", ""
    status = device.identity_status()
    one = status.identities[status.idle]
    if one.slot != key.slot or one.state == "empty":
        if key.in_use in ("idle", "previous"):
            return "a key that was made for an identity", "whatever certificate there is for it"
        return (
            "a key that no identity of this board knows",
            "whatever else relies on it: certificates for this key, data encrypted for it",
        )
    if one.name is None:
        return f"the key of identity {status.idle} ({one.state})", "a certificate that is being made for it"
    return (
        f"the key of identity {status.idle} ({one.state}: {one.name})",
        f"the use of its certificate ({one.subject}), and with it the way back to that identity",
    )


def _why_not(plan: KeyPlan, rules: str) -> str:
    if not plan.rules.is_private_key:
        return "it is not a slot for private keys"
    return "the slot is locked" if _locked(plan) else rules


def _locked(plan: KeyPlan) -> bool:
    return plan.config.slot_locked(plan.slot)


def _check_confirmed(plan: KeyPlan, serial: str | None) -> None:
    if not plan.confirmed_by(serial):
        raise RefusedError(
            f"{serial or 'Nothing'} is not this chip's serial number: the key in slot {plan.slot} stays.",
            f"The board's chip is {plan.chip.serial}. Is it the board you meant?",
        )


@contextlib.contextmanager
def _explained(device: Device, slot: int) -> Iterator[None]:
    """The chip refuses without a reason (execution error): what of the slot's rules and state can be one, is said."""
    try:
        yield
    except DeviceError as error:
        if error.kind == "chip" and error.status == EXECUTION_ERROR:
            with contextlib.suppress(AteccError):
                error.hint = _reason(read_config(device), slot) or error.hint
        raise


def _reason(config: ConfigZone, slot: int) -> str:
    if uses_left(config, slot) == 0:
        return f"Slot {slot} counts its uses (counter 0), and none is left: its key is dead for good."
    if config.slots[slot].limited_use and config.count_match & 1:
        return (
            f"Slot {slot} counts its uses (counter 0), up to what is stored in slot {config.count_match >> 4} "
            "(CountMatch): they may be used up."
        )
    why = why_no_signature(config.slots[slot])
    return f"Slot {slot} can't sign: {why}." if why else ""


@contextlib.contextmanager
def _uncertain(slot: int) -> Iterator[None]:
    """Around the one call after which, if its answer is lost, nobody knows which key the slot holds."""
    try:
        yield
    except ChannelError as error:
        error.hint = (
            f"Whether slot {slot} holds the old key or the new one is not known: "
            f"`atecc key public {slot}` tells."
        )
        raise

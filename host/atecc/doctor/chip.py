"""The chip, its configuration, and the identity whose key it holds."""

from __future__ import annotations

import time

from atecc.bounded import utc
from atecc.chip.config.check import check, device_key_slots, signing_slots
from atecc.chip.parts import full_name, product
from atecc.chip.reading import read_config
from atecc.device.replies import IdentityInfo
from atecc.doctor.patient import Patient
from atecc.errors import CertificateError, ChipError, RefusedError

ALARM_DAYS = 30
_DAY = 86400


class Soon(CertificateError):
    """Nothing is broken yet."""

    harmless = True


def chip(patient: Patient) -> str:
    info = patient.chip_info
    name = full_name(info.part, read_config(patient.device, info))
    return f"{name}, revision {info.revision}, serial {info.serial}, at 0x{info.address:02X}"


def configuration(patient: Patient) -> str:
    """Locked, and good for a device's key."""
    zone = read_config(patient.device, patient.chip_info)
    if not zone.config_locked:
        problems = check(zone).problems
        error = RefusedError(
            "The chip's config zone is not locked: a chip in that state makes no keys.",
            "`atecc chip config set` writes the configuration, `atecc chip lock config` shows what locking means.",
        )
        error.notes += problems
        raise error
    slots = device_key_slots(zone)
    signers = signing_slots(zone)
    if not signers:
        raise ChipError(
            "The chip's configuration is locked, and lets no slot sign: it can't be a device's identity.",
            "That can't be changed any more: it takes another chip. `atecc chip show` shows the slots.",
        )
    if not zone.data_locked:
        raise RefusedError(
            "The chip's data zone is not locked: whoever holds the board can put a key of theirs in the chip.",
            "`atecc chip lock data` shows what locking it means.",
        )
    if product(zone):
        return f"locked, as Microchip sells it ({product(zone)}); slots that sign: {_numbers(signers)}"
    return f"both zones are locked; slots for the device's keys: {_numbers(slots) or 'none, only signing'}"


def _numbers(slots: list[int]) -> str:
    return ", ".join(map(str, slots))


def identity(patient: Patient) -> str:
    """An active one, with a key in its slot, and a certificate that is good for a while."""
    status = patient.identities
    why = status.why_not_adopted
    if status.active is None and why:
        raise RefusedError(
            f"What is configured in mqtt.* did not become the device's identity: {why}.",
            "`atecc config get mqtt` shows what it names, `atecc fs ls` the files. The next start looks at them again: "
            "`atecc reboot`.",
        )
    if status.active is None:
        raise RefusedError(
            "The device has no identity yet.", "`atecc provision --help` shows how it gets one."
        )
    if status.other_chip:
        raise ChipError(
            f"The identity's key is not on this board: {status.other_chip}.",
            "With the chip that it belongs to, the identity works again. `atecc provision` gives the device a new "
            "one, with a key in this chip.",
        )
    one = status.identities[status.active]
    key = patient.device.key_info(one.slot) if one.slot is not None else None
    if key is not None and not key.valid:
        raise ChipError(
            f"The key of the active identity is gone: slot {key.slot} holds none. Was the chip exchanged?",
            "`atecc provision` gives the device a new identity.",
        )
    left = _days_left(one)
    idle = status.identities[status.idle].state
    unfinished = f"; the other identity is {idle}" if idle in ("pending", "staged", "tried") else ""
    failed = f"; what is configured in mqtt.* did not become one: {why}" if why else ""
    return f"{one.name}, key in slot {one.slot}, certificate good for another {left} days{unfinished}{failed}"


def _days_left(one: IdentityInfo) -> int:
    """By this computer's clock."""
    now = time.time()
    renew = "`atecc provision` makes a new key and certificate beside it, and switches over."
    if one.not_before is not None and now < one.not_before:
        raise CertificateError(
            f"The certificate of {one.name} is valid only from {utc(one.not_before)} on.",
            "Is this computer's clock right?",
        )
    if one.not_after is None:
        return 0
    left = int((one.not_after - now) // _DAY)
    if now > one.not_after:
        raise CertificateError(f"The certificate of {one.name} ended on {utc(one.not_after)}.", renew)
    if left < ALARM_DAYS:
        raise Soon(f"The certificate of {one.name} ends in {left} days, on {utc(one.not_after)}.", renew)
    return left

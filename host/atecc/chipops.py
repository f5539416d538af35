"""What is done to a chip as a whole: writing its configuration, and locking it, which nothing undoes.

Both come as a plan that can be shown before anything happens, and carry out exactly what was shown.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from atecc.chipconfig.check import Findings, check
from atecc.chipconfig.words import Change, changes
from atecc.chipconfig.zone import ConfigZone
from atecc.device import CONFIG, DATA, Device
from atecc.errors import ChipError, RefusedError
from atecc.replies import ChipInfo

ZONES = {"config": CONFIG, "data": DATA}


def read_config(device: Device, chip: ChipInfo | None = None) -> ConfigZone:
    """The chip's configuration; the serial number in it must be the one that Info gave."""
    chip = chip or device.chip_info()
    zone = ConfigZone(device.get_config())
    if zone.serial != normal_serial(chip.serial):
        raise ChipError(
            f"The chip says its serial number is {chip.serial}, its configuration says {zone.serial}.",
            "Something on the I2C bus garbles what the chip says: nothing is written until that is found.",
        )
    return zone


def normal_serial(text: str) -> str:
    """A serial number as people type it, in the one form that is compared."""
    return "".join(text.lower().removeprefix("0x").replace(":", "").replace("-", "").split())


@dataclass(frozen=True)
class ConfigPlan:
    """A configuration to be written, beside the one that is there."""

    present: ConfigZone
    wanted: ConfigZone
    findings: Findings

    @property
    def changes(self) -> list[Change]:
        return changes(self.present, self.wanted)


def plan_config(device: Device, wanted: ConfigZone, present: ConfigZone | None = None) -> ConfigPlan:
    """What writing it would change; refused when the zone is locked."""
    present = present or read_config(device)
    if present.config_locked:
        raise RefusedError(
            "The config zone is locked: its configuration can't be changed any more, by anybody.",
            "`atecc chip config get` shows what it allows.",
        )
    wanted = wanted.with_fixed_bytes_of(present)
    return ConfigPlan(present, wanted, check(wanted))


def write_config(device: Device, plan: ConfigPlan) -> None:
    """Write it, and compare what the chip then holds."""
    device.set_config(plan.wanted.data)
    written = read_config(device)
    if written != plan.wanted:
        spots = [n for n in range(128) if written.data[n] != plan.wanted.data[n]]
        raise ChipError(
            f"The chip does not hold what was written: bytes {', '.join(map(str, spots))} differ.",
            "Nothing is locked: write it again before locking.",
        )


@dataclass(frozen=True)
class LockPlan:
    """What locking a zone would make final."""

    zone: str
    chip: ChipInfo
    config: ConfigZone
    crc: int | None
    findings: Findings
    impossible: list[str] = field(default_factory=list)

    def confirmed_by(self, serial: str) -> bool:
        return normal_serial(serial) == normal_serial(self.chip.serial)


_IMPOSSIBLE = {
    "config": [
        "to change any slot's rules, or the chip's I2C address and options",
        "to make this chip blank again",
    ],
    "data": [
        "to write slots without the rules of their configuration",
        "to write to the OTP area at all",
        "to load a private key from outside, except encrypted where a slot allows it",
    ],
}


def plan_lock(device: Device, zone: str, data_crc: int | None = None) -> LockPlan:
    """Read and judge what would be locked; refused when it is locked already."""
    chip = device.chip_info()
    config = read_config(device, chip)
    if {"config": config.config_locked, "data": config.data_locked}[zone]:
        raise RefusedError(f"The {zone} zone of chip {chip.serial} is locked already: nothing was done.")
    if zone == "data" and not config.config_locked:
        raise RefusedError(
            "The config zone is not locked yet, and it comes first.",
            "`atecc chip lock config` shows what that means.",
        )
    crc = config.crc if zone == "config" else data_crc
    return LockPlan(zone, chip, config, crc, check(config), _IMPOSSIBLE[zone])


def refuse_unfit(plan: LockPlan) -> None:
    """A lock that would ruin the chip for its purpose is not offered at all."""
    if plan.zone == "config" and plan.findings.problems:
        raise RefusedError(
            "Locking this configuration would ruin the chip for its purpose:\n"
            + "\n".join(f"  - {problem}" for problem in plan.findings.problems),
            "Write a sound one first: `atecc chip config set`.",
        )


@dataclass(frozen=True)
class Receipt:
    """What was locked, for the records."""

    zone: str
    serial: str
    revision: str
    crc: int | None
    config: str
    locked_at: int


def lock(device: Device, plan: LockPlan, serial: str) -> Receipt:
    """Lock what the plan shows. Irreversible. `serial` is what the user typed; the chip checks the CRC."""
    refuse_unfit(plan)
    if not plan.confirmed_by(serial):
        raise RefusedError(
            f"{serial or 'Nothing'} is not this chip's serial number: nothing was locked.",
            f"The board's chip is {plan.chip.serial}. Is it the board you meant?",
        )
    device.lock_zone(ZONES[plan.zone], normal_serial(plan.chip.serial), plan.crc)
    after = read_config(device)
    if not {"config": after.config_locked, "data": after.data_locked}[plan.zone]:
        raise ChipError(f"The board says it locked the {plan.zone} zone, but the chip says it is open.")
    _compare_after_lock(plan, after)
    return Receipt(plan.zone, after.serial, after.revision, plan.crc, after.data.hex(), int(time.time()))


def _compare_after_lock(plan: LockPlan, after: ConfigZone) -> None:
    position = 87 if plan.zone == "config" else 86
    expected = plan.config.patched(position, after.data[position : position + 1])
    if after != expected:
        raise ChipError(
            f"The {plan.zone} zone is locked, but the configuration now reads differently from what was "
            "shown.",
            "`atecc chip config get` shows it. Put this chip aside until that is understood.",
        )

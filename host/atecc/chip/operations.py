"""What is done to a chip as a whole: writing its configuration, and locking it, which nothing undoes.

Both come as a plan that can be shown before anything happens, and carry out exactly what was shown.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from atecc.chip.config.check import Findings, check, check_data_lock, check_slot_lock
from atecc.chip.config.document import Configuration, Label
from atecc.chip.config.words import Change, changes
from atecc.chip.config.zone import ConfigZone
from atecc.chip.reading import normal_serial, read_config
from atecc.device import CONFIG, DATA, Device
from atecc.device.replies import ChipInfo
from atecc.errors import ChipError, RefusedError

ZONES = {"config": CONFIG, "data": DATA}


@dataclass(frozen=True)
class ConfigPlan:
    """A configuration to be written, beside the one that is there."""

    present: ConfigZone
    wanted: ConfigZone
    findings: Findings

    @property
    def changes(self) -> list[Change]:
        return changes(self.present, self.wanted)


def plan_config(
    device: Device,
    wanted: ConfigZone,
    present: ConfigZone | None = None,
    labels: tuple[Label, ...] | None = None,
) -> ConfigPlan:
    """What writing it would change, judged by what the slots are for; refused when a locked zone has another one."""
    present = present or read_config(device)
    plan = ConfigPlan(present, wanted.with_fixed_bytes_of(present), Findings([], []))
    if present.config_locked and plan.changes:
        raise RefusedError(
            "The config zone is locked: its configuration can't be changed any more, by anybody. It differs in "
            f"{', '.join(change.what for change in plan.changes)}.",
            "`atecc chip config diff FILE` shows how, `atecc chip show` what the chip allows.",
        )
    return replace(plan, findings=check(plan.wanted, labels))


def refuse_useless(plan: ConfigPlan) -> None:
    """A configuration that would ruin the chip once it is locked is not even written."""
    if plan.findings.problems and not plan.present.config_locked:
        raise RefusedError(
            "This configuration would ruin the chip for its purpose; nothing was written.",
            "--even-if-useless writes it all the same: nothing is final before `atecc chip lock config`.",
        )


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
    """What locking a zone (config, data), or one slot, would make final. `holding`: slots that have a key.

    already: it is locked, and there is nothing to do.
    """

    zone: str
    chip: ChipInfo
    config: ConfigZone
    crc: int | None
    findings: Findings
    impossible: list[str] = field(default_factory=list)
    slot: int | None = None
    holding: frozenset[int] = frozenset()
    already: bool = False

    def confirmed_by(self, serial: str) -> bool:
        return normal_serial(serial) == normal_serial(self.chip.serial)

    @property
    def afterwards(self) -> list[str]:
        """What is otherwise from then on."""
        return _AFTERWARDS[self.zone]

    @property
    def target(self) -> str:
        """What people call it: the config zone, slot 5."""
        return f"the {self.zone} zone" if self.slot is None else f"slot {self.slot}"


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
_AFTERWARDS = {
    "config": [
        "the slots' rules hold",
        "the chip makes keys, and signs with them: `atecc provision`, `atecc key generate`",
        "data slots can still be written in the clear, and none can be read: `atecc chip lock data` ends that",
    ],
    "data": [
        "slots and OTP can be read, where their rules allow it",
        "slots are written only as their rules say",
        "the chip's configuration and locks are complete: `atecc provision`",
    ],
    "slot": ["everything else stays as it is"],
}
_CONFIG_FIRST = (
    "The config zone is not locked yet, and it comes first.",
    "`atecc chip lock config` shows what that means.",
)


def plan_lock(device: Device, zone: str, data_crc: int | None = None, slot: int | None = None) -> LockPlan:
    """Read and judge what would be locked. `zone` may be `slot`."""
    chip = device.chip_info()
    config = read_config(device, chip)
    if slot is not None:
        return _plan_slot_lock(device, chip, config, slot)
    if {"config": config.config_locked, "data": config.data_locked}[zone]:
        return LockPlan(zone, chip, config, data_crc, Findings([], []), already=True)
    if zone == "config":
        return LockPlan(zone, chip, config, config.crc, check(config), _IMPOSSIBLE[zone])
    if not config.config_locked:
        raise RefusedError(*_CONFIG_FIRST)
    holding = _holding(device, config)
    known, new = check(config), check_data_lock(config, holding)
    findings = Findings(new.problems, [*known.problems, *known.warnings, *new.warnings])
    return LockPlan(zone, chip, config, data_crc, findings, _IMPOSSIBLE[zone], None, holding)


def _holding(device: Device, config: ConfigZone) -> frozenset[int]:
    slots = [n for n, slot in enumerate(config.slots) if slot.is_private_key]
    return frozenset(n for n in slots if device.key_info(n).valid)


def _plan_slot_lock(device: Device, chip: ChipInfo, config: ConfigZone, number: int) -> LockPlan:
    if not config.config_locked:
        raise RefusedError(*_CONFIG_FIRST)
    if config.slot_locked(number):
        return LockPlan("slot", chip, config, None, Findings([], []), slot=number, already=True)
    if not config.slots[number].lockable:
        raise RefusedError(
            f"Slot {number} can't be locked by itself: its configuration says so.",
            "`atecc chip show` has what each slot may do.",
        )
    holding = _holding(device, config)
    findings = check_slot_lock(config, number, number in holding)
    if config.slots[number].private:
        impossible = [f"to make another key in slot {number}, or to load one: what is there stays"]
    else:
        impossible = [f"to write to slot {number}, with or without a key"]
    return LockPlan("slot", chip, config, None, findings, impossible, number, holding)


def held_to(plan: LockPlan, wanted: Configuration) -> LockPlan:
    """The plan, if the chip has just this configuration; judged by what its author says the slots are for."""
    found = changes(plan.config, wanted.zone.with_fixed_bytes_of(plan.config))
    if found:
        raise RefusedError(
            f"The chip does not hold what {wanted.source} says: "
            f"{', '.join(change.what for change in found)} differ. Nothing was locked.",
            "`atecc chip config diff` shows how; `atecc chip config set` writes it, until the config zone is locked.",
        )
    return replace(plan, findings=check(plan.config, wanted.labels)) if plan.zone == "config" else plan


def already_locked(plan: LockPlan) -> RefusedError:
    """What there is to say where nobody said what it is to be locked with."""
    hint = "--holds FILE ends with 0 where the chip has that configuration already."
    if plan.crc is not None:
        hint = "What was locked can't be compared any more: leave --data-crc out."
    return RefusedError(
        f"{plan.target[:1].upper()}{plan.target[1:]} of chip {plan.chip.serial} is locked already: nothing was done.",
        hint,
    )


def refuse_other_chip(plan: LockPlan, serial: str) -> None:
    """`serial` is what the user typed."""
    if not plan.confirmed_by(serial):
        raise RefusedError(
            f"{serial or 'Nothing'} is not this chip's serial number: nothing was locked.",
            f"The board's chip is {plan.chip.serial}. Is it the board you meant?",
        )


def refuse_unfit(plan: LockPlan) -> None:
    """A lock that would ruin the chip for its purpose is not offered at all."""
    if not plan.findings.problems:
        return
    what = {"config": "this configuration", "data": "the data zone now"}.get(plan.zone, f"{plan.target} now")
    error = RefusedError(
        f"Locking {what} would ruin the chip for its purpose.",
        {
            "config": "Write a sound one first: `atecc chip config set`.",
            "data": "Put a key there first: `atecc key --help`.",
            "slot": "Make the key first: `atecc provision --help`.",
        }[plan.zone]
        + " Or, if you know better: --even-if-useless.",
    )
    error.notes += plan.findings.problems
    raise error


@dataclass(frozen=True)
class Receipt:
    """What was locked, for the records."""

    zone: str
    serial: str
    revision: str
    crc: int | None
    config: str
    locked_at: int
    slot: int | None = None


def lock(device: Device, plan: LockPlan, serial: str, even_if_useless: bool = False) -> Receipt:
    """Lock what the plan shows. Irreversible. `serial` is what the user typed; the chip checks the CRC."""
    if plan.already:
        raise already_locked(plan)
    if not even_if_useless:
        refuse_unfit(plan)
    refuse_other_chip(plan, serial)
    number = normal_serial(plan.chip.serial)
    if plan.slot is None:
        device.lock_zone(ZONES[plan.zone], number, plan.crc)
    else:
        device.lock_slot(plan.slot, number)
    after = read_config(device)
    if not _is_locked(plan, after):
        raise ChipError(f"The board says it locked {plan.target}, but the chip says it is open.")
    _compare_after_lock(plan, after)
    return Receipt(
        plan.zone, after.serial, after.revision, plan.crc, after.data.hex(), int(time.time()), plan.slot
    )


def _is_locked(plan: LockPlan, config: ConfigZone) -> bool:
    if plan.slot is not None:
        return config.slot_locked(plan.slot)
    return config.config_locked if plan.zone == "config" else config.data_locked


def _compare_after_lock(plan: LockPlan, after: ConfigZone) -> None:
    """Nothing else may have changed but the lock itself."""
    if plan.slot is None:
        position = 87 if plan.zone == "config" else 86
        expected = plan.config.patched(position, after.data[position : position + 1])
    else:
        bits = int.from_bytes(plan.config.data[88:90], "little") & ~(1 << plan.slot)
        expected = plan.config.patched(88, bits.to_bytes(2, "little"))
    if after != expected:
        raise ChipError(
            f"Locking {plan.target} worked, but the configuration now reads differently from what was shown.",
            "`atecc chip config get` shows it. Put this chip aside until that is understood.",
        )

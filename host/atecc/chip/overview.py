"""A chip at a glance: what each slot is for, what may be done with it now and in the end, and whose key it holds."""

from __future__ import annotations

from dataclasses import dataclass

from atecc.chip.config.abilities import Stage, abilities, stage_of
from atecc.chip.config.document import Label
from atecc.chip.config.presets import labels_of
from atecc.chip.config.slotwords import type_name
from atecc.chip.config.words import zone_json
from atecc.chip.config.zone import ConfigZone
from atecc.chip.reading import read_config
from atecc.device import Device
from atecc.device.replies import IdentityStatus, KeyInfo

# What a slot is in, for programs and for colours.
ACTIVE, KNOWN, STRANGE, EMPTY, OPEN, LOCKED = "active", "idle", "unknown", "empty", "open", "locked"
# The same for whoever looks at the chip, though the firmware guards it better: it was active once.
PREVIOUS = "previous"


@dataclass(frozen=True)
class SlotView:
    """One slot: `now` and `final` (both zones locked) in words, `state` for programs, `holds` for people."""

    number: int
    role: str
    type: str
    now: str
    final: str
    state: str
    holds: str
    locked: bool
    lockable: bool

    @property
    def alike(self) -> tuple[str, ...]:
        """Neighbours that agree in all of this may share a line."""
        return (self.role, self.type, self.now, self.final, self.holds, str(self.locked))


@dataclass(frozen=True)
class Overview:
    zone: ConfigZone
    slots: list[SlotView]

    @property
    def stage(self) -> Stage:
        return stage_of(self.zone)

    @property
    def locks(self) -> str:
        words = ("not locked", "locked")
        zone = self.zone
        return f"config zone {words[zone.config_locked]}, data zone {words[zone.data_locked]}"

    def as_dict(self) -> dict[str, object]:
        said = zone_json(self.zone)
        views = [
            {"now": view.now, "final": view.final, "state": view.state, "holds": view.holds}
            for view in self.slots
        ]
        return said | {"slots": [rule | view for rule, view in zip(said["slots"], views, strict=True)]}


def read_overview(device: Device) -> Overview:
    """Ask the chip about everything; nothing is changed by that."""
    zone = read_config(device)
    keys = {n: device.key_info(n) for n, slot in enumerate(zone.slots) if slot.is_private_key}
    return overview(zone, keys, device.identity_status())


def overview(
    zone: ConfigZone,
    keys: dict[int, KeyInfo] | None = None,
    identities: IdentityStatus | None = None,
    labels: tuple[Label, ...] | None = None,
) -> Overview:
    """From what is known; without `keys` it is a configuration's, not a chip's."""
    labels = labels or labels_of(zone)
    stage = stage_of(zone)
    views = []
    for number, slot in enumerate(zone.slots):
        locked = zone.slot_locked(number)
        state, holds = _content((keys or {}).get(number), identities, locked)
        views.append(
            SlotView(
                number=number,
                role=str(labels[number]),
                type=type_name(slot),
                now=abilities(zone, number, stage),
                final=abilities(zone, number, Stage.BOTH),
                state=state,
                holds=holds,
                locked=locked,
                lockable=slot.lockable,
            )
        )
    return Overview(zone, views)


def _content(key: KeyInfo | None, identities: IdentityStatus | None, locked: bool) -> tuple[str, str]:
    if key is None:
        return (LOCKED, "locked") if locked else (OPEN, "not locked")
    suffix = ", locked" if locked else ""
    if not key.valid:
        return EMPTY, f"no key{suffix}"
    if key.in_use in (ACTIVE, KNOWN, PREVIOUS):
        owner = _owner(key, identities)
        holds = f"key of {key.in_use} identity {owner}" if owner else "a key made for an identity"
        return ACTIVE if key.in_use == ACTIVE else KNOWN, holds + suffix
    return STRANGE, f"a key no identity knows{suffix}"


def _owner(key: KeyInfo, identities: IdentityStatus | None) -> str:
    """The name of the identity that has the key: a or b."""
    for name, one in (identities.identities if identities else {}).items():
        if one.slot == key.slot and (name == (identities and identities.active)) == (key.in_use == ACTIVE):
            return name
    return ""

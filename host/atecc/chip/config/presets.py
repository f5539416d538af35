"""Configurations that come with the tool, each a file in data/, and what the slots of any chip are for."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from atecc.chip.config.document import FACTORY, Configuration, Label, parse
from atecc.chip.config.slot import KeyType, Slot
from atecc.chip.config.zone import ConfigZone
from atecc.errors import ArgumentError

PRESETS = ("tls",)


def preset_text(name: str) -> str:
    """The file as it is shipped."""
    if name not in PRESETS:
        raise ArgumentError(f"There is no preset {name!r}.", f"There is: {', '.join(PRESETS)}.")
    return files("atecc.chip.config").joinpath("data", f"{name}.yaml").read_text()


@cache
def preset(name: str) -> Configuration:
    return parse(preset_text(name), f"preset {name}")


def compile_preset(name: str, chip: ConfigZone) -> ConfigZone:
    """The preset as that chip would hold it."""
    return preset(name).zone.with_fixed_bytes_of(chip)


def labels_of(zone: ConfigZone) -> tuple[Label, ...]:
    """What each slot is for: by the names of our preset if it is ours, else by what its rules make of it."""
    for name in PRESETS:
        if preset(name).zone.slots == zone.slots:
            return preset(name).labels
    return tuple(Label(_guess(slot)) for slot in zone.slots)


def _guess(slot: Slot) -> str:
    """A role is a promise, and a guess must be none that the slot breaks."""
    if slot.private:
        if slot.is_device_key and slot.pub_info:
            return "device key"
        return "factory key" if slot.can_sign else "private key"
    if slot.key_type == KeyType.AES:
        return "AES key"
    if slot.is_secret:
        return "secret"
    return "public key" if slot.key_type == KeyType.P256 and not slot.encrypt_read else "data"


__all__ = ["FACTORY", "PRESETS", "compile_preset", "labels_of", "preset", "preset_text"]

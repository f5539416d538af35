"""The layers in order, and their verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from atecc.doctor import cable, chip, network, wires
from atecc.doctor.patient import Layer, Patient, Unchecked
from atecc.errors import AteccError, ChannelError

LAYERS = (
    Layer("cable", cable.cable),
    Layer("REPL", cable.prompt, ("cable",)),
    Layer("firmware", cable.firmware, ("REPL",)),
    Layer("self-check", cable.self_check, ("firmware",)),
    Layer("pins", wires.pins, ("firmware",)),
    Layer("pull-ups", wires.pull_ups, ("pins",)),
    Layer("scan", wires.scan, ("pull-ups",)),
    Layer("CRC", wires.crc, ("firmware", "scan")),
    Layer("chip", chip.chip, ("firmware", "CRC")),
    Layer("configuration", chip.configuration, ("chip",)),
    Layer("identity", chip.identity, ("configuration",)),
    Layer("clock", network.clock, ("firmware",)),
    Layer("Wi-Fi", network.wifi, ("firmware",)),
    Layer("DNS", network.dns, ("Wi-Fi",)),
    Layer("TCP", network.tcp, ("DNS",)),
    Layer("TLS", network.tls, ("TCP",)),
    Layer("MQTT", network.mqtt, ("TLS",)),
)
OK, FAILED, UNCHECKED = "ok", "failed", "not checked"
_ODD = "Either what it says makes no sense, or this tool has a defect: please report it."


@dataclass(frozen=True)
class Verdict:
    """What was found in one layer; `error` if it failed, `because` names the layer for which it was not looked at."""

    name: str
    state: str
    say: str
    error: AteccError | None = None
    because: str | None = None

    def as_dict(self) -> dict[str, Any]:
        out: dict[str, Any] = {"name": self.name, "state": self.state, "say": self.say}
        return out | ({"error": self.error.as_dict()} if self.error else {})


def examine(patient: Patient) -> Iterator[Verdict]:
    """One verdict after the other, as they are found. What needs a layer that failed is not looked at."""
    broken: dict[str, str] = {}
    for layer in LAYERS:
        cause = next((broken[name] for name in layer.needs if name in broken), None)
        verdict = _blocked(layer, cause) if cause else _look(layer, patient)
        if verdict.error and not getattr(verdict.error, "harmless", False):
            broken[layer.name] = layer.name
        elif cause:
            broken[layer.name] = cause
        yield verdict


def first_failure(verdicts: list[Verdict]) -> Verdict | None:
    return next((one for one in verdicts if one.state == FAILED), None)


def _blocked(layer: Layer, cause: str) -> Verdict:
    return Verdict(layer.name, UNCHECKED, f"because of: {cause}", because=cause)


def _look(layer: Layer, patient: Patient) -> Verdict:
    try:
        return Verdict(layer.name, OK, layer.look(patient))
    except Unchecked as reason:
        return Verdict(layer.name, UNCHECKED, f"because {reason}")
    except AteccError as error:
        return Verdict(layer.name, FAILED, error.message, error)
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        odd = ChannelError(f"The board's answer could not be judged: {type(error).__name__}: {error}.", _ODD)
        return Verdict(layer.name, FAILED, odd.message, odd)

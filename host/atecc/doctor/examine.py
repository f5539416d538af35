"""The layers in order, and their verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from atecc.doctor import cable, chip, network, renewal, wires
from atecc.doctor.patient import Layer, Patient, Unchecked
from atecc.errors import AteccError, ChannelError

LAYERS = (
    Layer(
        "cable",
        cable.cable,
        "Another USB cable (some only charge), another port; close what else has the serial port open.",
    ),
    Layer(
        "REPL",
        cable.prompt,
        "Press the board's reset button, and try again. `atecc flash` writes a firmware if there is none.",
        ("cable",),
    ),
    Layer(
        "firmware",
        cable.firmware,
        "`atecc reboot`, or the board's reset button; `atecc console` shows what the board says at its start.",
        ("REPL",),
    ),
    Layer(
        "self-check",
        cable.self_check,
        "`atecc reboot`, and `atecc doctor` again.",
        ("firmware",),
    ),
    Layer(
        "pins",
        wires.pins,
        "`atecc install --pins SCL,SDA` writes a board.py.",
        ("firmware",),
    ),
    Layer(
        "pull-ups",
        wires.pull_ups,
        "Each line needs a resistor of 2.2 to 10 kΩ to 3.3 V, and the chip its supply.",
        ("pins",),
    ),
    Layer(
        "scan",
        wires.scan,
        "Check the chip's supply, SDA and SCL, and their pull-up resistors.",
        ("pull-ups",),
    ),
    Layer(
        "CRC",
        wires.crc,
        "Check pull-up resistors and wires; a lower I2C_HZ in board.py is more patient.",
        ("firmware", "scan"),
    ),
    Layer(
        "chip",
        chip.chip,
        "Take the board's power away for a moment, and try again; `atecc chip show` has the rest.",
        ("firmware", "CRC"),
    ),
    Layer(
        "configuration",
        chip.configuration,
        "`atecc chip config check` explains the configuration.",
        ("chip",),
    ),
    Layer(
        "identity",
        chip.identity,
        "`atecc identity status` shows both identities; `atecc provision` gives the device a new one.",
        ("configuration",),
    ),
    Layer(
        "clock",
        network.clock,
        "On a network NTP sets it; `atecc provision` does too.",
        ("firmware",),
    ),
    Layer(
        "Wi-Fi",
        network.wifi,
        "`atecc wifi scan` shows the networks that the board sees, `atecc wifi set` joins one.",
        ("firmware",),
    ),
    Layer(
        "DNS",
        network.dns,
        "Is the board on the network, and the broker's name right? `atecc identity status` shows it.",
        ("Wi-Fi",),
    ),
    Layer(
        "TCP",
        network.tcp,
        "Does the broker run, and does a firewall let the board through?",
        ("DNS",),
    ),
    Layer(
        "TLS",
        network.tls,
        "Is it the right broker and CA, and is the board's clock right? `atecc identity status` shows the dates.",
        ("TCP",),
    ),
    Layer(
        "MQTT",
        network.mqtt,
        "`atecc mqtt status` shows the link; what the broker logs says more.",
        ("TLS",),
    ),
    Layer(
        "renewal",
        renewal.renewal,
        "It tries again after a day, or `atecc reboot`.",
        ("identity",),
    ),
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


def verdict(patient: Patient, name: str) -> Verdict:
    """Of one layer alone."""
    return _look(next(layer for layer in LAYERS if layer.name == name), patient)


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
        error.hint = error.hint or layer.remedy
        return Verdict(layer.name, FAILED, error.message, error)
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        odd = ChannelError(f"The board's answer could not be judged: {type(error).__name__}: {error}.", _ODD)
        return Verdict(layer.name, FAILED, odd.message, odd)

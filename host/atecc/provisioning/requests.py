"""Requests over MQTT, after provisioning: switched on if the owner wants them, and who could write them is looked at.

Requests count with an operator's signature only; but strangers who can write them cost the device some time, and where
the owner has it believe the broker (rpc.mqtt.unsigned), they are operators.
"""

from __future__ import annotations

import secrets

from atecc.device import Device
from atecc.device.replies import MqttRequests
from atecc.errors import AteccError, DeviceError
from atecc.steps import Steps

WAIT_S = 3.0
LETS = (
    "the broker let this device write to the requests of another name: whoever else has a certificate there can write "
    "to this device's, most likely"
)
LETS_NOT = "the broker did not let this device write to the requests of another name"
SIGNED = "requests count with an operator's signature only"
BELIEVED = (
    "AND THIS DEVICE TAKES THEM WITHOUT AN OPERATOR'S SIGNATURE. `atecc config set rpc.mqtt.unsigned=false --save` "
    "over USB ends that"
)


def serve(device: Device, steps: Steps, wanted: bool) -> None:
    """Switch them on if that is `wanted`; if they are on and MQTT is up, look at the broker's rules."""
    if wanted:
        with steps.step("requests", "switching on requests over MQTT") as step:
            device.change_settings({"rpc": {"mqtt": {"enable": True}}}, save=True)
            step.meaning = f"operators may call it over MQTT: {SIGNED}"
    found = _requests(device)
    if found and found.enabled and device.mqtt_status().state == "connected":
        with steps.step("rules", "looking whether others could write requests") as step:
            step.meaning, step.doubtful = _rules(device, found.unsigned)


def _requests(device: Device) -> MqttRequests | None:
    try:
        return device.access_status().mqtt
    except DeviceError as error:
        if error.kind != "method":
            raise
        return None


def _rules(device: Device, believed: bool) -> tuple[str, bool]:
    """What was seen, and whether it is doubtful: the device writes to a name that nobody has, and listens there."""
    try:
        came = _comes_back(device, f"atecc-probe-{secrets.token_hex(6)}/rpc")
    except AteccError as error:
        return f"{LETS_NOT}: {error.message}", False
    if not came:
        return f"{LETS_NOT}, or at least nothing came back within {WAIT_S:.0f} s", False
    return f"{LETS}; {BELIEVED if believed else SIGNED}", believed


def _comes_back(device: Device, topic: str) -> bool:
    device.subscribe(topic)
    try:
        device.publish(topic, "a look at the broker's rules")
        return device.receive(topic, timeout=WAIT_S) is not None
    finally:
        device.unsubscribe(topic)

"""`atecc info`: the board, its chip, its identities and its MQTT link, at a glance."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from atecc.cli.app import App, Command, pass_app
from atecc.errors import AteccError, ChipError, DeviceError

if TYPE_CHECKING:
    from atecc.device import Device
    from atecc.device.replies import (
        AccessStatus,
        BoardInfo,
        ChipInfo,
        IdentityInfo,
        IdentityStatus,
        MqttStatus,
    )

Rows = list[tuple[str, str]]
ASKS = (
    "Sys.GetInfo",
    "Access.Status",
    "ATCA.GetInfo",
    "ATCA.GetConfig",
    "Identity.Status",
    "MQTT.Status",
    "App.Status",
    "Wifi.Status",
)


@click.command("info", cls=Command, examples="atecc info\natecc info --port /dev/ttyUSB0 --json")
@pass_app
def command(app: App) -> None:
    """Show the board, its chip and its identity, and what to do next."""
    from atecc.cli.show import pairs

    with app.device() as device, device.ahead(*ASKS):
        board = device.info()
        access = _access(device)
        data: dict[str, Any] = {
            "board": asdict(board),
            "chip": None,
            "identity": None,
            "mqtt": None,
            "wifi": None,
        }
        data["access"] = asdict(access) if access else None
        rows = _board(board) + _callers(access)
        failure = _no_files(board)
        try:
            rows += _rest(device, data)
        except (DeviceError, ChipError) as error:
            failure = failure or error
    if failure:
        data["error"] = failure.as_dict()
    app.emit(data, pairs(rows))
    if access and access.bench.on:
        from atecc.cli.bench import MEANING

        app.warn(f"The bench permission is on. {MEANING} `atecc bench off` takes it back.")
    if failure:
        raise failure


def _no_files(board: BoardInfo) -> AteccError | None:
    """What comes before everything else: nothing can be kept on such a board."""
    if board.fs_size != 0:
        return None
    return DeviceError(503, "no-files", "This board has no file system: what its flash holds there is none.")


def _rest(device: Device, data: dict[str, Any]) -> Rows:
    from atecc.chip.parts import full_name, product
    from atecc.chip.reading import read_config
    from atecc.device.standing import next_steps

    chip = device.chip_info()
    zone = read_config(device, chip)
    name = full_name(chip.part, zone)
    data["chip"] = asdict(chip) | {"product": product(zone), "name": name}
    identities = device.identity_status()
    data["identity"] = asdict(identities)
    mqtt = device.mqtt_status()
    data["mqtt"] = asdict(mqtt)
    steps = next_steps(chip, identities, mqtt, product(zone) is not None)
    data["next"] = list(steps)
    return (
        _chip(chip, name)
        + _wifi(device, data)
        + _identity(identities)
        + _mqtt(mqtt)
        + _programs(device, data)
        + [("Next", step) for step in steps]
    )


def _programs(device: Device, data: dict[str, Any]) -> Rows:
    """The owner's, if there are any; none of firmware that knows none."""
    from atecc.cli.program import words

    try:
        programs, _ = device.programs()
    except DeviceError as error:
        if error.kind != "method":
            raise
        return []
    data["programs"] = [asdict(one) for one in programs]
    return [("Program", line) for one in programs for line in words(one)]


def _board(board: BoardInfo) -> Rows:
    from atecc.cli.show import utc

    off = board.time - int(time.time())
    clock = "right" if abs(off) <= 60 else "provisioning and NTP set it"
    return [
        ("Board", f"{board.board} ({board.arch}), id {board.id}, MAC {board.mac}"),
        ("Board", f"firmware {board.app} {board.fw_version}, MicroPython {board.micropython}"),
        ("Board", f"{board.ram_free // 1024} kB of memory free, up {int(board.uptime)} s"),
        *_files(board),
        ("Clock", f"{utc(board.time)} ({clock})"),
    ]


def _files(board: BoardInfo) -> Rows:
    if not board.fs_size or board.fs_free is None:
        return []
    return [("Board", f"{board.fs_free // 1024} of {board.fs_size // 1024} kB of flash free")]


def _access(device: Device) -> AccessStatus | None:
    """None for firmware that has no callers but the one on the cable."""
    try:
        return device.access_status()
    except DeviceError as error:
        if error.kind != "method":
            raise
        return None


def _callers(access: AccessStatus | None) -> Rows:
    from atecc.cli.operator import rows

    return [] if access is None else [("Access", f"{name}: {words}") for name, words in rows(access)]


def _chip(chip: ChipInfo, name: str) -> Rows:
    def lock(locked: bool) -> str:
        return "locked" if locked else "not locked"

    return [
        ("Chip", f"{name}, serial {chip.serial}, revision {chip.revision}"),
        ("Chip", f"I2C address 0x{chip.address:02x} (8-bit: 0x{chip.address << 1:02x})"),
        ("Chip", f"config zone {lock(chip.config_locked)}, data zone {lock(chip.data_locked)}"),
    ]


def not_adopted(status: IdentityStatus, name: str) -> Rows:
    """What is to be said of a setup that came to nothing, at a start at which nobody was there."""
    why = status.why_not_adopted
    return [(name, f"what is configured in mqtt.* did not become one: {why}")] if why else []


def _identity(status: IdentityStatus) -> Rows:
    from atecc.cli.show import utc

    failed = not_adopted(status, "Identity")
    if status.active is None:
        return [("Identity", "none yet"), *failed]
    one = status.identities[status.active]
    wrong = [("Identity", status.other_chip)] if status.other_chip else []
    return [
        *wrong,
        *failed,
        ("Identity", f"{one.name} (identity {status.active}, key in slot {one.slot})"),
        ("Identity", f"{one.endpoint}:{one.port} as {one.client_id}"),
        ("Identity", f"certificate valid until {utc(one.not_after)}{_left(one)}"),
    ]


def _left(one: IdentityInfo) -> str:
    from atecc.device.standing import days_left

    left = days_left(one)
    if left is None:
        return ""
    return f" ({left} days left)" if left >= 0 else ": it has ended"


def _mqtt(status: MqttStatus) -> Rows:
    from atecc.cli.show import plain

    text = status.state
    if status.state == "connected" and status.tls:
        text += f" ({status.tls.version}, {status.tls.cipher})"
    return [("MQTT", text)] + (
        [("MQTT", f"last error: {plain(status.last_error)}")] if status.last_error else []
    )


def _wifi(device: Device, data: dict[str, Any]) -> Rows:
    """Nothing for firmware, or a board, that has no Wi-Fi of its own."""
    try:
        status = device.wifi_status()
    except DeviceError as error:
        if error.kind != "method":
            raise
        return []
    data["wifi"] = asdict(status)
    if status.state == "connected":
        return [("Wi-Fi", f"in {status.ssid}, address {status.ip}")]
    if not status.enabled:
        return [("Wi-Fi", "off (atecc wifi set joins a network)")]
    return [("Wi-Fi", f"{status.state}: {status.ssid}")]

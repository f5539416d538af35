"""`atecc config`: the board's own settings (the chip's are under `atecc chip config`)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atecc.bounded import parse
from atecc.cli.app import App, Command, Group, pass_app
from atecc.cli.files import read_stdin
from atecc.errors import ArgumentError, RefusedError
from atecc.log import is_secret

if TYPE_CHECKING:
    from atecc.device import Device

_FLAGS = {
    "true": True,
    "on": True,
    "yes": True,
    "1": True,
    "false": False,
    "off": False,
    "no": False,
    "0": False,
}


@click.group("config", cls=Group)
def command() -> None:
    """The board's settings: Wi-Fi, MQTT, names, ports.

    Those of the chip are under `atecc chip config`.
    """


@command.command(
    "get", cls=Command, examples="atecc config get\natecc config get wifi.sta\natecc config get device.id"
)
@click.argument("key", required=False)
@pass_app
def get(app: App, key: str | None) -> None:
    """Show the settings, or those under KEY. A secret that is set reads ********."""
    from atecc.cli.show import pairs

    with app.device() as device:
        found = device.settings(key)
    rows = sorted(_flat(found, "" if key is None else key))
    app.emit(found, *([pairs(rows)] if isinstance(found, dict) else [_text(found)]))


@command.command(
    "set",
    cls=Command,
    examples="""atecc config set device.id=sensor-1 --save
    atecc config set rpc.wss.port=8443 wifi.sta.enable=true --save --reboot
    atecc config set --from settings.json --save""",
)
@click.argument("settings", nargs=-1, metavar="KEY=VALUE...")
@click.option(
    "--from",
    "source",
    type=click.Path(allow_dash=True, path_type=Path),
    help="A JSON object; - is standard input.",
)
@click.option("--save", is_flag=True, help="Keep them. Without it they hold until the next reset.")
@click.option("--reboot", is_flag=True, help="With --save: then restart the board.")
@click.option("--try-once", is_flag=True, help="Use them for one start only, unless they are saved again.")
@pass_app
def set_(
    app: App, settings: tuple[str, ...], source: Path | None, save: bool, reboot: bool, try_once: bool
) -> None:
    """Change settings: all of them, or none if one is not possible."""
    if bool(settings) == bool(source):
        raise ArgumentError("Which settings? Name them as KEY=VALUE, or give --from FILE.")
    if reboot and not (save or try_once):
        raise ArgumentError("A restart would forget what is not saved: --reboot goes with --save.")
    pairs = [_split(text) for text in settings]
    with app.device() as device:
        values = _from_file(source) if source else _nested(device, pairs)
        saved = device.change_settings(values, save or try_once, reboot, try_once)
    app.emit(
        {"saved": saved},
        "Set and saved." if saved else "Set until the next reset: `atecc config save` keeps it.",
    )


@command.command("save", cls=Command, examples="atecc config save\natecc config save --try-once --reboot")
@click.option("--reboot", is_flag=True, help="Then restart the board.")
@click.option("--try-once", is_flag=True, help="Use them for one start only, unless they are saved again.")
@pass_app
def save_(app: App, reboot: bool, try_once: bool) -> None:
    """Keep the settings as they are now."""
    with app.device() as device:
        device.save_settings(reboot, try_once)
    app.emit({"saved": True}, "Saved.")


def _split(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not all(key.split(".")):
        raise ArgumentError("A setting is written KEY=VALUE.", "For example: device.id=sensor-1")
    if is_secret(key):
        raise RefusedError(
            f"{key} on the command line can be read by everybody on this computer.",
            "`atecc wifi set` asks for it; --from - takes JSON from standard input.",
        )
    return key, value


def _nested(device: Device, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """As the board wants them, each of the type that it has there now."""
    values: dict[str, Any] = {}
    for key, text in pairs:
        *groups, last = key.split(".")
        place = values
        for group in groups:
            place = place.setdefault(group, {})
        place[last] = _typed(key, text, device.settings(key))
    return values


def _typed(key: str, text: str, now: Any) -> Any:
    if isinstance(now, dict):
        raise ArgumentError(f"{key} is a group of settings.", f"`atecc config get {key}` shows them.")
    if isinstance(now, bool):
        if text.lower() not in _FLAGS:
            raise ArgumentError(f"{key} is true or false, not {text!r}.")
        return _FLAGS[text.lower()]
    if isinstance(now, int):
        if not re.fullmatch(r"-?[0-9]{1,15}", text):
            raise ArgumentError(f"{key} is a number, not {text!r}.")
        return int(text)
    return text


def _from_file(path: Path) -> dict[str, Any]:
    from atecc.x509.keyfile import read_file

    try:
        values = parse(read_stdin() if str(path) == "-" else read_file(path, "the settings"))
    except ValueError as error:
        raise ArgumentError(f"The settings are not JSON: {error}.") from error
    if not isinstance(values, dict):
        raise ArgumentError("The settings must be a JSON object.", '{"wifi": {"sta": {"ssid": "home"}}}')
    return values


def _flat(value: Any, name: str) -> list[tuple[str, str]]:
    if not isinstance(value, dict):
        return [(name, _text(value))]
    return [row for key, one in value.items() for row in _flat(one, f"{name}.{key}" if name else key)]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)

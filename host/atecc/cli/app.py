"""What every command shares: the options that may stand anywhere, the board, and where output goes."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atecc.channels import Access, Channel, open_channel
from atecc.channels.address import Address, parse_address
from atecc.cli.screen import Screen, Shown, can_be_asked
from atecc.errors import ArgumentError, AteccError, CertificateError, ChannelError, RefusedError
from atecc.log import TRAFFIC

if TYPE_CHECKING:
    from atecc.device import Device
    from atecc.operators.operator import Operator

DEFAULT_TIMEOUT = 30.0
FILE = click.Path(dir_okay=False, path_type=Path)


@dataclass
class App:
    """One run of the command line; tests give it a channel of their own."""

    port: str | None = None
    serial: str | None = None
    json: bool = False
    verbosity: int = 0
    timeout: float = DEFAULT_TIMEOUT
    timeout_given: bool = field(default=False, init=False)
    log_file: Path | None = None
    operator_dir: Path | None = None
    device_name: str | None = None
    device_key: str | None = None
    ws_password_file: Path | None = None
    mqtt_cert: Path | None = None
    mqtt_key: Path | None = None
    mqtt_ca: Path | None = None
    open_channel: Callable[[str, Access], Channel] = open_channel
    interactive: bool | None = None
    json_written: bool = field(default=False, init=False)

    @cached_property
    def out(self) -> Screen:
        """Data."""
        return Screen(stderr=False)

    @cached_property
    def err(self) -> Screen:
        """Messages, progress, questions."""
        return Screen(stderr=True)

    def device(self) -> Device:
        """The board that --port names; close it, or use `with`."""
        from atecc.device import Device

        return Device(self.channel(), self.timeout, remote=self.address is not None)

    def channel(self) -> Channel:
        """The way to it."""
        address = self.address
        if address is not None:
            self._remark(address)
        if self.serial is None:
            return self.open_channel(self._port, self._access())
        return self._chosen(self.serial)

    def open_port(self, port: str) -> Channel:
        """The way to what is on this one."""
        return self.open_channel(port, self._access())

    def ports(self) -> list[str]:
        """Where boards may be: the one that was named, else every ESP32's."""
        from atecc.channels.ports import board_ports, serial_ports

        if self._port != "auto":
            return [self._port]
        return [str(port.device) for port in board_ports(serial_ports())]

    def _chosen(self, serial: str) -> Channel:
        """The way to the board that has this chip."""
        from atecc.chip.reading import normal_serial
        from atecc.device import Device

        said = []
        for port in self.ports():
            channel = None
            try:
                channel = self.open_port(port)
                found = Device(channel, self.timeout, remote=self.address is not None).chip_info().serial
                if normal_serial(found) == normal_serial(serial):
                    return channel
                said.append(f"{port} has chip {found}")
            except AteccError as error:
                said.append(f"{port}: {error.message}")
            if channel is not None:
                channel.close()
        failure = ChannelError(
            f"No board here has chip {serial}.", "`atecc list` shows which board has which chip."
        )
        failure.notes += said
        raise failure

    @property
    def address(self) -> Address | None:
        """Where the device is on the network; None over USB."""
        return parse_address(self._port)

    @property
    def _port(self) -> str:
        return self.port or os.environ.get("ATECC_PORT") or "auto"

    def serial_port(self, command: str) -> str:
        """The port of the board's cable."""
        from atecc.channels.ports import find_port

        self.take_the_cable(command)
        if self.serial is not None:
            channel = self._chosen(self.serial)
            channel.close()
            return str(getattr(channel, "port", self._port))
        return find_port() if self._port == "auto" else self._port

    def take_the_cable(self, command: str) -> None:
        """For what can't be done over anything else."""
        if self.address is not None:
            raise ArgumentError(
                f"`atecc {command}` takes the USB cable: it can't work over {self.address.scheme}://.",
                "Name the board's serial port with --port.",
            )

    def operator(self) -> Operator:
        """The operator that --operator-dir names."""
        from atecc.operators.operator import Operator

        return Operator(self._file("operator_dir"))

    def _access(self) -> Access:
        return Access(
            operator=self._file("operator_dir"),
            device=self.device_name,
            device_key=self.device_key,
            password=self._ws_password,
            mqtt_certificate=self._file("mqtt_cert"),
            mqtt_key=self._file("mqtt_key"),
            mqtt_ca=self._file("mqtt_ca"),
        )

    def _file(self, name: str) -> Path | None:
        """An option that a variable of the environment stands in for: ATECC_MQTT_CA for --mqtt-ca."""
        value = getattr(self, name) or os.environ.get(f"ATECC_{name.upper()}")
        return Path(value) if value else None

    def _ws_password(self) -> str:
        from atecc.x509.keyfile import read_text

        if self.ws_password_file:
            return read_text(self.ws_password_file, "the password")
        return self.ask_password("The device's password", "--ws-password-file").decode()

    def _remark(self, address: Address) -> None:
        if address.password is not None and self.port:
            raise ArgumentError(
                "A password on the command line can be read by everybody on this computer.",
                "--ws-password-file FILE holds it; without it, atecc asks.",
            )
        if address.scheme in ("wss", "mqtts") and self.operator().exists and self.operator().expires_soon():
            self.warn("This operator's certificate expires soon: `atecc operator renew`.")

    def emit(self, data: Any, *human: Shown) -> None:
        """The result: one JSON document, or what people read."""
        if self.json:
            self.document(data)
        else:
            self.out.show(*human)

    def document(self, data: Any, indent: int | None = 2) -> None:
        """The result, as JSON in any case."""
        self.out.document(data, indent)
        self.json_written = True

    def say(self, text: str, style: str = "") -> None:
        """A message beside the data: one line."""
        self.err.styled((text, style))

    def warn(self, text: str) -> None:
        self.err.styled(("Warning: ", "yellow"), text)

    @property
    def can_ask(self) -> bool:
        return self.interactive if self.interactive is not None else can_be_asked()

    def ask(self, question: str, otherwise: str) -> str:
        """A line typed by the user; `otherwise` names the option to use where nobody can be asked."""
        if not self.can_ask:
            raise RefusedError("Nothing was done: nobody can be asked here.", otherwise)
        try:
            line = self.err.ask(question)
        except UnicodeDecodeError as error:
            raise ArgumentError("What was typed is not text in UTF-8.") from error
        if not line:
            raise RefusedError("Nothing was done: there was no answer.", otherwise)
        return line.strip()

    def ask_yes(self, question: str) -> None:
        if self.ask(f"{question} [y/N]", "--yes answers yes.").lower() not in ("y", "yes"):
            raise RefusedError("Nothing was done.")

    def ask_password(self, question: str, option: str = "--ca-key-password-file") -> bytes:
        if not self.can_ask:
            raise CertificateError(
                f"{question} is needed, and nobody can be asked here.", f"{option} FILE holds it."
            )
        return self.err.ask_hidden(question).encode()

    def start_logging(self) -> None:
        """-v shows what the board logs and what is going on, -vv every frame; --log-file keeps what -vv shows."""
        level = {0: logging.WARNING, 1: logging.INFO}.get(self.verbosity, TRAFFIC)
        self.err.log(logging.getLogger("atecc"), level, self.log_file, TRAFFIC)


pass_app = click.make_pass_decorator(App)


def _set(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(context: click.Context, _: click.Parameter, value: Any) -> None:
        app = context.find_object(App)
        if value and app is not None:
            setattr(app, name, value)
            if name in ("verbosity", "log_file"):
                app.start_logging()
            if name == "timeout":
                app.timeout_given = True

    return callback


def _ports(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from atecc.channels.ports import serial_ports

    names = ["auto", *(port.device for port in serial_ports())]
    return [name for name in names if name.startswith(incomplete)]


def shared_options() -> list[click.Option]:
    """--port, --json, -v, --timeout: understood before and after a command."""

    def option(*names: str, sets: str, **settings: Any) -> click.Option:
        return click.Option(names, expose_value=False, callback=_set(sets), **settings)

    return [
        option(
            "--port",
            sets="port",
            metavar="PORT",
            shell_complete=_ports,
            help="Serial port of the board, or wss://HOST, ws://[USER@]HOST, mqtts://BROKER/DEVICE. "
            "Default: $ATECC_PORT, or the one ESP32 board that is plugged in.",
        ),
        option(
            "--serial",
            sets="serial",
            metavar="CHIP",
            help="The board whose chip has this serial number; `atecc list` shows them.",
        ),
        option("--device", sets="device_name", metavar="NAME", help="wss://: talk to this device only."),
        option(
            "--device-key",
            sets="device_key",
            metavar="SHA256",
            help="wss://: the device's key, if it was not learned over USB.",
        ),
        option(
            "--operator-dir",
            sets="operator_dir",
            type=click.Path(file_okay=False, path_type=Path),
            help="wss://, mqtts://: the operator's files. Default: $ATECC_OPERATOR_DIR, or "
            "~/.config/atecc/operator.",
        ),
        option("--ws-password-file", sets="ws_password_file", type=FILE, help="ws://: holds the password."),
        option(
            "--mqtt-cert",
            sets="mqtt_cert",
            type=FILE,
            help="mqtts://: certificate for the broker. Default: $ATECC_MQTT_CERT, or the operator's.",
        ),
        option("--mqtt-key", sets="mqtt_key", type=FILE, help="mqtts://: its key. Default: $ATECC_MQTT_KEY."),
        option(
            "--mqtt-ca",
            sets="mqtt_ca",
            type=FILE,
            help="mqtts://: the CA of the broker's certificate. Default: $ATECC_MQTT_CA, or the computer's CAs.",
        ),
        option("--json", sets="json", is_flag=True, help="Print one JSON document on standard output."),
        option("-v", "--verbose", sets="verbosity", count=True, help="Say more; -vv shows every frame."),
        option(
            "--log-file",
            sets="log_file",
            type=FILE,
            help="Add what -vv would show to this file, with the time.",
        ),
        option(
            "--timeout",
            sets="timeout",
            type=click.FloatRange(1, 300),
            metavar="SECONDS",
            help=f"How long the board may wait for the network. Default: {DEFAULT_TIMEOUT:.0f}.",
        ),
    ]


class Sharing(click.Command):
    """Takes the shared options too, shows them in its help, and examples below."""

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.shared = shared_options()
        self.params += self.shared
        self.examples = examples

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        shared = {option.name for option in self.shared}
        own = [param for param in self.get_params(ctx) if param.name not in shared]
        _section(ctx, formatter, "Options", own)
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)
        _section(ctx, formatter, "Options of every command", self.shared)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        examples = self.examples.strip().splitlines()
        if examples:
            with formatter.section("Examples"):
                for line in examples:
                    formatter.write(f"  {line.strip()}\n")


def _section(
    ctx: click.Context, formatter: click.HelpFormatter, title: str, params: Sequence[click.Parameter]
) -> None:
    records = [record for record in (param.get_help_record(ctx) for param in params) if record]
    if records:
        with formatter.section(title):
            formatter.write_dl(records)


class Command(Sharing):
    """A command that does something."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        for param in self.params:
            _check_text(ctx, param, ctx.params.get(str(param.name)))
        return rest


def _first_example(command: click.Command) -> str:
    if isinstance(command, Group):
        return "\n".join(_first_example(one) for one in command.commands.values())
    examples = command.examples.strip() if isinstance(command, Sharing) else ""
    return examples.partition("\n")[0]


def _check_text(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """A usage error for bytes that are no UTF-8, except in files' names: Python hides them in halves of pairs."""
    for one in value if isinstance(value, tuple) else ():
        _check_text(ctx, param, one)
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise click.BadParameter("That is not text in UTF-8.", ctx, param) from None


class Group(Sharing, click.Group):
    """A group whose commands are such commands, in the order in which one needs them; its examples are theirs."""

    command_class = Command
    group_class = type

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.examples = self.examples or "\n".join(_first_example(one) for one in self.commands.values())
        super().format_epilog(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each with its whole first sentence, which click would cut off."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, one.get_short_help_str(limit=200)) for name, one in found if one and not one.hidden]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

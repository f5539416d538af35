"""What every command shares: the options that may stand anywhere, the board, and where output goes."""

from __future__ import annotations

import json as jsonlib
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from atecc.channels import Channel, open_channel
from atecc.errors import CertificateError, RefusedError
from atecc.log import TRAFFIC

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from atecc.device import Device

DEFAULT_TIMEOUT = 30.0


@dataclass
class App:
    """One run of the command line; tests give it a channel of their own."""

    port: str | None = None
    json: bool = False
    verbosity: int = 0
    timeout: float = DEFAULT_TIMEOUT
    open_channel: Callable[[str], Channel] = open_channel
    interactive: bool | None = None
    json_written: bool = field(default=False, init=False)

    @cached_property
    def out(self) -> Console:
        """Data."""
        return _console(stderr=False)

    @cached_property
    def err(self) -> Console:
        """Messages, progress, questions."""
        return _console(stderr=True)

    def device(self) -> Device:
        """The board that --port names; close it, or use `with`."""
        from atecc.device import Device

        port = self.port or os.environ.get("ATECC_PORT") or "auto"
        return Device(self.open_channel(port), self.timeout)

    def emit(self, data: Any, *human: RenderableType) -> None:
        """The result: one JSON document, or what people read."""
        if self.json:
            click.echo(jsonlib.dumps(data, indent=2, ensure_ascii=False))
            self.json_written = True
            return
        for one in human:
            if isinstance(one, str):
                click.echo(one)
            else:
                self.out.print(one)

    def say(self, text: str, style: str = "") -> None:
        """A message beside the data."""
        self.err.print(text, style=style or None, markup=False, highlight=False, soft_wrap=True)

    def warn(self, text: str) -> None:
        self.err.print(_text(("Warning: ", "yellow"), text), soft_wrap=True)

    @property
    def can_ask(self) -> bool:
        return self.interactive if self.interactive is not None else sys.stdin.isatty()

    def ask(self, question: str, otherwise: str) -> str:
        """A line typed by the user; `otherwise` names the option to use where nobody can be asked."""
        if not self.can_ask:
            raise RefusedError("Nothing was done: nobody can be asked here.", otherwise)
        click.echo(f"{question} ", nl=False, err=True)
        line = sys.stdin.readline()
        if not line:
            raise RefusedError("Nothing was done: there was no answer.", otherwise)
        return line.strip()

    def ask_yes(self, question: str) -> None:
        if self.ask(f"{question} [y/N]", "--yes answers yes.").lower() not in ("y", "yes"):
            raise RefusedError("Nothing was done.")

    def ask_password(self, question: str) -> bytes:
        if not self.can_ask:
            raise CertificateError(
                f"{question} is needed, and nobody can be asked here.",
                "--ca-key-password-file FILE holds it.",
            )
        return str(click.prompt(question, hide_input=True, err=True)).encode()

    def start_logging(self) -> None:
        """-v shows what the board logs and what is going on, -vv every frame."""
        level = {0: logging.WARNING, 1: logging.INFO}.get(self.verbosity, TRAFFIC)
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        logger = logging.getLogger("atecc")
        logger.handlers[:] = [handler]
        logger.setLevel(level)


def _console(stderr: bool) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, highlight=False, markup=False, emoji=False)


def _text(*parts: str | tuple[str, str]) -> RenderableType:
    from rich.text import Text

    return Text.assemble(*parts)


pass_app = click.make_pass_decorator(App)


def _set(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(context: click.Context, _: click.Parameter, value: Any) -> None:
        app = context.find_object(App)
        if value and app is not None:
            setattr(app, name, value)
            if name == "verbosity":
                app.start_logging()

    return callback


def shared_options(hidden: bool) -> list[click.Option]:
    """--port, --json, -v, --timeout: shown in the main help, understood before and after a command."""

    def option(*names: str, sets: str, **settings: Any) -> click.Option:
        return click.Option(names, expose_value=False, hidden=hidden, callback=_set(sets), **settings)

    return [
        option(
            "--port",
            sets="port",
            metavar="PORT",
            help="Serial port of the board. Default: $ATECC_PORT, or the one ESP32 board that is plugged in.",
        ),
        option("--json", sets="json", is_flag=True, help="Print one JSON document on standard output."),
        option("-v", "--verbose", sets="verbosity", count=True, help="Say more; -vv shows every frame."),
        option(
            "--timeout",
            sets="timeout",
            type=click.FloatRange(1, 300),
            metavar="SECONDS",
            help=f"How long the board may wait for the network. Default: {DEFAULT_TIMEOUT:.0f}.",
        ),
    ]


class Command(click.Command):
    """A command that takes the shared options too, and shows examples."""

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += shared_options(hidden=True)
        self.examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples.strip().splitlines():
                    formatter.write(f"  {line.strip()}\n")


class Group(click.Group):
    """A group whose commands are such commands, in the order in which one needs them."""

    command_class = Command
    group_class = type

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

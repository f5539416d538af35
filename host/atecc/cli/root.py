"""The root of the command line, and the one place where exceptions become text and an exit status."""

from __future__ import annotations

import contextlib
import errno
import itertools
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from atecc import __version__
from atecc.cli import screen, signals
from atecc.cli.app import App, Group
from atecc.errors import AteccError, OutputError

# In the order of the main help: each command, and where it is in this package. Imported when it is called, so that no
# command waits for the others.
COMMANDS = {
    "list": "list.command",
    "flash": "flash.command",
    "install": "install.install",
    **{
        name: f"{name}.command" for name in ("info", "chip", "key", "csr", "cert", "provision", "aws", "mqtt")
    },
    **{name: f"{name}.command" for name in ("identity", "wifi", "config", "fs", "reboot", "operator")},
    "app": "program.command",
    **{name: f"{name}.command" for name in ("bench", "websocket", "rpc", "doctor")},
    "console": "install.console",
}
INTERRUPTED = 130
# What writing ends with. Wherever this tool itself writes it is an OutputError by then; click, with its help, does too.
_OUTPUT = {errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}


class Root(Group):
    """Runs a command; whatever goes wrong in it ends in `_end`."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        click.Group.format_epilog(self, ctx, formatter)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(".")
        command: click.Command = getattr(import_module(f"atecc.cli.{module}"), name)
        return command

    def main(self, args: Sequence[str] | None = None, **kwargs: Any) -> NoReturn:  # type: ignore[override]
        typed = list(sys.argv[1:] if args is None else args)
        app = kwargs.setdefault("obj", None) or App()
        kwargs |= {"obj": app, "standalone_mode": False}
        if not sys.warnoptions:
            # Remarks of libraries to programmers; a user has no use for them.
            warnings.simplefilter("ignore")
        try:
            status = super().main(typed, **kwargs)
            screen.flush()  # at the very end nobody could say any more what went wrong
        except BaseException as error:
            # What is wrong with a line may have been found before its --json was read.
            app.json = app.json or "--json" in itertools.takewhile(lambda word: word != "--", typed)
            if isinstance(error, click.Abort | KeyboardInterrupt):
                signals.ignore()
            status = _end(error, app)
        sys.exit(status if isinstance(status, int) else 0)


def _end(error: BaseException, app: App) -> int:
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, click.Abort | KeyboardInterrupt):
        app.err.show("", "Interrupted.")
        cause = error if isinstance(error, signals.Terminated) else error.__cause__ or error.__context__
        return 128 + cause.number if isinstance(cause, signals.Terminated) else INTERRUPTED
    if isinstance(error, OSError) and error.filename is None and error.errno in _OUTPUT:
        screen.drop()
        error = screen.why_not_written(error)
    if isinstance(error, click.ClickException):
        app.err.usage(error)
        return _failed(
            app, {"kind": "usage", "message": error.format_message(), "exit_status": error.exit_code}
        )
    if isinstance(error, AteccError):
        _show(error, app)
        return _failed(app, error.as_dict())
    return _defect(error, app)


def _show(error: AteccError, app: App) -> None:
    app.err.styled(("Error: ", "bold red"), error.message)
    for note in error.notes:
        app.say(f"  - {note}")
    for line in error.hint.split("\n") if error.hint else []:
        app.say(f"  {line}", style="cyan")


def _defect(error: BaseException, app: App) -> int:
    name = type(error).__name__
    message = f"A defect of this tool: {name}: {error}"
    app.err.show(f"Error: {message}")
    if app.verbosity > 1:
        app.err.trace(error)
    else:
        app.err.show("  The same command with -vv shows where. Please report it.")
    return _failed(app, {"kind": "defect", "message": message, "exit_status": 1})


def _failed(app: App, error: dict[str, Any]) -> int:
    if app.json and not app.json_written and error["kind"] != OutputError.kind:
        with contextlib.suppress(OutputError):
            app.document({"error": error})
    return int(error["exit_status"])


@click.group(
    cls=Root,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit status: 0 done, 1 other, 2 usage, 3 no board, 4 chip, 5 refused, 6 certificate, 7 AWS, "
    "8 network or broker, 130 interrupted.",
)
@click.version_option(__version__, "--version", prog_name="atecc")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """A private key born inside an ATECC608 on an ESP32 becomes the device's identity.

    The options below may stand before a command or after it.
    """
    if ctx.invoked_subcommand is None:
        from atecc.cli.list import where_you_stand

        where_you_stand(ctx.ensure_object(App))

"""make demo: the whole job on a simulated board, through the commands that a user types.

Leaves build/demo/report.json: what was really used, taken where it arose.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atecc.channels import open_channel
from atecc.device import Device
from atecc.errors import AteccError
from rich.console import Console
from rich.markup import escape
from rich.text import Text
from simboard import Board, BoardError

if TYPE_CHECKING:
    from simcloud import Cloud

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "build" / "demo"
ATECC = Path(sys.executable).with_name("atecc")
THING = "demo-thing"
TOPIC = f"things/{THING}/hello"
MESSAGE = "hello from a key that nobody has ever seen"
WIDTH = 100  # where there is no terminal: the table of slots fits

# stderr and stdout of the commands go to the same place, in order.
console = Console(highlight=False, soft_wrap=True)


# For the picture of the terminal.
SAID: list[str] = []


def say(text: str) -> None:
    console.print(text)
    SAID.append(Text.from_markup(text).plain)


class DemoError(Exception):
    """A command failed; its own words are on the screen already."""


class Demo:
    """Runs commands against one board, and keeps what they said and how long they took."""

    def __init__(self, board: Board, cloud: Future[Cloud]) -> None:
        self.environment = {**os.environ, "ATECC_PORT": board.port}
        if not console.is_terminal:
            self.environment["COLUMNS"] = str(WIDTH)
        self._port = board.port
        self._cloud = cloud
        self.steps: list[dict[str, Any]] = []

    @property
    def cloud(self) -> Cloud:
        """Waited for when it is needed first."""
        cloud = self._cloud.result()
        self.environment |= cloud.environment()
        return cloud

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.steps.append({"name": name, "ms": round((time.monotonic() - started) * 1000)})

    @contextmanager
    def device(self) -> Iterator[Device]:
        """For a question that the user does not see."""
        try:
            with Device(open_channel(self._port)) as device:
                yield device
        except AteccError as error:
            raise DemoError(error.message.rstrip(".")) from error

    def answer(self, *command: str) -> Any:
        """Type a command before the user's eyes; what it says on the way is seen, its answer comes as JSON."""
        self._typed(command)
        done = subprocess.run(
            [ATECC, "--json", *command], env=self.environment, stdout=subprocess.PIPE, check=False
        )
        _check(done.returncode)
        found = json.loads(done.stdout)
        SAID.extend(f"✓ {step['meaning']}" for step in found.get("steps", ()))  # as it was told on the way
        return found

    def show(self, *command: str) -> None:
        """Type a command before the user's eyes; what it says is seen, without empty lines and the answer's details."""
        self._typed(command)
        # Tables as on a terminal in any case; colours where there is one.
        colours = {"FORCE_COLOR": "1"} | (
            {"COLUMNS": str(console.width)} if console.is_terminal else {"TERM": "dumb"}
        )
        done = subprocess.run(
            [ATECC, *command], env=self.environment | colours, capture_output=True, text=True, check=False
        )
        says = [*done.stderr.splitlines(), *done.stdout.splitlines()[:1]]
        shown = [line.rstrip() for line in says if line.strip() and not line.startswith("Next: ")]
        print(*shown, sep="\n", flush=True)
        SAID.extend(shown)
        _check(done.returncode)

    def quietly(self, *command: str) -> None:
        """A command that nobody has to see."""
        done = subprocess.run([ATECC, *command], env=self.environment, capture_output=True, check=False)
        _check(done.returncode)

    @staticmethod
    def _typed(command: Sequence[str]) -> None:
        say(f"[bold]$ atecc {escape(shlex.join(command))}[/]")


def _check(status: int) -> None:
    if status != 0:
        raise DemoError(f"atecc exited with status {status}")


def heading(number: int, text: str) -> None:
    say(f"\n[bold cyan]{number}. {text}[/]")


def done(text: str) -> None:
    say(f"[green]✓[/] {escape(text)}")


def prepare_chip(demo: Demo) -> None:
    """Configure and lock what is still open."""
    with demo.device() as device:
        chip = device.chip_info()
    if chip.config_locked:
        console.print(f"The chip {chip.serial} is configured and locked already: nothing to do here.")
    else:
        with demo.timed("configure"):
            demo.answer("chip", "config", "set", "--yes")
        done(f"configuration of chip {chip.serial} written and read back; nothing is locked yet")
        with demo.timed("lock config"):
            demo.show("chip", "lock", "config", "--yes-lock", chip.serial)
    if not chip.data_locked:
        with demo.timed("lock data"):
            demo.answer("chip", "lock", "data", "--yes-lock", chip.serial)
        done("data zone locked, for good; read back and verified")


def provision(demo: Demo) -> Any:
    command = [
        "provision",
        "aws",
        "--thing",
        THING,
        "--server-ca",
        os.path.relpath(demo.cloud.server_ca_file),
    ]
    with demo.device() as device:
        slot = device.identity_status().identities["a"].slot
        in_use = None if slot is None else device.key_info(slot).in_use
    if in_use == "unknown":
        console.print("The chip brought a key with it. It is used as it is: nothing is overwritten unasked.")
        command += ["--key", "existing"]
    with demo.timed("provision"):
        return demo.answer(*command)


def round_trip(demo: Demo) -> Any:
    with demo.timed("message"):
        message = demo.answer("mqtt", "publish", TOPIC, MESSAGE, "--round-trip")
    done(f"sent, acknowledged by the broker, and received again: {message['received']}")
    return message


def report(demo: Demo, provisioned: Any, message: Any) -> dict[str, Any]:
    out = {
        k: provisioned[k]
        for k in ("chip", "csr_pem", "certificate_pem", "ca_pem", "thing", "endpoint", "tls")
    }
    out["message"] = {"sent": message["sent"], "received": message["received"]}
    inner = [{"name": step["name"], "ms": step["ms"]} for step in provisioned["steps"]]
    out["steps"] = [
        step for outer in demo.steps for step in (inner if outer["name"] == "provision" else [outer])
    ]
    return out


def run(demo: Demo) -> dict[str, Any]:
    heading(1, "The chip: configured, then locked, which takes its serial number and can't be undone")
    prepare_chip(demo)
    heading(2, f"The identity: key, request, certificate. AWS IoT is played by {demo.cloud.endpoint_url}")
    provisioned = provision(demo)
    heading(3, "The connection: a message makes the round trip")
    message = round_trip(demo)
    return report(demo, provisioned, message)


def draw(folder: Path, found: dict[str, Any]) -> None:
    import pictures

    (folder / "terminal.svg").write_text(pictures.terminal("\n".join(SAID)), encoding="utf-8")
    (folder / "handshake.svg").write_text(pictures.handshake(found), encoding="utf-8")


def last_words(folder: Path, seconds: float) -> None:
    where = os.path.relpath(folder)
    chip = "; ".join(
        f"atecc chip {what}" for what in ("config set", "lock config --confirm", "lock data --confirm")
    )
    console.print(
        f"""
[bold green]Done in {seconds:.1f} s.[/] What was really used is in {where}/report.json. See for yourself:
  openssl req -in {where}/csr.pem -noout -verify -subject; openssl x509 -in {where}/certificate.pem -noout -text
With a real board on USB (README, "On a real board"), AWS credentials in the environment, and `pip install ./host`:
  {chip}; atecc provision aws --thing {THING}"""
    )


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument(
        "--bus", help="a chip behind unix:PATH or tcp:HOST:PORT, instead of a new simulated one"
    )
    parser.add_argument("--into", type=Path, default=DEMO, help="where the report goes (build/demo)")
    return parser.parse_args(arguments)


def start_cloud(folder: Path, stack: ExitStack) -> Cloud:
    from simcloud import Cloud
    from simcloud.broker import BrokerError

    try:
        return stack.enter_context(Cloud(folder))
    except BrokerError as error:
        raise DemoError(str(error)) from error


def main(arguments: list[str]) -> int:
    options, started = parse(arguments), time.monotonic()
    folder = options.into
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").unlink(missing_ok=True)
    console.print("[bold]A device identity whose private key is born in an ATECC608 and never leaves it[/]")
    with ExitStack() as stack, ThreadPoolExecutor() as aside:
        # Nobody needs the cloud before the chip is ready.
        cloud = aside.submit(start_cloud, folder / "cloud", stack)
        with console.status("starting a simulated board"):
            board = stack.enter_context(Board(bus=options.bus))
        chip = f"the chip at {options.bus}" if options.bus else "a blank chip"
        console.print(f"A simulated board is on [bold]{board.port}[/], with {chip}.")
        demo = Demo(board, cloud)
        found = run(demo)
        slots = folder / "slots.svg"
        slots.unlink(missing_ok=True)
        demo.quietly("chip", "show", "--svg", str(slots))
    for name in ("csr", "certificate", "ca"):
        (folder / f"{name}.pem").write_text(found[f"{name}_pem"])
    (folder / "report.json").write_text(json.dumps(found, indent=2) + "\n")
    draw(folder, found)
    last_words(folder, time.monotonic() - started)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (DemoError, BoardError) as error:
        sys.exit(f"The demo stops here: {error}.")
    except KeyboardInterrupt:
        sys.exit(130)

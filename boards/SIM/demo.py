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
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from simboard import Board, BoardError
from simcloud import Cloud
from simcloud.broker import BrokerError

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "build" / "demo"
ATECC = Path(sys.executable).with_name("atecc")
THING = "demo-thing"
TOPIC = f"things/{THING}/hello"
MESSAGE = "hello from a key that nobody has ever seen"

# stderr and stdout of the commands go to the same place, in order.
console = Console(highlight=False, soft_wrap=True)


class DemoError(Exception):
    """A command failed; its own words are on the screen already."""


class Demo:
    """Runs commands against one board, and keeps what they said and how long they took."""

    def __init__(self, board: Board, cloud: Cloud) -> None:
        self.environment = {**os.environ, **cloud.environment(), "ATECC_PORT": board.port}
        self.server_ca = cloud.server_ca_file
        self.steps: list[dict[str, Any]] = []

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.steps.append({"name": name, "ms": round((time.monotonic() - started) * 1000)})

    def ask(self, *command: str) -> Any:
        """The JSON that a command answers with, unseen by the user."""
        done = subprocess.run(
            [ATECC, "--json", *command], env=self.environment, stdout=subprocess.PIPE, check=False
        )
        return self._json(done)

    def show(self, *command: str, answer: bool = False) -> Any:
        """Type a command before the user's eyes; its JSON if `answer`."""
        console.print(f"\n[bold]$ atecc {escape(shlex.join(command))}[/]")
        if not answer:
            self._check(subprocess.run([ATECC, *command], env=self.environment, check=False))
            return None
        return self._json(
            subprocess.run(
                [ATECC, "--json", *command], env=self.environment, stdout=subprocess.PIPE, check=False
            )
        )

    def _json(self, done: subprocess.CompletedProcess[bytes]) -> Any:
        self._check(done)
        return json.loads(done.stdout)

    @staticmethod
    def _check(done: subprocess.CompletedProcess[bytes]) -> None:
        if done.returncode != 0:
            raise DemoError(f"atecc exited with status {done.returncode}")


def heading(number: int, text: str) -> None:
    console.print(f"\n[bold cyan]{number}. {text}[/]")


def prepare_chip(demo: Demo) -> None:
    """Configure and lock what is still open."""
    chip = demo.ask("info")["chip"]
    serial = chip["serial"]
    if chip["config_locked"]:
        console.print(f"The chip {serial} is configured and locked already: nothing to do here.")
    else:
        with demo.timed("configure"):
            demo.show("chip", "config", "set", "--yes")
        console.print("\nLocking can't be undone: the command wants the chip's serial number, typed in full.")
        with demo.timed("lock config"):
            demo.show("chip", "lock", "config", "--yes-lock", serial)
    if not chip["data_locked"]:
        with demo.timed("lock data"):
            demo.show("chip", "lock", "data", "--yes-lock", serial)


def provision(demo: Demo) -> Any:
    command = ["provision", "aws", "--thing", THING, "--server-ca", str(demo.server_ca)]
    slot = demo.ask("identity", "status")["identities"]["a"]["slot"]
    if demo.ask("rpc", "call", "ATCA.KeyInfo", json.dumps({"slot": slot}))["in_use"] == "unknown":
        console.print("The chip brought a key with it. It is used as it is: nothing is overwritten unasked.")
        command += ["--key", "existing"]
    with demo.timed("provision"):
        return demo.show(*command, answer=True)


def round_trip(demo: Demo) -> Any:
    with demo.timed("message"):
        message = demo.show("mqtt", "publish", TOPIC, MESSAGE, "--round-trip", answer=True)
    console.print(f"✓ sent, acknowledged by the broker, and received again: {message['received']}")
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


def run(board: Board, cloud: Cloud) -> dict[str, Any]:
    demo = Demo(board, cloud)
    heading(1, "The chip: configured, then locked")
    prepare_chip(demo)
    heading(2, "The identity: key, request, certificate")
    provisioned = provision(demo)
    heading(3, "The connection: a message makes the round trip")
    message = round_trip(demo)
    return report(demo, provisioned, message)


def last_words(folder: Path) -> None:
    where = os.path.relpath(folder)
    console.print(
        f"""
[bold green]Done.[/] What was really used is in {where}/report.json. See for yourself:
  openssl req  -in {where}/csr.pem -noout -verify -subject
  openssl x509 -in {where}/certificate.pem -noout -subject -issuer -dates

With a real board on USB that runs the firmware (README, "On a real board"), and AWS credentials in the environment:
  pip install ./host
  atecc info
  atecc chip config set
  atecc chip lock config --confirm
  atecc chip lock data --confirm
  atecc provision aws --thing {THING}"""
    )


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument(
        "--bus", help="a chip behind unix:PATH or tcp:HOST:PORT, instead of a new simulated one"
    )
    parser.add_argument("--into", type=Path, default=DEMO, help="where the report goes (build/demo)")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    folder = options.into
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").unlink(missing_ok=True)
    console.print("[bold]A device identity whose private key is born in an ATECC608 and never leaves it[/]")
    with ExitStack() as stack:
        with console.status("starting a simulated board and a stand-in for AWS IoT"):
            cloud = stack.enter_context(Cloud(folder / "cloud"))
            board = stack.enter_context(Board(bus=options.bus))
        chip = f"the chip at {options.bus}" if options.bus else "a blank chip"
        console.print(
            f"A simulated board is on [bold]{board.port}[/], with {chip}; AWS IoT is played by {cloud.endpoint_url}."
        )
        found = run(board, cloud)
    for name in ("csr", "certificate", "ca"):
        (folder / f"{name}.pem").write_text(found[f"{name}_pem"])
    (folder / "report.json").write_text(json.dumps(found, indent=2) + "\n")
    last_words(folder)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (DemoError, BoardError, BrokerError) as error:
        sys.exit(f"The demo stops here: {error}.")
    except KeyboardInterrupt:
        sys.exit(130)

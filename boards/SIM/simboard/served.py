"""A board that answers callers on the network: what its owner does at the USB cable is done for it."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from atecc.channels import open_channel
from atecc.channels.digest import ha1
from atecc.device import Device
from atecc.device.replies import Listener
from atecc.errors import AteccError
from simcloud.broker import BrokerError

from simboard.board import Board, BoardError
from simboard.credentials import Credentials
from simboard.tcpport import LOOPBACK, TcpPort
from simboard.wanted import Wanted

INTO = Path(__file__).resolve().parents[3] / "build" / "board"
PATIENCE_S = 20.0
SECURE_CHIP = ("--preset=tls", "--locked")  # wss:// takes a chip that can have an identity


class Served:
    """A simulated board whose RPC is at `address`, from the moment this is entered until it is left.

    `address` is ws://[USER:PASSWORD@]127.0.0.1:PORT or wss://127.0.0.1:PORT; port 0 lets the system choose. `bench`
    gives the owner's bench permission, kept across resets. Callers find what they need for wss:// in `into`. All other
    options are those of Board.
    """

    def __init__(
        self, address: str = f"ws://{LOOPBACK}:0", *, bench: bool = False, into: Path = INTO, **options: Any
    ) -> None:
        self.wanted = Wanted.parse(address)
        if self.wanted.scheme == "ws" and not self.wanted.user and not bench:
            raise BoardError(
                "ws:// without a password is served only while the bench permission is on: "
                "add --bench, or say ws://user:password@…"
            )
        self.credentials = Credentials(into) if self.wanted.scheme == "wss" else None
        self.board = Board(**_with_chip(options) if self.credentials else options)
        self._bench = bench
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def address(self) -> str:
        """For `atecc --port`; the RPC's path, /rpc, is not in it."""
        return f"{self.wanted.scheme}://{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Everything is as it should be, or a BoardError says what is not."""
        try:
            with ExitStack() as stack:
                self.port = stack.enter_context(TcpPort(self.wanted.port)).number
                if self.credentials:
                    self.credentials.prepare()
                stack.enter_context(self.board)
                with self.owner() as device:
                    self._open(device, stack)
                self._stack = stack.pop_all()
        except AteccError as error:
            raise BoardError("\n".join(filter(None, [error.message, error.hint, *error.notes]))) from None
        except BrokerError as error:
            raise BoardError(str(error)) from None

    def stop(self) -> None:
        self._stack.close()

    def owner(self) -> Device:
        """The board as its owner reaches it: over its serial port. To be closed."""
        return Device(open_channel(self.board.port))

    def wait(self, device: Device) -> None:
        """Until callers are served; of use after a reset as well. `device` is an owner's."""
        deadline = time.monotonic() + PATIENCE_S
        while not (listener := self._listener(device)).listening:
            if time.monotonic() > deadline:
                raise BoardError(f"the board doesn't listen: {listener.why or 'it gives no reason'}")
            time.sleep(0.02)

    def _listener(self, device: Device) -> Listener:
        status = device.access_status()
        return status.wss if self.credentials else status.ws

    def _open(self, device: Device, stack: ExitStack) -> None:
        if self._bench:
            device.bench(True, keep=True)
        if self.credentials:
            device.change_settings({"rpc": {"wss": {"enable": True, "port": self.port}}}, save=True)
            self.credentials.give(device, stack)
        else:
            device.web_socket(True, port=self.port, **self._password())
        self.wait(device)

    def _password(self) -> dict[str, str]:
        user, password = self.wanted.user, self.wanted.password
        return {"username": user, "ha1": ha1(user, password)} if user and password else {}


def _with_chip(options: dict[str, Any]) -> dict[str, Any]:
    """Board's options, with a chip that can have an identity unless they name another one."""
    chip = list(options.get("chip_options", ()))
    named = {option.partition("=")[0] for option in chip} & {"--preset", "--state"}
    if named or options.get("bus") or not options.get("chip", True):
        return options
    return options | {"chip_options": [*SECURE_CHIP, *chip]}

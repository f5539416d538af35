"""make try: a shell in which everything is in place: a simulated board, a stand-in for AWS IoT, and `atecc`.

Nothing of it outlives the shell, and none of the user's own files are read or written.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from atecc.channels import open_channel
from atecc.device import Device
from atecc.errors import AteccError
from simboard import Board, BoardError
from simboard.tcpport import LOOPBACK, TcpPort
from simcloud import Cloud
from simcloud.broker import BrokerError

WELCOME = """
A board is on {port}: its chip is configured and locked, and holds no key. A stand-in plays AWS IoT.
The board sees a Wi-Fi network, home, whose password is {password}. Try:

  atecc info
  atecc provision aws --thing sensor-1
  atecc mqtt publish things/sensor-1/hello 'hello, world' --round-trip
  atecc app put firmware/examples/sensor.py
  atecc mqtt subscribe sensor-1/temperature --count 1
  atecc doctor aws
  atecc wifi set

`exit` ends it all; nothing stays."""


OF_MAKE = ("MAKELEVEL", "MAKEFLAGS", "MFLAGS")
HOME = {"ssid": "home", "key": "correct horse", "rssi": -50}


def listen_on(board: Board, port: int) -> None:
    """For wss://: only root may have port 443 of this computer, where the board's sockets are."""
    with Device(open_channel(board.port)) as device:
        device.change_settings({"rpc": {"wss": {"port": port}}}, save=True)


def main() -> int:
    shell = os.environ.get("SHELL") or "/bin/sh"
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="atecc-try-")))
            air = folder / "air.json"
            air.write_text(json.dumps({"networks": [HOME | {"ip": LOOPBACK}]}))
            board = stack.enter_context(Board(chip_options=["--preset", "tls", "--locked"], air=air))
            listen_on(board, stack.enter_context(TcpPort()).number)
            cloud = stack.enter_context(Cloud(folder / "cloud"))
            environment = {
                **{name: value for name, value in os.environ.items() if name not in OF_MAKE},
                **cloud.environment(),
                "ATECC_PORT": board.port,
                "ATECC_AWS_SERVER_CA": str(cloud.server_ca_file),
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "XDG_CONFIG_HOME": str(folder / "config"),
                "XDG_STATE_HOME": str(folder / "state"),
            }
            print(WELCOME.format(port=board.port, password=HOME["key"]), file=sys.stderr, flush=True)
            return subprocess.run([shell], env=environment, check=False).returncode
    except (AteccError, BoardError, BrokerError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

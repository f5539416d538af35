"""make try: a shell in which everything is in place: a simulated board, a stand-in for AWS IoT, and `atecc`.

Nothing of it outlives the shell, and none of the user's own files are read or written.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from simboard import Board, BoardError
from simcloud import Cloud
from simcloud.broker import BrokerError

WELCOME = """
A board is on {port}: its chip is configured and locked, and holds no key. A stand-in plays AWS IoT. Try:

  atecc info
  atecc provision aws --thing sensor-1
  atecc mqtt publish things/sensor-1/hello 'hello, world' --round-trip
  atecc app put firmware/examples/sensor.py
  atecc mqtt subscribe sensor-1/temperature --count 1
  atecc doctor aws
  atecc provision aws --thing sensor-1 --renew

`exit` ends it all; nothing stays."""


def main() -> int:
    shell = os.environ.get("SHELL") or "/bin/sh"
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="atecc-try-")))
            board = stack.enter_context(Board(chip_options=["--preset", "tls", "--locked"]))
            cloud = stack.enter_context(Cloud(folder / "cloud"))
            environment = {
                **os.environ,
                **cloud.environment(),
                "ATECC_PORT": board.port,
                "ATECC_AWS_SERVER_CA": str(cloud.server_ca_file),
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "XDG_CONFIG_HOME": str(folder / "config"),
                "XDG_STATE_HOME": str(folder / "state"),
            }
            print(WELCOME.format(port=board.port), file=sys.stderr, flush=True)
            return subprocess.run([shell], env=environment, check=False).returncode
    except (BoardError, BrokerError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

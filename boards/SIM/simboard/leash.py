"""`python -m simboard.leash MODULE …`: runs a module that ends when whoever started it does.

Its standard input is a pipe that nobody writes to; when even a killed parent's end is closed, it is time to go.
"""

import os
import runpy
import signal
import sys
import threading


def _wait_for_the_end() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_wait_for_the_end, daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)

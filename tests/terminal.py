"""A terminal with an `atecc` command in it: a keyboard to type on, and a screen to look at."""

import os
import pty
import select
import subprocess
import time
from typing import Self

from user import ATECC, PLAIN


class Terminal:
    """`atecc` with these arguments, for a board on `port`; `process` is the command's."""

    def __init__(self, port: str, *command: str, **environment: str) -> None:
        self._here, there = pty.openpty()
        self.process = subprocess.Popen(
            [ATECC, *command],
            env=PLAIN | {"ATECC_PORT": port} | environment,
            stdin=there,
            stdout=there,
            stderr=there,
        )
        os.close(there)
        self._screen = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._here)

    def types(self, keys: bytes) -> None:
        os.write(self._here, keys)

    def shows(self, wanted: bytes, seconds: float = 20) -> bytes:
        """Wait for it; what stood before it is returned, and forgotten."""
        deadline = time.monotonic() + seconds
        while wanted not in self._screen:
            left = deadline - time.monotonic()
            assert left > 0, f"{wanted!r} never came: {self._screen[-500:]!r}"
            if select.select([self._here], [], [], left)[0]:
                self._screen += os.read(self._here, 4096)
        before, _, self._screen = self._screen.partition(wanted)
        return before

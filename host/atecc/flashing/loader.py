"""A chip whose loader listens on a serial port, as esptool reaches it: in a process of its own (worker.py)."""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from atecc.channels.ports import why_not_open
from atecc.errors import AteccError, ChannelError
from atecc.flashing.worker import NO_ESPTOOL

logger = logging.getLogger(__name__)

WORKER = Path(__file__).with_name("worker.py")
EXIT_S = 5.0
BY_HAND = "Hold its BOOT button (GPIO 0 or 9) while pressing RESET, let both go, and run the command again."
# What esptool says, and what that means for whoever holds the board.
_WHY_NOT_CONNECTED = (
    (
        r"[Ww]rong boot mode",
        "The board on {port} starts its program, and does not go into its loader.",
        BY_HAND,
    ),
    (
        r"TX path",
        "The board on {port} can be heard, but does not hear.",
        "Is the computer's TX wired to the board's RX, and is nothing else on those pins?",
    ),
    (
        r"autodetect|Unexpected chip",
        "The chip on {port} is none that this esptool knows.",
        "A newer esptool may.",
    ),
    (r"", "No ESP32 answers on {port}.", f"Is it the right port, and a data cable? {BY_HAND}"),
)


class Loader:
    """The chip on `port`, in its loader from connect() to reset(), or to the end of the `with`."""

    def __init__(self, port: str, python: str = sys.executable) -> None:
        """`python` is the one that has esptool."""
        self.port = port
        self._python = python

    def __enter__(self) -> Loader:
        self._said = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [self._python, str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(EXIT_S)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        for line in self._words().splitlines():
            logger.info("esptool: %s", line)
        self._said.close()

    def connect(self) -> dict[str, Any]:
        """The chip goes into its loader; what it is, see worker.py."""
        return self._ask({"do": "connect", "port": self.port})

    def read(self, offset: int, size: int) -> bytes:
        return base64.b64decode(self._ask({"do": "read", "offset": offset, "size": size})["data"])

    def erase(self, offset: int, size: int) -> None:
        self._ask({"do": "erase", "offset": offset, "size": size})

    def write(self, offset: int, data: bytes, told: Callable[[int, int], None]) -> None:
        """`told(done, of)` again and again. What is in the flash then has been compared."""
        with tempfile.TemporaryDirectory(prefix="atecc-") as folder:
            file = Path(folder) / "image.bin"
            file.write_bytes(data)
            self._ask({"do": "write", "offset": offset, "file": str(file)}, told)

    def reset(self) -> None:
        """What is in the flash starts."""
        self._ask({"do": "reset"})

    def _ask(self, request: dict[str, Any], told: Callable[[int, int], None] | None = None) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        for line in self._process.stdout:
            answer: dict[str, Any] = json.loads(line)
            if "error" in answer:
                raise self._error(request["do"], answer)
            if "done" in answer:
                return answer
            if told:
                told(answer["written"], answer["of"])
        raise self._ended()

    def _ended(self) -> AteccError:
        if self._process.wait() == NO_ESPTOOL:
            return AteccError(
                "esptool, which writes the flash, is not installed beside this tool.",
                "`pip install esptool` brings it; so does this package with its extra: `pip install './host[flash]'`.",
            )
        last = self._words().strip().splitlines()[-1:]
        return AteccError(
            f"esptool ended in the middle of it{': ' + last[0] if last else ''}.", "Run it again."
        )

    def _error(self, doing: str, answer: dict[str, Any]) -> AteccError:
        text = str(answer["error"])
        logger.info("esptool: %s", text)
        if doing == "connect" and not answer["connected"]:
            if "Could not open" in text:
                return why_not_open(self.port)
            for words, sentence, hint in _WHY_NOT_CONNECTED:
                if re.search(words, text):
                    return ChannelError(sentence.format(port=self.port), hint)
        if "MD5" in text or "region is empty" in text:
            return ChannelError(
                "What is in the flash now is not what was written.",
                "Run the command again; if it happens again, the flash is worn out, or its supply breaks down.",
            )
        return ChannelError(
            f"The talk with the chip on {self.port} broke off ({text.splitlines()[0]}).",
            "The board may not start now. Run the command again: it begins anew, and nothing is lost by that.",
        )

    def _words(self) -> str:
        self._said.seek(0)
        return self._said.read().decode(errors="replace")

"""esptool, in a process of its own: takes requests as lines of JSON, and answers with lines of JSON.

    {"do": "connect", "port": PORT}                 → {"chip", "description", "mac", "flash_size", "secure_boot", …}
    {"do": "read", "offset": N, "size": N}          → {"data": BASE64}
    {"do": "erase", "offset": N, "size": N}         → {}
    {"do": "write", "offset": N, "file": PATH}      → {"written": N, "of": N} …, {}
    {"do": "reset"}                                 → {}

Each answer has `"done": true`, or `"error"`, a text, with `"connected"`: whether the chip had answered by then. What
esptool prints goes to standard error. When the requests end, a chip that was not reset yet is. Only what esptool
documents for scripts is used ("Embedding into Custom Scripts").
"""

from __future__ import annotations

import base64
import json
import os
import sys
from typing import Any, TextIO

BAUD = 460800
NO_ESPTOOL = 3


def _logger(told: Any) -> Any:
    """esptool's own words to standard error; how far it is, to `told(done, of)`."""
    from esptool.logger import TemplateLogger

    class Logger(TemplateLogger):  # type: ignore[misc]
        def print(self, *words: Any, **_: Any) -> None:
            print(*words, file=sys.stderr, flush=True)

        def note(self, message: str) -> None:
            self.print("note:", message)

        def warning(self, message: str) -> None:
            self.print("warning:", message)

        def error(self, message: str) -> None:
            self.print("error:", message)

        def stage(self, finish: bool = False) -> None:
            """Nothing is folded away here."""

        def progress_bar(self, cur_iter: int, total_iters: int, *_: Any, **__: Any) -> None:
            told(cur_iter, total_iters)

        def set_verbosity(self, verbosity: str) -> None:
            """Everything is said."""

    return Logger()


class Worker:
    """One chip on one port."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self.esp: Any = None

    def say(self, **answer: Any) -> None:
        print(json.dumps(answer), file=self._out, flush=True)

    def connect(self, port: str) -> dict[str, Any]:
        from esptool.cmds import attach_flash, detect_chip, detect_flash_size, run_stub

        self.esp = detect_chip(port)
        found: dict[str, Any] = {
            "chip": self.esp.CHIP_NAME,
            "locked_down": bool(self.esp.secure_download_mode),
        }
        if found["locked_down"]:
            return found
        found |= {
            "description": self.esp.get_chip_description(),
            "mac": ":".join(f"{byte:02X}" for byte in self.esp.read_mac("BASE_MAC")),
            "secure_boot": bool(self.esp.get_secure_boot_enabled()),
            "encrypted": bool(self.esp.get_flash_encryption_enabled()),
        }
        if found["secure_boot"] or found["encrypted"]:
            return found
        self.esp = run_stub(self.esp)
        if not port.startswith(("socket:", "rfc2217:")):
            self.esp.change_baud(BAUD)
        attach_flash(self.esp)
        return found | {"flash_size": detect_flash_size(self.esp)}

    def read(self, offset: int, size: int) -> dict[str, Any]:
        from esptool.cmds import read_flash

        data = read_flash(self.esp, offset, size, None)
        return {"data": base64.b64encode(data).decode()}

    def erase(self, offset: int, size: int) -> dict[str, Any]:
        from esptool.cmds import erase_region

        erase_region(self.esp, offset, size)
        return {}

    def write(self, offset: int, file: str) -> dict[str, Any]:
        """esptool compares the MD5 of what it has written."""
        from esptool.cmds import write_flash

        write_flash(self.esp, [(offset, file)])
        return {}

    def reset(self) -> dict[str, Any]:
        from esptool.cmds import reset_chip

        esp, self.esp = self.esp, None
        reset_chip(esp, "hard-reset")
        esp._port.close()
        return {}

    def answer(self, request: dict[str, Any]) -> None:
        name = request.pop("do")
        try:
            self.say(done=True, **getattr(self, name)(**request))
        except Exception as error:  # of esptool's, pyserial's or the system's: all of them end in a sentence
            self.say(error=str(error) or type(error).__name__, connected=self.esp is not None)


def main() -> int:
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        from esptool.logger import log
    except ImportError:
        return NO_ESPTOOL
    worker = Worker(out)
    log.set_logger(_logger(lambda done, of: worker.say(written=done, of=of)))
    for line in sys.stdin:
        worker.answer(json.loads(line))
    if worker.esp is not None:
        worker.reset()
    return 0


if __name__ == "__main__":
    sys.exit(main())

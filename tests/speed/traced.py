"""traced.py FILE ARGUMENT...: `atecc` as its console script runs it; FILE (JSON) gets when it waited for whom.

Intervals on the system's monotonic clock: `board` with the frames of each round trip over serial, and `aws`.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from atecc.channels.serial import SerialChannel
from atecc.cli import main

waits: dict[str, list[tuple[float, float, list[str]]]] = {"board": [], "aws": []}


def watched(function: Callable[..., Any], whom: str, frames: Callable[..., list[str]]) -> Callable[..., Any]:
    def run(*args: Any, **more: Any) -> Any:
        began = time.monotonic()
        try:
            return function(*args, **more)
        finally:
            waits[whom].append((began, time.monotonic(), frames(*args)))

    return run


def methods(_: Any, frames: list[bytes], *__: Any) -> list[str]:
    return [json.loads(frame)["method"] for frame in frames]


if __name__ == "__main__":
    into, sys.argv[:] = Path(sys.argv[1]), ["atecc", *sys.argv[2:]]
    SerialChannel.requests = watched(SerialChannel.requests, "board", methods)  # type: ignore[method-assign]
    if "aws" in sys.argv:
        from botocore.httpsession import URLLib3Session

        URLLib3Session.send = watched(URLLib3Session.send, "aws", lambda *_: [])
    try:
        main()
    finally:
        into.write_text(json.dumps(waits))

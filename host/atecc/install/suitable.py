"""Is the MicroPython on this board one on which the firmware can do its work?"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass

from atecc.bounded import parse
from atecc.channels import Terminal
from atecc.channels.babble import no_file_system
from atecc.device.replies import build
from atecc.errors import ChannelError, FirmwareMissing

OLDEST = (1, 24)
# A file system needs more room than its files have bytes; and the identities are still to come.
ROOM = 1.3
SPARE = 64 * 1024
# Modules that are not frozen live in the heap: on a 32-bit build of the simulated board the started device takes 138 kB
# that way, and 52 kB frozen. Frozen, the whole path takes 80 kB of heap, and 96 kB for TLS and stacks (`make budget`).
MEMORY = (80 + 138 - 52 + 96) * 1024
_LOOK = """
import gc, json, os, sys
def has(name, attribute=None):
    try:
        module = __import__(name)
        return attribute is None or hasattr(module, attribute)
    except ImportError:
        return False
def signs():
    import tls
    return hasattr(tls.SSLContext(tls.PROTOCOL_TLS_CLIENT), "ecdsa_sign_callback")
def frozen():
    path, known = sys.path[:], sys.modules.pop("version", None)
    sys.path[:] = [folder for folder in path if folder == ".frozen"]
    try:
        return has("version", "RELEASED")
    finally:
        sys.path[:] = path
        sys.modules.pop("version", None)
        if known:
            sys.modules["version"] = known
def umqtt():
    try:
        import umqtt.simple
        return True
    except ImportError:
        return False
def memory():
    "Of the whole board, as if it had been restarted just now; objects are twice as large with 64-bit pointers."
    total = gc.mem_free() + gc.mem_alloc()
    try:
        from esp32 import HEAP_DATA, idf_heap_info
        total += sum(region[1] for region in idf_heap_info(HEAP_DATA))
    except ImportError:
        pass
    return total if sys.maxsize < 1 << 32 else total // 2
fs = os.statvfs("/")
print("<<<%s>>>" % json.dumps({
    "version": list(sys.implementation.version)[:3], "machine": os.uname().machine, "platform": sys.platform,
    "tls": has("tls"), "signs": has("tls") and signs(), "threads": has("_thread"), "i2c": has("machine", "I2C"),
    "asyncio": has("asyncio"), "umqtt": umqtt(), "board": has("board"), "frozen": frozen(),
    "files": fs[2] > 0, "free": fs[0] * fs[3], "memory": memory(),
}))
"""
BUILD = (
    'Flash one of this project\'s firmware builds (`make firmware`, README, "On a real board"): all of it is frozen in '
    "there."
)


@dataclass(frozen=True)
class Found:
    """What a board has; `free` (of its flash) and `memory` in bytes, as on 32 bits."""

    version: tuple[int, ...]
    machine: str
    platform: str
    tls: bool
    signs: bool
    threads: bool
    i2c: bool
    asyncio: bool
    umqtt: bool
    board: bool
    frozen: bool
    free: int
    memory: int
    files: bool = True


def look(terminal: Terminal) -> Found:
    output = terminal.execute(f"exec({_LOOK!r}, {{}})", 30)
    found = re.search(r"<<<(\{.*\})>>>", output)
    if found:
        with contextlib.suppress(ValueError, LookupError, TypeError):
            values = parse(found[1])
            return build(Found, values, "its prompt", version=tuple(values["version"]))
    raise ChannelError("The board's prompt gives no answer that makes sense.", "Try again.")


def judge(found: Found, size: int) -> None:
    """Raise if `size` bytes of firmware should not be put on this board; the error says what to flash instead."""
    version = ".".join(map(str, found.version))
    if not found.files:
        raise no_file_system()
    if found.frozen:
        raise FirmwareMissing(
            "This board's firmware is frozen into its MicroPython: copies in the file system would be ignored.",
            "A newer one is flashed: `atecc flash`, or `make flash`.",
        )
    if found.version[:2] < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise FirmwareMissing(f"MicroPython {version} is too old: it takes {oldest} or later.", BUILD)
    lacks = [name for name, there in _needs(found) if not there]
    if lacks:
        raise FirmwareMissing(f"The MicroPython {version} on this board has no {', no '.join(lacks)}.", BUILD)
    if not found.signs:
        raise FirmwareMissing(
            f"The MicroPython {version} on this board can't let the chip sign a TLS handshake: it was built without "
            "MICROPY_PY_SSL_ECDSA_SIGN_ALT, as those on micropython.org are.",
            BUILD,
        )
    if not found.umqtt:
        raise FirmwareMissing(
            "This board has no umqtt.simple.", "`mpremote mip install umqtt.simple` brings it."
        )
    if found.memory < MEMORY:
        raise FirmwareMissing(
            f"This board has {found.memory // 1024} kB of memory for Python, and modules that are not frozen take "
            f"{MEMORY // 1024} kB with TLS: it takes a board with PSRAM.",
            BUILD,
        )
    if found.free < size * ROOM + SPARE:
        raise ChannelError(
            f"The board's flash has {found.free // 1024} kB left, and this takes "
            f"{int(size * ROOM + SPARE) // 1024} kB.",
            "Remove files from it (`mpremote rm`), or flash a firmware that has the modules frozen.",
        )


def _needs(found: Found) -> tuple[tuple[str, bool], ...]:
    return (
        ("tls", found.tls),
        ("_thread", found.threads),
        ("machine.I2C", found.i2c),
        ("asyncio", found.asyncio),
    )

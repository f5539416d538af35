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
# that way, and 52 kB frozen. Frozen, the whole path takes 80 kB of heap (`make budget`).
HEAP = (80 + 138 - 52) * 1024
# TLS and the threads' stacks take theirs from ESP-IDF: what is Python's by then is not theirs any more.
NATIVE = 96 * 1024
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
def regions():
    try:
        from esp32 import HEAP_DATA, idf_heap_info
        return idf_heap_info(HEAP_DATA)
    except ImportError:
        return []
def memory():
    "Python's and ESP-IDF's, as if it had been restarted just now; objects are twice as large with 64-bit pointers."
    gc.collect()
    there = regions()
    free = sum(region[1] for region in there)
    # On an ESP32 what is free for Python is told with the piece that it would get from ESP-IDF when it needs it.
    lent = max(region[2] for region in there) if there and sys.platform == "esp32" else 0
    heap = gc.mem_free() + gc.mem_alloc()
    return (heap if sys.maxsize < 1 << 32 else heap // 2), free, max(0, heap + free - lent)
fs = os.statvfs("/")
heap, native, both = memory()
print("<<<%s>>>" % json.dumps({
    "version": list(sys.implementation.version)[:3], "machine": os.uname().machine, "platform": sys.platform,
    "tls": has("tls"), "signs": has("tls") and signs(), "threads": has("_thread"), "i2c": has("machine", "I2C"),
    "asyncio": has("asyncio"), "umqtt": umqtt(), "board": has("board"), "frozen": frozen(),
    "files": fs[2] > 0, "free": fs[0] * fs[3], "heap": heap, "native": native, "both": both,
}))
"""
BUILD = (
    'Flash one of this project\'s firmware builds (`make firmware`, README, "On a real board"): all of it is frozen in '
    "there."
)


@dataclass(frozen=True)
class Found:
    """What a board has, in bytes as on 32 bits: `free` of its flash; `heap`, which Python can have; `native`, which is
    ESP-IDF's for now; and `both`, for what Python has the other one has no more."""

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
    heap: int
    native: int
    both: int
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
    _check_memory(found)
    if found.free < size * ROOM + SPARE:
        raise ChannelError(
            f"The board's flash has {found.free // 1024} kB left, and this takes "
            f"{int(size * ROOM + SPARE) // 1024} kB.",
            "Remove files from it (`mpremote rm`), or flash a firmware that has the modules frozen.",
        )


def _check_memory(found: Found) -> None:
    """Python's and ESP-IDF's are looked at apart: neither helps where the other one runs out."""
    why = ""
    if found.heap < HEAP:
        why = (
            f"This board has {found.heap // 1024} kB of memory for Python, and modules that are not frozen take "
            f"{HEAP // 1024} kB"
        )
    elif found.native < NATIVE or found.both < HEAP + NATIVE:
        left = min(found.native, max(0, found.both - HEAP))
        why = (
            f"This board has {left // 1024} kB of memory for TLS and threads once Python has its {HEAP // 1024} kB, "
            f"and they take {NATIVE // 1024} kB"
        )
    if why:
        raise FirmwareMissing(f"{why}: it takes a board with PSRAM.", BUILD)


def _needs(found: Found) -> tuple[tuple[str, bool], ...]:
    return (
        ("tls", found.tls),
        ("_thread", found.threads),
        ("machine.I2C", found.i2c),
        ("asyncio", found.asyncio),
    )

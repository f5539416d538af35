"""What the device takes of a microcontroller's memory, measured on the 32-bit simulated board: `make budget`.

The heap that the whole path needs is found by trying: with less and less of it, until something fails. Mbed TLS has its
memory from the system there, as on ESP32, and is not part of that.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from atecc.channels import Access, open_channel
from atecc.device import Device
from atecc.errors import AteccError
from mpremote.transport import TransportError
from simboard.board import BUILD, MICROPYTHON_32, Board, BoardError
from simboard.served import Served

ROOT = Path(__file__).resolve().parents[2]
# An ESP32 without PSRAM, Wi-Fi started: what MicroPython's heap can grow to while TLS still has its own.
HEAP_LIMIT_KB = 112
HEAPS_KB = (128, 112, 104, 96, 88, 80, 72, 64, 56)
FROZEN_LIMIT_KB = 256


def frozen_kb() -> float:
    """The firmware, umqtt.simple and microdot as mpy-cross makes them, in KB."""
    compiler = BUILD / "sim" / "mpy-cross" / "mpy-cross"
    with tempfile.TemporaryDirectory() as folder:
        sources = [*(ROOT / "firmware").rglob("*.py"), *(BUILD / "umqtt" / "umqtt").glob("*.py")]
        names = ("__init__", "microdot", "helpers", "websocket")
        sources += [path for name in names for path in (BUILD / "microdot").rglob(f"microdot/{name}.py")]
        for number, source in enumerate(sources):
            subprocess.run([compiler, "-o", f"{folder}/{number}.mpy", source], check=True)
        return sum(path.stat().st_size for path in Path(folder).iterdir()) / 1024


def import_kb() -> float:
    """The heap that the device takes by being imported and started."""
    with Board(program=MICROPYTHON_32, heap="256k") as board, Device(open_channel(board.port)) as device:
        free = device.info().ram_free
    assert free is not None
    return 256 - free / 1024


def whole_path(heap_kb: int, into: Path) -> float:
    """Provision over USB, serve wss, stay on MQTT, change the identity over wss; KB that were free at the end."""
    with Served("wss://127.0.0.1:0", into=into, program=MICROPYTHON_32, heap=f"{heap_kb}k") as served:
        access = Access(operator=into / "operator")
        with Device(open_channel(served.address, access)) as device:
            device.subscribe("bench/echo")
            device.publish("bench/echo", "x" * 1024)
            message = device.receive(timeout=10)
            assert message is not None and len(message.message) == 1024
            before = device.identity_status().active
            assert served.credentials is not None
            served.credentials.renew(device)
            assert device.identity_status().active != before
            free = device.info().ram_free
    assert free is not None
    return free / 1024


def fits(heap_kb: int) -> float | None:
    """KB free at the end of the whole path in a heap of this size; None if it was too small."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            return whole_path(heap_kb, Path(folder))
    except (AteccError, BoardError, TransportError, AssertionError, TimeoutError):
        return None


def row(what: str, value: str, limit: str) -> None:
    print(f"{what:<46} {value:>10} {limit:>10}")


def smallest(attempt: Callable[[int], float | None]) -> tuple[int, float] | None:
    found = None
    for heap in HEAPS_KB:
        free = attempt(heap)
        if free is None:
            break
        found = heap, free
    return found


def main() -> int:
    row("", "measured", "limit")
    frozen = frozen_kb()
    row("frozen: firmware, umqtt.simple, microdot", f"{frozen:.0f} KB", f"{FROZEN_LIMIT_KB} KB")
    row("heap taken by importing and starting the device", f"{import_kb():.0f} KB", "")
    found = smallest(fits)
    if found is None:
        row(f"heap for the whole path: more than {HEAPS_KB[0]} KB", "", f"{HEAP_LIMIT_KB} KB")
        return 1
    heap, free = found
    row("smallest heap in which the whole path succeeds", f"{heap} KB", f"{HEAP_LIMIT_KB} KB")
    row("free in it at the end", f"{free:.0f} KB", "")
    return 0 if heap <= HEAP_LIMIT_KB and frozen <= FROZEN_LIMIT_KB else 1


if __name__ == "__main__":
    sys.exit(main())

"""What the device takes of a microcontroller's memory, measured on the 32-bit simulated board: `make budget`.

The whole path is run in the memory of an ESP32 without PSRAM: MicroPython's heap as the boards are built with, and in
what is then left TLS and the threads' stacks, allocated for real. The smallest heap is found by trying.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from atecc.channels import Access, open_channel
from atecc.device import Device
from atecc.errors import AteccError
from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport
from simboard.board import BUILD, MICROPYTHON_32, Board, BoardError
from simboard.credentials import Credentials
from simboard.served import SECURE_CHIP, Served

ROOT = Path(__file__).resolve().parents[2]
KB = 1024

# An ESP32 without PSRAM: what there is for MicroPython's heap, TLS, the threads' stacks and TCP, in bytes.
ESP32 = {
    # Free, with the 64,000 bytes of its heap: v1.22, ESP-IDF 5.0, nothing started (micropython pull request 12952).
    "when MicroPython has started": 199_560,
    # BTDM_RESERVE_DRAM, less three pieces of it that were among those already: 240, 7288 and 16648.
    "Bluetooth, which is left out": 0xDB5C - 24_176,
    # Joined to a network, an ESP32-S2 (ESP-IDF issue 7186); micropython issue 8940 has 38 KB for an ESP32.
    "Wi-Fi": -40_044,
    # The boards have 4 of its static buffers instead of 10, of 1.6 KB each.
    "six of Wi-Fi's buffers less": 6 * 1600,
}
# An ESP32-C3, as it was in an emulator (boards/README.md): with its heap of 80 KB, without Wi-Fi.
ESP32_C3 = {"when the device has started": (173 + 80) * KB, "Wi-Fi": ESP32["Wi-Fi"]}
# What the simulation takes and an ESP32 does not, in KB. Of the heap: network.py, C there. Of ESP-IDF's memory: each
# piece has 32 bytes of the allocator's in front of it, and 4 there.
SIMULATED_HEAP, SIMULATED_IDF = 2, 2
# A busy connection takes 4 to 7 KB of lwIP's memory (micropython issue 8940). There are two: MQTT, and a caller.
TCP = 2 * 4 * KB
# As .mpy, all of it. In the image it grows, by less than half as far as is known: see tests/boards/test_layout.py.
FROZEN_LIMIT = 256 * KB
# A device is there for its application: what it takes of the heap, connected, and what has to be left.
CONNECTED_LIMIT = 40 * KB
LEFT_LEAST = 64 * KB
BESIDE_LEAST = 24 * KB
# The largest in firmware/threads.py; and what Linux puts there for a signal, with which garbage is looked for.
STACK_LIMIT, SIGNAL = 12 * KB, 4 * KB
WIFI = {"scan_ms": 20, "join_ms": 60, "networks": [{"ssid": "home", "key": "correct horse"}]}
FAILURES = (AteccError, BoardError, TransportError, AssertionError, TimeoutError)


def heap_limit() -> int:
    """MicroPython's heap in KB, as the boards are built with."""
    text = (ROOT / "boards/common/board.cmake").read_text()
    match = re.search(r"MICROPY_GC_INITIAL_HEAP_SIZE=(\d+)", text)
    assert match
    return int(match[1]) // KB


def idf_limit(heap_kb: int, chip: dict[str, int] = ESP32) -> int:
    """What is left for TLS and the stacks beside such a heap, in KB."""
    return (sum(chip.values()) - TCP) // KB - heap_kb


@dataclass(frozen=True)
class Peaks:
    """In bytes: what is taken of ESP-IDF's memory, the most that was taken, of that by TLS and by stacks; one thread's
    deepest stack, which may have a SIGNAL in it; what is free in MicroPython's heap."""

    now: int
    idf: int
    tls: int
    stacks: int
    deepest: int
    heap_free: int


def peaks(board: Board) -> Peaks:
    transport = SerialTransport(board.port, 115200, timeout=1)
    transport.enter_raw_repl(soft_reset=False)
    code = """
import esp32, gc, json
gc.collect()
total, free, _, least = esp32.idf_heap_info(esp32.HEAP_DATA)[0]
print(json.dumps((total - free, total - least) + esp32._peaks() + (gc.mem_free(),)))
"""
    found = json.loads(transport.exec(code))
    transport.close()
    return Peaks(*found)


def whole_path(heap_kb: int, idf_kb: int, into: Path, held: int = 0, grows: bool = False) -> Peaks:
    """Join a network, provision over USB, serve wss, stay on MQTT, change the identity over wss.

    held: KB that an application has from before the caller comes; whether the heap `grows`, as a board's does.
    """
    air = into / "air.json"
    air.write_text(json.dumps(WIFI))
    memory = {
        "heap": f"{heap_kb + SIMULATED_HEAP}k",
        "idf_heap": f"{idf_kb + SIMULATED_IDF}k",
        "grows": grows,
        "program": MICROPYTHON_32,
    }
    with Served("wss://127.0.0.1:0", into=into, air=air, **memory) as served:
        with served.owner() as device:
            device.wifi_setup("home", "correct horse")
            assert device.mqtt_connect().state == "connected"
        assert hold(served.board, held) == held * KB
        with Device(open_channel(served.address, Access(operator=into / "operator"))) as device:
            device.subscribe("bench/echo")
            device.publish("bench/echo", "x" * 1024)
            message = device.receive(timeout=10)
            assert message is not None and len(message.message) == 1024
            before = device.identity_status().active
            assert served.credentials is not None
            served.credentials.renew(device)
            assert device.identity_status().active != before
            assert device.mqtt_connect().state == "connected"
            return peaks(served.board)


@dataclass(frozen=True)
class Shipped:
    """A device that is connected, and that nobody calls over the network, in bytes: what it takes of the heap; what is
    free for an application, as far as the heap can grow; and what one may hold while the device goes on."""

    taken: int
    free: int
    left: int


# What an application holds while the device goes on, in pieces that the heap can place anywhere; some stays free, for
# what everything takes for a moment.
MOMENT = 12 * KB
# The stack of the thread that has started the device is given back a moment after its end.
STARTED = """
import device, threads
while not device.is_started(): threads.pause(10)
threads.pause(200)
print(0)
"""
PIECE = 256  # with the 16 bytes that the object itself takes
HOLD = """
import gc
held = []
try:
    while len(held) < {pieces}:
        held.append(bytearray({size} - 16))
except MemoryError:
    pass
for _ in range({spare}):
    held.pop()
gc.collect()
print(len(held))
"""


def hold(board: Board, kb: int, spare: int = 0) -> int:
    """Let an application take so much of the heap, or as much as it gets, less what is to be spared; bytes."""
    pieces = KB // PIECE
    return run(board, HOLD.format(pieces=kb * pieces, size=PIECE, spare=spare * pieces)) * PIECE


def run(board: Board, code: str) -> int:
    transport = SerialTransport(board.port, 115200, timeout=1)
    transport.enter_raw_repl(soft_reset=False)
    try:
        return int(transport.exec(code))
    finally:
        transport.close()


def shipped(into: Path, heap_kb: int | None = None) -> Shipped:
    """As it is handed out: MQTT is on, the cable is served, nobody is trusted to call over the network.

    With all that is left in an application's hands it connects anew, and sends a message.
    """
    heap_kb = heap_limit() if heap_kb is None else heap_kb
    credentials = Credentials(into)
    credentials.prepare()
    with ExitStack() as stack:
        board = stack.enter_context(
            Board(
                program=MICROPYTHON_32,
                heap=f"{heap_kb + SIMULATED_HEAP}k",
                idf_heap=f"{idf_limit(heap_kb) + SIMULATED_IDF}k",
                grows=True,
                chip_options=SECURE_CHIP,
            )
        )
        with Device(open_channel(board.port)) as device:
            credentials.join(device, stack)
        board.reset()
        with Device(open_channel(board.port)) as device:
            assert device.mqtt_connect().state == "connected"
        run(board, STARTED)
        taken = run(board, "import gc\ngc.collect()\nprint(gc.mem_alloc())") - SIMULATED_HEAP * KB
        free = run(board, "import gc\ngc.collect()\nprint(gc.mem_free())")
        left = hold(board, heap_kb * 2, spare=MOMENT // KB)
        with Device(open_channel(board.port)) as device:
            device.mqtt_disconnect()
            assert device.mqtt_connect().state == "connected"
            device.publish("bench/echo", "x" * 512)
        return Shipped(taken, free, left)


def beside_the_whole_path(chip: dict[str, int] = ESP32) -> int | None:
    """What an application may hold while a caller over wss changes the identity, in bytes; None: not even nothing."""
    heap = heap_limit()
    found = None
    for kb in range(0, 40, 4):
        try:
            with tempfile.TemporaryDirectory() as folder:
                whole_path(heap, idf_limit(heap, chip), Path(folder), kb, grows=True)
        except FAILURES:
            break
        found = kb * KB
    return found


def frozen() -> int:
    """The firmware, umqtt.simple and microdot as mpy-cross makes them, in bytes."""
    compiler = BUILD / "sim" / "mpy-cross" / "mpy-cross"
    with tempfile.TemporaryDirectory() as folder:
        sources = [path for path in (ROOT / "firmware").rglob("*.py") if path.parent.name != "examples"]
        sources += [*(BUILD / "umqtt" / "umqtt").glob("*.py")]
        names = ("__init__", "microdot", "helpers", "websocket")
        sources += [path for name in names for path in (BUILD / "microdot").rglob(f"microdot/{name}.py")]
        for number, source in enumerate(sources):
            subprocess.run([compiler, "-o", f"{folder}/{number}.mpy", source], check=True)
        return sum(path.stat().st_size for path in Path(folder).iterdir())


def started() -> int:
    """MicroPython's heap that the device takes by being imported and started, in bytes."""
    with Board(program=MICROPYTHON_32, heap="256k") as board:
        return usable(256) - peaks(board).heap_free


def attempts() -> Iterator[tuple[int, Peaks]]:
    """Smaller and smaller heaps, in KB, as long as the whole path succeeds in them."""
    heap = heap_limit()
    while True:
        try:
            with tempfile.TemporaryDirectory() as folder:
                yield heap, whole_path(heap, idf_limit(heap), Path(folder))
        except FAILURES as error:
            print(f"{'in ' + str(heap) + ' KB of heap it does not:':<52} {error}")
            return
        heap -= 4


def usable(heap_kb: int) -> int:
    """Bytes of a heap for objects: of 131 bytes 3 are the garbage collector's own."""
    return heap_kb * KB * 128 // 131


def row(what: str, measured: int | None, limit: int | None = None) -> bool:
    """Print it, sizes in bytes; whether it is within the limit."""
    shown = ["" if size is None else f"{size / KB:.0f} KB" for size in (measured, limit)]
    print(f"{what:<52} {shown[0]:>9} {shown[1]:>9}")
    return measured is None or limit is None or measured <= limit


def was(what: str, measured: int | None, before: int, limit: int | None = None) -> bool:
    """`row`, with what it was (KB) before modules were loaded when they are needed."""
    shown = "nothing" if measured is None else f"{measured / KB:.0f} KB"
    print(f"{what:<52} {shown:>9} {'' if limit is None else f'{limit / KB:.0f} KB':>9}   was {before} KB")
    return measured is not None and (limit is None or measured <= limit)


def main() -> int:
    print(f"{'An ESP32 without PSRAM':<52} {'':>9} {'has':>9}")
    for what, size in ESP32.items():
        row("  " + what, None, size)
    row("  two TCP connections", None, -TCP)
    heap = heap_limit() * KB
    row("for heap, TLS and stacks together", None, idf_limit(0) * KB)
    print(f"\n{'':<52} {'measured':>9} {'limit':>9}")
    fine = [row("frozen: firmware, umqtt.simple, microdot", frozen(), FROZEN_LIMIT)]
    start = started()
    was("heap: the device imported and started", start, 53)
    with tempfile.TemporaryDirectory() as folder:
        alone = shipped(Path(folder))
    fine.append(was("heap: connected over MQTT, nobody may call", alone.taken, 56, CONNECTED_LIMIT))
    was("  free for an application, grown as far as it may", alone.free, 27)
    was("  an application holds, and the device connects anew", alone.left, 15)
    fine.append(
        was("  beside a change of identity over wss it holds", beside_the_whole_path(), 0, BESIDE_LEAST)
    )
    beside = beside_the_whole_path(ESP32_C3)
    fine.append(row("  the same on an ESP32-C3, at least", beside, None) and (beside or 0) >= BESIDE_LEAST)
    found = list(attempts())
    if not found:
        print(
            f"the whole path does not succeed in {heap_limit()} KB of heap and {idf_limit(heap_limit())} KB beside it"
        )
        return 1
    largest, smallest = found[0][1], found[-1][0]
    fine.append(row("heap: the smallest in which the whole path succeeds", smallest * KB, heap))
    row("TLS at its peak: two sessions, one in its handshake", largest.tls)
    row("the threads' stacks at their peak", largest.stacks)
    fine.append(row("TLS and stacks together at their peak", largest.idf, idf_limit(heap_limit()) * KB))
    fine.append(
        row("the deepest stack of a thread, with a signal perhaps", largest.deepest, STACK_LIMIT + SIGNAL)
    )
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())

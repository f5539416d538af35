"""The whole path, as a user walks it; after each step it is told what memory was left (boards/README.md)."""

import os
import subprocess
import sys

from atecc.channels.serial import SerialChannel
from atecc.doctor import Patient
from boards.places import ROOT

MEMORY = "sum(region[1] for region in esp32.idf_heap_info(esp32.HEAP_DATA))"
LEAST = "sum(region[3] for region in esp32.idf_heap_info(esp32.HEAP_DATA))"
HEAP = "(gc.collect() or gc.mem_alloc())"


def tell_memory(bench, step):
    channel = SerialChannel(bench.user.port)
    free, least, heap = Patient(lambda: channel).value(f"[{MEMORY}, {LEAST}, {HEAP}]", "esp32, gc")
    channel.close()
    print(f"\n  {step.__name__}: {free} bytes free beside the heap, least {least}; heap {heap}")


def the_chip_is_configured_and_locked(bench):
    user = bench.user
    serial = user.succeeds("--json", "info").json["chip"]["serial"]
    user.succeeds("chip", "config", "set", "--yes")
    user.succeeds("chip", "lock", "config", "--yes-lock", serial)
    user.succeeds("chip", "lock", "data", "--yes-lock", serial)


def it_becomes_a_device(bench):
    bench.provision()
    user = bench.user
    sent = ("mqtt", "publish", f"things/{bench.name}/hello", "hello", "--round-trip")
    assert user.succeeds("--json", *sent).json["received"] == "hello"


def from_afar(bench):
    user = bench.user
    user.succeeds("config", "set", f"rpc.wss.port={bench.forwarded}", "--save")
    user.succeeds("operator", "init")
    said = user.succeeds("operator", "trust")
    assert "does not listen yet" not in said.err
    address = f"wss://127.0.0.1:{bench.forwarded}"
    assert user.succeeds("--json", "--port", address, "info").json["mqtt"]["state"] == "connected"
    before = user.succeeds("--json", "identity", "status").json["active"]
    bench.provision("--renew", "--port", address)
    assert user.succeeds("--json", "identity", "status").json["active"] != before


def a_soft_reset(bench):
    """The heap is swept before MicroPython says so, through what listens to the prompt."""
    for _ in range(3):
        command = [sys.executable, "-m", "mpremote", "connect", bench.user.port, "soft-reset", "eval", "1+1"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.stdout.strip().endswith("2"), done.stdout + done.stderr


def what_is_tested_on_hardware(bench):
    user = bench.user
    user.succeeds("reboot")
    serial = user.succeeds("--json", "info").json["chip"]["serial"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/hardware", "-rs", "-p", "no:cacheprovider"],
        cwd=ROOT, env=os.environ | {"HARDWARE_PORT": user.port, "HARDWARE_SERIAL": serial, "IRREVERSIBLE": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    print(done.stdout)
    assert done.returncode == 0, done.stdout


STEPS = (
    the_chip_is_configured_and_locked,
    it_becomes_a_device,
    from_afar,
    a_soft_reset,
    what_is_tested_on_hardware,
)


def test_the_whole_path(bench):
    for step in STEPS:
        step(bench)
        tell_memory(bench, step)

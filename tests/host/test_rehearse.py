"""`--rehearse`: the plan on a simulated chip, run as a program; and locks with receipts, of one slot too."""

import json
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from atecc.chip.config import ConfigZone
from atecc.chip.simulator import Simulator, SimulatorMissing, find_clone, state_of
from cryptography.hazmat.primitives.asymmetric import ec
from fakedevice import BLANK, SERIAL

CLONE = Path(__file__).parents[2]


@pytest.fixture
def configured(blank, run):
    assert run(blank, "chip", "config", "set", "--yes").status == 0
    return blank


@pytest.fixture
def half(configured, run):
    assert run(configured, "chip", "lock", "config", "--yes-lock", SERIAL).status == 0
    return configured


@pytest.fixture
def whole(half, run):
    assert run(half, "chip", "lock", "data", "--yes-lock", SERIAL).status == 0
    half.calls.clear()
    return half


def keyed(device, slot):
    device.keys[slot] = ec.generate_private_key(ec.SECP256R1())


# Rehearsals


def test_set_is_rehearsed_first(blank, run):
    seen = run(blank, "chip", "config", "set", "--rehearse", "--yes", "--json")
    assert seen.status == 0, seen.err
    names = [step["name"] for step in seen.json["rehearsal"]]
    assert names == [
        "board", "write", "lock-config", "lock-data", "key-1", "key-2", "clock", "sign", "certificate",
    ]  # fmt: skip
    assert blank.config[20:22] == b"\x87\x20" and blank.config[87] == 0x55, "written, and nothing is locked"


def test_a_rehearsal_is_told_step_by_step(blank, run):
    seen = run(blank, "chip", "config", "set", "--rehearse", typed="n\n")
    assert seen.status == 5 and bytes(blank.config) == BLANK
    for words in (
        "config zone locked, with its CRC",
        "signs a certificate request",
        "read back",
        "untouched",
    ):
        assert words in seen.err


def test_a_rehearsal_that_fails_leaves_the_chip_alone(blank, run, tmp_path):
    text = run(blank, "chip", "config", "get", "--preset", "tls").out
    (tmp_path / "dead.yaml").write_text(text.replace("    generate: yes", "    generate: no"))
    before = list(blank.calls)
    seen = run(
        blank, "chip", "config", "set", tmp_path / "dead.yaml", "--rehearse", "--yes", "--even-if-useless"
    )
    assert seen.status == 5 and "The rehearsal on the simulated chip failed" in seen.err
    assert "The chip itself was not touched" in seen.err
    assert bytes(blank.config) == BLANK and "ATCA.SetConfig" not in blank.calls[len(before) :]


def test_the_rehearsed_chip_is_a_copy_of_this_one():
    zone = ConfigZone(bytes.fromhex("0123c0ffee") + BLANK[5:16] + BLANK[16:])
    with Simulator(find_clone(str(CLONE)), state_of(zone)) as simulator, simulator.device() as device:
        assert device.get_config() == zone.data


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A directory of somebody else's, and one below it in which the user is: whatever runs from there says so."""
    marker = tmp_path / "ran"
    code = f"open({str(marker)!r}, 'w').close(); raise SystemExit(3)"
    below = tmp_path / "theirs" / "downloads"
    for place in (below, below / "boards/SIM", below.parent, below.parent / "boards/SIM"):
        for package in ("simboard", "simchip"):
            (place / package).mkdir(parents=True)
            for name in ("__init__", "__main__", "leash"):
                (place / package / f"{name}.py").write_text(code)
        for name in ("runpy", "json", "atecc"):
            (place / f"{name}.py").write_text(code)
    fake = below.parent / "build/sim/micropython"
    fake.parent.mkdir(parents=True)
    fake.write_text(f"#!{sys.executable}\n{code}\n")
    fake.chmod(0o755)
    monkeypatch.chdir(below)
    monkeypatch.delenv("ATECC_SIM", raising=False)
    return marker


def test_nothing_is_run_that_lies_about(blank, run, elsewhere):
    """Neither in the current directory nor above it: what is rehearsed with is the clone of this very tool."""
    seen = run(blank, "chip", "config", "set", "--rehearse", "--yes")
    assert seen.status == 0 and not elsewhere.exists(), seen.err


def test_a_tool_that_is_installed_elsewhere_has_no_simulator(elsewhere, monkeypatch, tmp_path):
    for place in (tmp_path / "theirs/atecc/chip", tmp_path / "theirs/host/atecc/other"):
        monkeypatch.setattr("atecc.chip.simulator.__file__", str(place / "simulator.py"))
        with pytest.raises(SimulatorMissing, match="There is no simulated board here"):
            find_clone()
    monkeypatch.setenv("ATECC_SIM", str(CLONE))
    assert find_clone() == find_clone(str(CLONE)) == CLONE


def test_a_tool_that_pip_has_installed_names_the_clone_and_does_not_use_it(elsewhere, monkeypatch, tmp_path):
    monkeypatch.setattr("atecc.chip.simulator.__file__", str(tmp_path / "theirs/simulator.py"))
    kept = {"url": (CLONE / "host").as_uri(), "dir_info": {}}
    for text, clone in (
        (json.dumps(kept), CLONE),
        ('{"url": "https://example/atecc.zip"}', "DIR"),
        (None, "DIR"),
    ):
        installed = SimpleNamespace(read_text=lambda name, text=text: text)
        monkeypatch.setattr("importlib.metadata.distribution", lambda name, one=installed: one)
        with pytest.raises(SimulatorMissing) as missing:
            find_clone()
        assert f"make -C {clone} sim\n" in missing.value.hint
        assert f"--simulator {clone}, or once: export ATECC_SIM={clone}" in missing.value.hint


def test_a_lock_is_rehearsed_with_the_keys_that_are_there(half, run):
    keyed(half, 0)
    seen = run(half, "chip", "lock", "data", "--rehearse", "--json")
    assert seen.status == 0, seen.err
    assert seen.json["dry_run"] and half.config[86] == 0x55
    assert "slot 0 keeps its key" in " ".join(step["meaning"] for step in seen.json["rehearsal"])


def test_a_config_lock_is_rehearsed(configured, run):
    seen = run(configured, "chip", "lock", "config", "--rehearse", "--yes-lock", SERIAL)
    assert seen.status == 0 and "data zone locked" in seen.err and configured.config[86:88] == b"\x55\x00"


def test_a_slot_lock_is_rehearsed(whole, run):
    keyed(whole, 0)
    seen = run(whole, "chip", "lock", "slot", "0", "--rehearse", "--json")
    assert seen.status == 0, seen.err
    assert [step["name"] for step in seen.json["rehearsal"]] == [
        "board", "lock-slot", "clock", "sign", "certificate",
    ]  # fmt: skip


def test_no_simulator_is_a_sentence(blank, run, tmp_path, monkeypatch):
    seen = run(blank, "chip", "config", "set", "--rehearse", "--yes", "--simulator", tmp_path)
    assert seen.status == 2 and "there is no simulated board" in seen.err and "ATECC_SIM" in seen.err
    monkeypatch.setenv("ATECC_SIM", str(tmp_path))
    assert run(blank, "chip", "lock", "config", "--rehearse", "--yes-lock", SERIAL).status == 2
    assert "ATCA.SetConfig" not in blank.calls and "ATCA.LockZone" not in blank.calls


def test_a_simulator_that_is_not_built(blank, run, tmp_path):
    (tmp_path / "boards" / "SIM" / "simboard").mkdir(parents=True)
    seen = run(blank, "chip", "config", "set", "--rehearse", "--yes", "--simulator", tmp_path)
    assert seen.status == 2 and "is not built yet" in seen.err and "make -C" in seen.err


def test_a_simulator_that_does_not_start(blank, run, tmp_path):
    package = tmp_path / "boards" / "SIM" / "simboard"
    package.mkdir(parents=True)
    (package / "leash.py").write_text("raise SystemExit('no luck today')")
    (tmp_path / "build" / "sim").mkdir(parents=True)
    (tmp_path / "build" / "sim" / "micropython").touch()
    seen = run(blank, "chip", "config", "set", "--rehearse", "--yes", "--simulator", tmp_path)
    assert seen.status == 3 and "did not start: no luck today" in seen.err
    assert "ATCA.SetConfig" not in blank.calls


def test_nothing_is_left_running(blank, run):
    with Simulator(find_clone(str(CLONE)), state_of(ConfigZone(BLANK))) as simulator:
        process = simulator._process
        assert process.poll() is None
    assert isinstance(process, subprocess.Popen) and process.poll() is not None


KILLED = """
import os, signal, sys
from atecc.chip.config import ConfigZone
from atecc.chip.simulator import Simulator, find_clone, state_of
simulator = Simulator(find_clone(sys.argv[1]), state_of(ConfigZone(bytes.fromhex(sys.argv[2])))).__enter__()
print(simulator._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_nothing_is_left_running_even_by_a_killed_tool():
    command = [sys.executable, "-c", KILLED, CLONE, BLANK.hex()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    status = Path("/proc", done.stdout.strip(), "status")
    deadline = time.monotonic() + 5
    while status.exists() and "zombie" not in status.read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert done.stdout and (not status.exists() or "zombie" in status.read_text())


# Slots


def test_a_slot_lock_is_a_dry_run(whole, run):
    keyed(whole, 0)
    seen = run(whole, "chip", "lock", "slot", "0")
    assert seen.status == 0 and "Locking slot 0 of chip" in seen.out and "IRREVERSIBLE" in seen.out
    assert "to make another key in slot 0" in seen.out and "atecc chip lock slot 0 --confirm" in seen.out
    assert "It holds a key now" in seen.out and "ATCA.LockSlot" not in whole.calls


def test_a_slot_is_locked_and_read_back(whole, run):
    keyed(whole, 0)
    seen = run(whole, "chip", "lock", "slot", "0", "--confirm", typed=SERIAL + "\n")
    assert seen.status == 0 and "slot 0, for good; read back and verified" in seen.out
    assert whole.config[88:90] == b"\xfe\xff"
    again = run(whole, "chip", "lock", "slot", "0", "--yes-lock", SERIAL)
    assert again.status == 5 and "is locked already" in again.err


def test_an_empty_key_slot_is_not_locked(whole, run):
    seen = run(whole, "chip", "lock", "slot", "1", "--yes-lock", SERIAL)
    assert seen.status == 5 and "could never get one" in seen.err and "ATCA.LockSlot" not in whole.calls
    assert run(whole, "chip", "lock", "slot", "1", "--yes-lock", SERIAL, "--even-if-useless").status == 0
    assert whole.config[88] == 0xFD


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (["slot"], 2, "Which slot?"),
        (["slot", "16"], 2, "16"),
        (["data", "3"], 2, "has no number"),
        (["slot", "3", "--yes-lock", SERIAL], 5, "can't be locked by itself"),
        (["slot", "8", "--yes-lock", "0123000000000000ee"], 5, "is not this chip's serial number"),
        (["slot", "8", "--data-crc", "1"], 2, "--data-crc is for the data zone"),
    ],
)
def test_slot_locks_that_are_refused(whole, run, args, status, said):
    seen = run(whole, "chip", "lock", *args)
    assert seen.status == status and said in seen.err and "ATCA.LockSlot" not in whole.calls


def test_a_slot_comes_after_the_config_zone(configured, run):
    seen = run(configured, "chip", "lock", "slot", "8", "--yes-lock", SERIAL)
    assert seen.status == 5 and "it comes first" in seen.err


def test_a_slot_lock_that_did_not_take_is_noticed(whole, run):
    whole.ATCA_LockSlot = lambda **_: None
    seen = run(whole, "chip", "lock", "slot", "8", "--yes-lock", SERIAL)
    assert seen.status == 4 and "locked slot 8, but the chip says it is open" in seen.err


# Receipts


def test_a_receipt(configured, run, tmp_path):
    file = tmp_path / "receipt.json"
    seen = run(configured, "chip", "lock", "config", "--yes-lock", SERIAL, "--receipt", file)
    assert seen.status == 0 and "Receipt written" in seen.err
    receipt = json.loads(file.read_text())
    assert (receipt["zone"], receipt["serial"], receipt["slot"]) == ("config", SERIAL, None)
    assert bytes.fromhex(receipt["config"])[87] == 0


def test_a_receipt_never_replaces_a_file(configured, run, tmp_path):
    file = tmp_path / "receipt.json"
    file.write_text("mine")
    configured.calls.clear()
    seen = run(configured, "chip", "lock", "config", "--yes-lock", SERIAL, "--receipt", file)
    assert seen.status == 5 and "is not overwritten" in seen.err and file.read_text() == "mine"
    assert configured.calls == []


def test_a_receipt_that_cannot_be_written_stops_the_lock(configured, run, tmp_path):
    args = ("--yes-lock", SERIAL, "--receipt", tmp_path / "none" / "receipt.json")
    assert run(configured, "chip", "lock", "config", *args).status == 2
    assert configured.config[87] == 0x55


def test_no_receipt_without_a_lock(configured, run, tmp_path):
    file = tmp_path / "receipt.json"
    assert run(configured, "chip", "lock", "config", "--receipt", file).status == 0
    run(configured, "chip", "lock", "config", "--yes-lock", "0123", "--receipt", file)
    assert not file.exists()


def test_useless_locks_have_one_named_way(configured, run):
    for slot in range(3):
        configured.config[96 + 2 * slot] = 0x3C
    seen = run(configured, "chip", "lock", "config", "--yes-lock", SERIAL)
    assert seen.status == 5 and "--even-if-useless" in seen.err and configured.config[87] == 0x55
    assert run(configured, "chip", "lock", "config", "--yes-lock", SERIAL, "--even-if-useless").status == 0


# What is locked is what was meant


def test_a_lock_held_to_a_file(configured, run):
    assert run(configured, "chip", "lock", "config", "--holds", "tls").status == 0
    configured.config[16] = 0x6A
    seen = run(configured, "chip", "lock", "config", "--holds", "tls", "--yes-lock", SERIAL)
    assert seen.status == 5 and "does not hold what preset tls says: I2C address differ" in seen.err
    assert configured.config[87] == 0x55


def test_a_lock_held_to_the_promises_of_a_file(blank, run, tmp_path):
    text = run(blank, "chip", "config", "get", "--preset", "tls").out
    (tmp_path / "mine.yaml").write_text(text.replace("    role: unused", "    role: certificate", 1))
    run(blank, "chip", "config", "set", tmp_path / "mine.yaml", "--yes", "--even-if-useless")
    seen = run(blank, "chip", "lock", "config", "--holds", tmp_path / "mine.yaml", "--yes-lock", SERIAL)
    assert seen.status == 5 and "Slot 3 is called certificate, but it can't be read" in seen.err
    assert blank.config[87] == 0x55


def test_every_lock_can_be_held_to_a_file(half, run):
    seen = run(half, "chip", "lock", "data", "--holds", "tls")
    assert seen.status == (5 if "does not hold" in seen.err else 0)
    half.config[16] = 0x6A
    assert run(half, "chip", "lock", "data", "--holds", "tls").status == 5
    assert run(half, "chip", "lock", "data", "--holds", "none.yaml").status == 2

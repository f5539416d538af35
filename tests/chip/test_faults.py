"""Faults on request."""

from pathlib import Path

import pytest
from chip.bench import AWAKE_ANSWER, COMM, INFO, RANDOM, Bench, frame, make
from simchip import Ack, Chip, Quirks
from simchip.faults import BadFault, Faults, parse_fault, parse_faults

REVISION = bytes.fromhex("00006002")


def test_a_nack() -> None:
    chip = make("D", faults=("nack skip=1 count=2",))
    chip.wake()  # a pulse (skipped) and a read that is not acknowledged
    assert chip.chip.write(0x60, b"") is Ack.ADDRESS_REFUSED
    assert chip.chip.write(0x60, b"") is Ack.ALL


def test_a_bit_flipped_on_the_way_in() -> None:
    chip = make("D", faults=("flip-write bit=20 skip=0",))
    assert chip.wake() == AWAKE_ANSWER
    chip.send(frame(INFO))
    assert chip.answer() == COMM
    assert chip.command(INFO) == REVISION


def test_a_bit_flipped_on_the_way_out_is_cured_by_reading_again() -> None:
    chip = make("D", faults=("flip-read bit=13 skip=1",))
    chip.wake()
    chip.send(frame(INFO))
    chip.chip.advance(5_000)
    spoilt = chip.chip.read(0x60, 7) or b""
    chip.chip.write(0x60, b"\0")
    good = chip.chip.read(0x60, 7) or b""
    assert good[1:5] == REVISION
    difference = int.from_bytes(spoilt, "big") ^ int.from_bytes(good, "big")
    assert difference == 1 << (55 - 13)


def test_a_mangled_wake_answer() -> None:
    chip = make("D", faults=("mangle-wake",))
    assert len(chip.wake()) == 4
    chip.sleep()
    assert chip.wake() == AWAKE_ANSWER
    chip = make("D", faults=("mangle-wake",))
    assert chip.wake() != AWAKE_ANSWER


def test_a_slow_chip_outlives_every_maximum() -> None:
    chip = make("D", faults=("slow factor=10",), quirks=Quirks(timing="slow"))
    chip.wake()
    chip.send(frame(RANDOM))
    chip.chip.advance(23_000)
    assert chip.chip.state == "BUSY"
    assert len(chip.answer()) == 32


def test_a_very_slow_chip_is_caught_by_the_watchdog() -> None:
    chip = make("C", faults=("slow factor=30",), quirks=Quirks(timing="slow"))
    before = chip.eeprom
    chip.wake()
    chip.send(frame(0x40, 4, 0))
    chip.chip.advance(1_300_000)
    assert chip.chip.state == "SLEEP"
    assert chip.eeprom != before, "some words of the key were written"
    assert chip.run(INFO, 1, 0) == bytes(4)


@pytest.mark.parametrize("where", ["awake", "asleep"])
def test_a_brown_out(where: str) -> None:
    chip = make("C", quirks=Quirks(brown_out=where), faults=("power-cut command=GenKey words=1",))  # type: ignore[arg-type]
    chip.load(bytes(32))
    chip.wake()
    chip.send(frame(0x40, 4, 0))
    chip.chip.advance(200_000)
    assert chip.chip.state == {"awake": "AWAKE", "asleep": "SLEEP"}[where]
    if where == "asleep":
        chip.chip.write(0, b"")
    chip.chip.advance(1_500)
    assert chip.chip.read(0x60, 4) == AWAKE_ANSWER
    chip.idle()
    assert chip.run(INFO, 2) == bytes(4)


def test_a_power_cut_waits_for_its_command() -> None:
    chip = make("C", faults=("power-cut command=GenKey words=1",))
    assert len(chip.run(RANDOM)) == 32
    assert chip.run(0x40, 4, 0) == b"\x11"
    assert len(chip.run(0x40, 4, 0)) == 64


@pytest.mark.parametrize("code", [0x05, 0x08])
def test_a_status_of_ones_own(code: int) -> None:
    chip = make("C", faults=(f"status command=GenKey code={code}",))
    assert len(chip.run(RANDOM)) == 32
    chip.refuses(bytes([code]), 0x40, 4, 0)
    assert len(chip.run(0x40, 4, 0)) == 64


@pytest.mark.parametrize(("code", "kept"), [(0x05, True), (0x08, False)])
def test_an_ecc_fault_leaves_temp_key_for_another_try(code: int, kept: bool) -> None:
    chip = make("C", faults=(f"status command=Sign code={code}",))
    chip.run(0x40, 4, 0)
    chip.load(bytes(32))
    chip.refuses(bytes([code]), 0x41, 0x80, 0)
    assert len(chip.run(0x41, 0x80, 0)) == (64 if kept else 1)


def test_a_lockup_ends_with_the_power() -> None:
    chip = make("C", faults=("lockup command=GenKey",))
    before = chip.eeprom
    chip.wake()
    chip.send(frame(0x40, 4, 0))
    for _ in range(3):
        chip.chip.advance(2_000_000)
        assert chip.wake() == b""
    chip.chip.power(False)
    chip.chip.power(True)
    chip.chip.advance(100)
    assert chip.eeprom == before
    assert len(chip.run(0x40, 4, 0)) == 64


def test_skip_and_count() -> None:
    faults = Faults([parse_fault("nack skip=2 count=2")])
    assert [bool(faults.strikes("nack")) for _ in range(6)] == [False, False, True, True, False, False]
    faults = Faults([parse_fault("nack count=0")])
    assert all(faults.strikes("nack") for _ in range(100))


def test_a_file_may_change_while_the_chip_runs(tmp_path: Path) -> None:
    path = tmp_path / "faults"
    chip = Bench(Chip(faults=Faults(path=path)))
    assert chip.wake() == AWAKE_ANSWER
    path.write_text("# the cable is loose\nnack count=0\n")
    assert chip.chip.write(0x60, b"") is Ack.ADDRESS_REFUSED
    path.write_text("# repaired by now\n")
    assert chip.command(INFO) == REVISION
    path.unlink()
    assert chip.command(INFO) == REVISION


def test_a_file_that_makes_no_sense_is_reported_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "faults"
    path.write_text("nack count=0")
    chip = Bench(Chip(faults=Faults(path=path)))
    assert chip.wake() == b""
    path.write_text("nonsense")
    assert chip.chip.write(0x60, b"") is Ack.ADDRESS_REFUSED
    assert "nonsense" in chip.chip.warnings[0]


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "nack bit=1",
        "flip-write bit=x",
        "slow factor=fast",
        "nack count=",
        "status",
        "status code=0x42",
        "power-cut words",
        "nack extra",
    ],
)
def test_bad_faults(line: str) -> None:
    with pytest.raises(BadFault):
        parse_faults(line)


def test_comments_and_empty_lines() -> None:
    assert [fault.kind for fault in parse_faults("\n# nothing\n nack # once\n\nslow factor=2.5\n")] == [
        "nack",
        "slow",
    ]

"""SelfTest (0x77) and the failure state."""

import pytest
from chip.bench import AWAKE_ANSWER, GENKEY, INFO, PARSE, RANDOM, READ, SELF_TEST, SELFTEST, make
from simchip import Quirks

ALL = 0x3F
FAULT = "self-test mask=0x04 count=0"


@pytest.mark.parametrize("state", ["U", "C", "D"])
@pytest.mark.parametrize("mask", [0x01, 0x04, 0x08, 0x10, 0x20, 0x3B, 0x3F])
def test_a_sound_chip_passes(state: str, mask: int) -> None:
    chip = make(state)
    assert chip.run(SELFTEST, mask) == b"\0"
    assert chip.run(SELFTEST, 0) == b"\0"


@pytest.mark.parametrize(("mask", "param2"), [(0x40, 0), (0x80, 0), (0x3F, 1)])
def test_bad_parameters(mask: int, param2: int) -> None:
    make("D").refuses(PARSE, SELFTEST, mask, param2)


def test_a_failure_stops_everything_but_config_reads_and_self_tests() -> None:
    chip = make("D", faults=(FAULT,))
    assert chip.run(SELFTEST, 0x01) == b"\0", "another test passes"
    chip.wake()
    assert chip.command(SELFTEST, ALL) == b"\x04"
    assert chip.command(SELFTEST, 0) == b"\x04"
    for op, mode in ((INFO, 0), (RANDOM, 0), (GENKEY, 4), (READ, 1), (READ, 0x82)):
        assert chip.command(op, mode) == SELF_TEST
    assert len(chip.command(READ, 0x80)) == 32
    assert len(chip.command(READ, 0x00)) == 4


def test_a_passing_rerun_clears_its_bit() -> None:
    chip = make("D", faults=("self-test mask=0x0C",))
    chip.wake()
    assert chip.command(SELFTEST, ALL) == b"\x0c"
    chip.chip.core.faults.waiting.clear()
    assert chip.command(SELFTEST, 0x04) == b"\0"
    assert chip.command(SELFTEST, 0) == b"\x08"
    assert chip.command(INFO) == SELF_TEST
    assert chip.command(SELFTEST, 0x08) == b"\0"
    assert len(chip.command(INFO)) == 4


def test_the_next_wake_clears_the_failure() -> None:
    chip = make("D", faults=(FAULT,))
    chip.run(SELFTEST, ALL)
    assert len(chip.run(INFO)) == 4


def test_a_failed_power_on_self_test_shows_in_the_wake_answer() -> None:
    chip = make("D", config={90: "01"}, faults=(FAULT,))
    assert chip.wake() == bytes.fromhex("0407c440")
    assert chip.command(INFO) == SELF_TEST
    chip.sleep()
    assert chip.wake() == bytes.fromhex("0407c440")


def test_the_bytes_of_that_answer_are_a_quirk() -> None:
    quirks = Quirks(self_test_wake_answer=bytes.fromhex("040740c2"))
    assert make("D", config={90: "01"}, faults=(FAULT,), quirks=quirks).wake() == bytes.fromhex("040740c2")


def test_no_power_on_self_test_unless_chip_options_ask() -> None:
    assert make("D", faults=(FAULT,)).wake() == AWAKE_ANSWER


def test_a_sound_chip_wakes_as_ever() -> None:
    assert make("D", config={90: "01"}).wake() == AWAKE_ANSWER

"""Counter (0x24), and how counters are stored."""

import pytest
from chip.bench import CLEAR, COUNTER, EXEC, PARSE, Bench, make
from simchip.counters import MAXIMUM, decode, encode


def count(chip: Bench, counter: int = 0) -> int:
    return int.from_bytes(chip.run(COUNTER, 0, counter), "little")


@pytest.mark.parametrize("state", ["U", "C", "D"])
@pytest.mark.parametrize("counter", [0, 1])
def test_counting(state: str, counter: int) -> None:
    chip = make(state)
    assert count(chip, counter) == 0
    for expected in range(1, 70):
        assert chip.run(COUNTER, 1, counter) == expected.to_bytes(4, "little")
    assert count(chip, counter) == 69
    assert count(chip, 1 - counter) == 0


def test_the_encoding_of_zero_and_of_a_used_part() -> None:
    assert encode(0).hex() == "ffffffff00000000"
    assert encode(1).hex() == "7fffffff00000000"
    assert encode(16).hex() == "0000ffff00000000"
    assert encode(32).hex() == "ffff000000010000"
    assert encode(48).hex() == "0000ffff00010001"


@pytest.mark.parametrize("value", [*range(200), 65535, 1_000_000, MAXIMUM - 1, MAXIMUM])
def test_what_is_written_is_read(value: int) -> None:
    assert decode(encode(value)) == value


@pytest.mark.parametrize("value", range(130))
def test_a_torn_increment_never_counts_back(value: int) -> None:
    """The binary word is written first."""
    torn = encode(value)[:4] + encode(value + 1)[4:]
    assert decode(torn) >= value


@pytest.mark.parametrize("start", [0, 15, 31, 47])
@pytest.mark.parametrize("words", [0, 1, 2])
def test_a_power_cut_in_an_increment(start: int, words: int) -> None:
    chip = make("C", config={52: encode(start).hex()}, faults=(f"power-cut command=Counter words={words}",))
    assert chip.run(COUNTER, 1, 0) == b"\x11"
    assert start <= count(chip) <= start + 32
    if words == 2:
        assert count(chip) == start + 1


def test_the_last_count() -> None:
    chip = make("D", config={60: encode(MAXIMUM - 1).hex()})
    assert chip.run(COUNTER, 1, 1) == MAXIMUM.to_bytes(4, "little")
    chip.refuses(EXEC, COUNTER, 1, 1)
    assert count(chip, 1) == MAXIMUM


def test_count_match_limits_counter_0_only() -> None:
    limit = (32).to_bytes(4, "little") * 2
    chip = make(
        "D",
        slots={10: CLEAR},
        content={10: limit},
        config={18: "A1", 52: encode(31).hex(), 60: encode(32).hex()},
    )
    assert chip.run(COUNTER, 1, 0) == (32).to_bytes(4, "little")
    chip.refuses(EXEC, COUNTER, 1, 0)
    assert chip.run(COUNTER, 1, 1) == (33).to_bytes(4, "little")


def test_count_match_must_be_enabled() -> None:
    chip = make("D", content={10: bytes(8)}, config={18: "A0"})
    assert chip.run(COUNTER, 1, 0) == b"\1\0\0\0"


@pytest.mark.parametrize(("mode", "counter"), [(0, 2), (1, 2), (2, 0), (0x80, 0), (0, 0x100)])
def test_bad_parameters(mode: int, counter: int) -> None:
    make("D").refuses(PARSE, COUNTER, mode, counter)

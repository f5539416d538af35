"""CheckMac (0x28)."""

import pytest
from chip.bench import (
    CHECKMAC,
    COUNTER,
    EXEC,
    INFO,
    MAC,
    MISCOMPARE,
    OK,
    PARSE,
    PRIVATE,
    SECRET,
    Bench,
    make,
    sha,
)

KEY = b"K" * 32
CHALLENGE = b"c" * 32
OTHER = bytes(range(1, 14))
CLEAR_NEIGHBOUR = ("0000", "1C00")  # ReadKey 0


def keyed(state: str = "D", config: tuple[str, str] = SECRET) -> Bench:
    slots = {4: config, 5: SECRET, 6: SECRET, 7: CLEAR_NEIGHBOUR}
    chip = make(state, slots=slots, content={4: KEY, 5: KEY, 6: KEY, 7: b"7" * 32})
    chip.chip.image.otp[:] = bytes(range(64))
    return chip


def response(chip: Bench, first: bytes, second: bytes, otp: bytes = bytes(8)) -> bytes:
    tail = OTHER[4:7] + chip.serial[8:] + OTHER[7:11] + chip.serial[:2] + OTHER[11:]
    return sha(first, second, OTHER[:4], otp, tail)


def data(chip: Bench, first: bytes = KEY, second: bytes = CHALLENGE, otp: bytes = bytes(8)) -> bytes:
    return CHALLENGE + response(chip, first, second, otp) + OTHER


@pytest.mark.parametrize("state", ["C", "D"])
@pytest.mark.parametrize("mode", [0x00, 0x20])
def test_a_match_authorises(state: str, mode: int) -> None:
    chip = keyed(state)
    assert chip.run(CHECKMAC, mode, 4, data(chip, otp=bytes(range(8)) if mode else bytes(8))) == OK
    assert chip.run(INFO, 2)[1] & 0x7C == 4 << 3 | 0x04


def test_a_mismatch_does_not() -> None:
    chip = keyed()
    wrong = bytearray(data(chip))
    wrong[32] ^= 1
    chip.load(CHALLENGE)
    chip.refuses(MISCOMPARE, CHECKMAC, 0, 4, bytes(wrong))
    assert not chip.run(INFO, 2)[1] & 0x84, "nor does TempKey survive"


@pytest.mark.parametrize("source", [0, 4])
def test_key_and_temp_key(source: int) -> None:
    chip = keyed()
    temp_key = b"t" * 32
    if source:
        chip.load(temp_key)
    else:
        temp_key = chip.random_nonce()
    assert chip.run(CHECKMAC, 1 | source, 4, data(chip, KEY, temp_key)) == OK
    assert not chip.temp_key_valid


@pytest.mark.parametrize(("mode", "second"), [(6, CHALLENGE), (7, b"t" * 32)])
def test_a_match_with_temp_key_as_key_authorises_nobody(mode: int, second: bytes) -> None:
    chip = keyed()
    chip.load(b"t" * 32)
    assert chip.run(CHECKMAC, mode, 4, data(chip, b"t" * 32, second)) == OK
    assert not chip.run(INFO, 2)[1] & 0x04


@pytest.mark.parametrize("mode", [1, 2, 3])
def test_the_source_must_be_as_said(mode: int) -> None:
    chip = keyed()
    chip.load(b"t" * 32)
    chip.refuses(EXEC, CHECKMAC, mode, 4, data(chip))


@pytest.mark.parametrize("mode", [1, 2, 3, 5, 6, 7])
def test_temp_key_must_be_there(mode: int) -> None:
    chip = keyed()
    chip.refuses(EXEC, CHECKMAC, mode, 4, data(chip))


@pytest.mark.parametrize("slot", [6, 7])
def test_a_match_may_copy_the_odd_neighbour_into_temp_key(slot: int) -> None:
    chip = keyed()
    chip.load(b"t" * 32)
    key = KEY if slot == 6 else b"7" * 32
    assert chip.run(CHECKMAC, 5, slot, data(chip, key, b"t" * 32)) == OK
    assert chip.temp_key_flags == 0x10
    tail = bytes([MAC, 7, 0, 0]) + bytes(11) + chip.serial[8:] + bytes(4) + chip.serial[:2] + bytes(2)
    assert chip.run(MAC, 7, 0) == sha(b"7" * 64, tail)


@pytest.mark.parametrize("mode", [0, 6])
def test_other_modes_copy_nothing(mode: int) -> None:
    chip = keyed()
    chip.load(b"t" * 32)
    assert chip.run(CHECKMAC, mode, 6, data(chip, KEY if mode == 0 else b"t" * 32)) == OK
    assert not chip.temp_key_valid


def test_a_neighbour_with_another_read_key_is_not_copied() -> None:
    chip = keyed()
    chip.load(b"t" * 32)
    assert chip.run(CHECKMAC, 5, 4, data(chip, KEY, b"t" * 32)) == OK
    assert not chip.temp_key_valid


def test_a_private_neighbour_is_not_copied() -> None:
    chip = make("D", slots={6: SECRET, 7: ("8020", "3300")}, content={6: KEY})
    chip.load(b"t" * 32)
    assert chip.run(CHECKMAC, 5, 6, data(chip, KEY, b"t" * 32)) == OK
    assert not chip.temp_key_valid


REFUSED = [
    ("before the config lock", "U", SECRET),
    ("a private key", "D", PRIVATE),
    ("ReqRandom without a nonce", "D", ("8F0F", "5C00")),
    ("ReqAuth", "D", ("8F0F", "9C05")),
    ("the latch", "D", ("8F0F", "1C10")),
]


@pytest.mark.parametrize(("why", "state", "config"), REFUSED, ids=[row[0] for row in REFUSED])
def test_refused(why: str, state: str, config: tuple[str, str]) -> None:
    chip = keyed(state, config)
    chip.refuses(EXEC, CHECKMAC, 0, 4, data(chip))
    assert not chip.run(INFO, 2)[1] & 0x04


def test_a_no_mac_key_may_still_check() -> None:
    chip = keyed(config=("9F0F", "1C00"))
    assert chip.run(CHECKMAC, 0, 4, data(chip)) == OK


def test_limited_use_counts_failures_too() -> None:
    chip = keyed(config=("AF0F", "1C00"))
    assert chip.run(CHECKMAC, 0, 4, bytes(77)) == MISCOMPARE
    assert chip.run(COUNTER, 0, 0) == b"\1\0\0\0"


@pytest.mark.parametrize(
    ("mode", "slot", "size"), [(8, 4, 77), (0x10, 4, 77), (0x40, 4, 77), (0, 16, 77), (0, 4, 78)]
)
def test_bad_parameters(mode: int, slot: int, size: int) -> None:
    keyed().refuses(PARSE, CHECKMAC, mode, slot, bytes(size))

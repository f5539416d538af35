"""Nonce (0x16): TempKey is seen through MAC, the other buffers through Sign and KDF."""

import pytest
from chip.bench import (
    EXEC,
    KDF,
    MAC,
    NONCE,
    PARSE,
    PRIVATE,
    SIGN,
    Bench,
    check_signature,
    host_key,
    make,
    point_of,
    private_slot,
    sha,
)
from simchip import Quirks

NUM_IN = bytes(range(20))


@pytest.fixture
def chip() -> Bench:
    return make("D", slots={0: PRIVATE}, content={0: private_slot(host_key())})


def temp_key_digest(chip: Bench, source: int) -> bytes:
    """MAC of TempKey with TempKey: mode bits 0 and 1, bit 2 the source."""
    return chip.run(MAC, 3 | source << 2, 0)


def expected_mac(chip: Bench, temp_key: bytes, source: int) -> bytes:
    header = bytes([MAC, 3 | source << 2, 0, 0])
    return sha(temp_key, temp_key, header, bytes(11), chip.serial[8:], bytes(4), chip.serial[:2], bytes(2))


@pytest.mark.parametrize("mode", [0, 1])
def test_random_nonce(chip: Bench, mode: int) -> None:
    out = chip.run(NONCE, mode, 0, NUM_IN)
    assert len(out) == 32
    assert chip.temp_key_flags == 0
    temp_key = sha(out, NUM_IN, bytes([NONCE, mode, 0]))
    assert temp_key_digest(chip, 0) == expected_mac(chip, temp_key, 0)


def test_random_nonces_differ(chip: Bench) -> None:
    assert chip.run(NONCE, 0, 0, NUM_IN) != chip.run(NONCE, 0, 0, NUM_IN)


def test_before_the_config_lock_the_random_part_is_a_constant() -> None:
    assert make("U").run(NONCE, 0, 0, NUM_IN) == bytes.fromhex("ffff0000") * 8


def test_a_nonce_from_temp_key(chip: Bench) -> None:
    first = chip.random_nonce()
    out = chip.run(NONCE, 0, 0x8000, NUM_IN)
    assert out == sha(first, NUM_IN, bytes([NONCE, 0, 0]))
    assert temp_key_digest(chip, 0) == expected_mac(chip, out, 0)


def test_a_nonce_from_temp_key_keeps_the_flags(chip: Bench) -> None:
    chip.load(bytes(32))
    chip.run(NONCE, 0, 0x8000, NUM_IN)
    assert chip.temp_key_flags == 0x10


def test_a_nonce_from_temp_key_needs_one(chip: Bench) -> None:
    chip.refuses(EXEC, NONCE, 0, 0x8000, NUM_IN)


@pytest.mark.parametrize("state", ["U", "C", "D"])
def test_fixed_nonces_work_in_every_state(state: str) -> None:
    chip = make(state)
    for mode, size in ((0x03, 32), (0x23, 64), (0x43, 32), (0x63, 64), (0x83, 32)):
        assert chip.run(NONCE, mode, 0, bytes(size)) == b"\0"


def test_fixed_32_lands_in_temp_key(chip: Bench) -> None:
    chip.load(b"n" * 32)
    assert chip.temp_key_flags == 0x10, "source: input"
    assert temp_key_digest(chip, 1) == expected_mac(chip, b"n" * 32, 1)


def test_fixed_64_fills_both_halves(chip: Bench) -> None:
    chip.load(b"l" * 32 + b"u" * 32)
    upper = chip.run(KDF, 2 << 5 | 4 << 2 | 1, 0, bytes([2, 0, 0, 1]) + b"x")
    import hmac

    assert upper == hmac.digest(b"u" * 32, b"x", "sha256")


@pytest.mark.parametrize("size", [32, 64])
def test_the_message_digest_buffer(chip: Bench, size: int) -> None:
    message = bytes(range(size))
    chip.load(message, 0x40)
    check_signature(point_of(host_key()), message[:32], chip.run(SIGN, 0xA0, 0))


def test_the_alternate_key_buffer(chip: Bench) -> None:
    import hmac

    chip.load(b"a" * 32, 0x80)
    derived = chip.run(KDF, 2 << 5 | 4 << 2 | 3, 0, bytes([2, 0, 0, 1]) + b"x")
    assert derived == hmac.digest(b"a" * 32, b"x", "sha256")


@pytest.mark.parametrize("mode", [0x02, 0x04, 0xA3, 0xC3, 0xE3, 0x13, 0x07])
def test_modes_outside_the_list_are_parse_errors(chip: Bench, mode: int) -> None:
    for size in (20, 32, 64):
        chip.refuses(PARSE, NONCE, mode, 0, bytes(size))


@pytest.mark.parametrize(
    ("mode", "size"), [(0, 32), (1, 0), (3, 20), (3, 64), (0x23, 32), (0x43, 64), (0x63, 32), (0x83, 64)]
)
def test_lengths_must_fit_the_mode(chip: Bench, mode: int, size: int) -> None:
    chip.load(bytes(32))
    chip.refuses(PARSE, NONCE, mode, 0, bytes(size))
    assert not chip.temp_key_valid, "an error of Nonce clears TempKey"


@pytest.mark.parametrize("clears", [True, False])
@pytest.mark.parametrize("target", [0x40, 0x80])
def test_temp_key_after_a_nonce_for_another_buffer_is_a_quirk(clears: bool, target: int) -> None:
    chip = make("D", quirks=Quirks(other_nonce_targets_clear_tempkey=clears))
    chip.load(bytes(32))
    chip.load(bytes(32), target)
    assert chip.temp_key_valid is not clears

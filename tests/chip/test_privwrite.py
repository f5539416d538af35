"""PrivWrite (0x46)."""

import pytest
from chip.bench import (
    CLEAR,
    ECC,
    EXEC,
    GENKEY,
    INFO,
    OK,
    PARSE,
    PRIVWRITE,
    SECRET,
    SIGN,
    Bench,
    check_signature,
    host_key,
    make,
    point_of,
    private_slot,
    sha,
    xor,
)
from simchip import Quirks
from simchip.status import Status

HOST = host_key()
KEY = b"W" * 32
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
WRITABLE = ("8744", "3300")  # PrivWrite with slot 4
VALUE = private_slot(HOST)


def target(state: str = "D", kind: tuple[str, str] = WRITABLE, **options) -> Bench:  # type: ignore[no-untyped-def]
    return make(state, slots={0: kind, 4: SECRET, 5: SECRET}, content={4: KEY, 5: KEY}, **options)


def sealed(chip: Bench, temp_key: bytes, value: bytes = VALUE, mode: int = 0x40) -> bytes:
    cipher = xor(value, temp_key + sha(temp_key)[:4])
    return cipher + sha(temp_key, bytes([PRIVWRITE, mode, 0, 0]), chip.sn, bytes(21), value)


def session(chip: Bench, slot: int = 4) -> bytes:
    return chip.gen_dig(slot, KEY, chip.random_nonce())


def signs(chip: Bench) -> None:
    chip.load(b"d" * 32)
    check_signature(point_of(HOST), b"d" * 32, chip.run(SIGN, 0x80, 0))


def test_in_the_clear_before_the_data_lock() -> None:
    chip = target("C")
    assert chip.run(PRIVWRITE, 0, 0, VALUE + bytes(32)) == OK
    signs(chip)


def test_encrypted_before_the_data_lock_with_any_temp_key() -> None:
    chip = target("C")
    chip.load(KEY)
    assert chip.run(PRIVWRITE, 0x40, 0, sealed(chip, KEY)) == OK
    signs(chip)


def test_encrypted_after_the_data_lock() -> None:
    chip = target()
    assert chip.run(PRIVWRITE, 0x40, 0, sealed(chip, session(chip))) == OK
    assert not chip.temp_key_valid
    signs(chip)


def test_scalars_with_leading_zeros() -> None:
    chip = target("C")
    value = bytes(34) + b"\1\2"
    assert chip.run(PRIVWRITE, 0, 0, value + bytes(32)) == OK
    assert chip.run(INFO, 1, 0)[0] == 1
    assert len(chip.run(GENKEY, 0, 0)) == 64


def test_never_in_the_clear_after_the_data_lock() -> None:
    chip = target()
    session(chip)
    chip.refuses(EXEC, PRIVWRITE, 0, 0, VALUE + bytes(32))


REFUSED = [
    ("not private", "CD", ("8744", "3200")),
    ("not P-256", "CD", ("8744", "3D00")),
    ("not secret", "CD", ("0744", "3300")),
    ("a data slot", "CD", CLEAR),
    ("bit 14 clear", "D", ("8724", "3300")),
    ("bit 14 clear, others set", "D", ("87B4", "3300")),
]


@pytest.mark.parametrize(("why", "states", "config"), REFUSED, ids=[row[0] for row in REFUSED])
def test_refused(why: str, states: str, config: tuple[str, str]) -> None:
    for state in states:
        chip = target(state, config)
        chip.refuses(EXEC, PRIVWRITE, 0x40, 0, sealed(chip, session(chip)))


def test_nothing_before_the_config_lock() -> None:
    chip = target("U")
    chip.refuses(EXEC, PRIVWRITE, 0, 0, VALUE + bytes(32))
    chip.load(KEY)
    chip.refuses(EXEC, PRIVWRITE, 0x40, 0, sealed(chip, KEY))


@pytest.mark.parametrize("state", ["C", "D"])
def test_a_locked_slot_keeps_its_key(state: str) -> None:
    chip = target(state, config={88: "FEFF"})
    chip.refuses(EXEC, PRIVWRITE, 0x40, 0, sealed(chip, session(chip)))


@pytest.mark.parametrize("state", ["C", "D"])
@pytest.mark.parametrize("position", [4, 35, 36, 67])
def test_a_wrong_cipher_or_mac(state: str, position: int) -> None:
    chip = target(state)
    data = bytearray(sealed(chip, session(chip)))
    data[position] ^= 1
    chip.refuses(EXEC, PRIVWRITE, 0x40, 0, bytes(data))
    assert not chip.temp_key_valid


def test_the_session_must_be_the_write_keys() -> None:
    chip = target()
    chip.refuses(EXEC, PRIVWRITE, 0x40, 0, sealed(chip, session(chip, 5)))


def test_the_session_must_come_from_gendig() -> None:
    chip = target()
    chip.refuses(EXEC, PRIVWRITE, 0x40, 0, sealed(chip, chip.random_nonce()))


@pytest.mark.parametrize("state", ["C", "D"])
def test_no_session_at_all(state: str) -> None:
    chip = target(state)
    chip.refuses(EXEC, PRIVWRITE, 0x40, 0, sealed(chip, bytes(32)))


BAD_SCALARS = [bytes(36), bytes(4) + ORDER.to_bytes(32, "big"), bytes(4) + b"\xff" * 32, b"\1" + VALUE[1:]]


@pytest.mark.parametrize("value", BAD_SCALARS)
@pytest.mark.parametrize("status", [ECC, EXEC])
def test_what_is_no_private_key(value: bytes, status: bytes) -> None:
    chip = target("C", quirks=Quirks(bad_scalar=Status(status[0])))
    chip.refuses(status, PRIVWRITE, 0, 0, value + bytes(32))


@pytest.mark.parametrize(
    ("mode", "slot", "size"), [(1, 0, 68), (0x80, 0, 68), (0, 16, 68), (0, 0, 36), (0x40, 0, 69)]
)
def test_bad_parameters(mode: int, slot: int, size: int) -> None:
    target("C").refuses(PARSE, PRIVWRITE, mode, slot, bytes(size))


@pytest.mark.parametrize("words", range(11))
def test_a_power_cut_leaves_no_half_of_a_key(words: int) -> None:
    chip = target("C", faults=(f"power-cut command=PrivWrite words={words}",))
    assert chip.run(PRIVWRITE, 0, 0, VALUE + bytes(32)) == b"\x11"
    assert chip.run(INFO, 1, 0)[0] == (words == 10)

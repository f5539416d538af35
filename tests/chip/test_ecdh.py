"""ECDH (0x43): secrets are compared with the host's side of the exchange."""

import pytest
from chip.bench import (
    CLEAR,
    COUNTER,
    ECDH,
    EXEC,
    GENKEY,
    IO_KEY,
    MAC,
    OFF_CURVE,
    OK,
    PARSE,
    PRIVATE,
    Bench,
    host_key,
    make,
    point_of,
    private_slot,
    public_key,
    sha,
    xor,
)
from cryptography.hazmat.primitives.asymmetric import ec
from simchip import Quirks

CHIP, HOST = host_key(1), host_key(2)
POINT = point_of(HOST)
SECRET = HOST.exchange(ec.ECDH(), CHIP.public_key())
IO = b"I" * 32
TO_NEXT = ("8F20", "3300")  # SlotConfig bit 3


def partner(
    state: str = "D", config: tuple[str, str] = PRIVATE, options: str = "0260", slot: int = 2, **more
) -> Bench:  # type: ignore[no-untyped-def]
    slots = {slot: config, 3: ("8F00", "3C00"), 6: IO_KEY} | ({slot: config} if slot == 3 else {})
    content = {slot: private_slot(CHIP), 6: IO}
    return make(state, slots=slots, content=content, config={90: options} | more.pop("config", {}), **more)


def opened(answer: bytes) -> bytes:
    assert len(answer) == 64
    return xor(answer[:32], sha(IO, answer[32:48]))


def temp_key_is(chip: Bench, value: bytes) -> bool:
    tail = bytes([MAC, 7, 0, 0]) + bytes(11) + chip.serial[8:] + bytes(4) + chip.serial[:2] + bytes(2)
    return chip.run(MAC, 7, 0) == sha(value, value, tail)


@pytest.mark.parametrize("state", ["C", "D"])
@pytest.mark.parametrize("mode", [0x00, 0x0C])
def test_in_the_clear(state: str, mode: int) -> None:
    assert partner(state).run(ECDH, mode, 2, POINT) == SECRET


def test_encrypted_with_the_io_key() -> None:
    chip = partner()
    one, two = chip.run(ECDH, 0x0E, 2, POINT), chip.run(ECDH, 0x0E, 2, POINT)
    assert opened(one) == opened(two) == SECRET
    assert one != two


def test_into_temp_key() -> None:
    chip = partner()
    assert chip.run(ECDH, 0x08, 2, POINT) == OK
    assert chip.temp_key_flags == 0x10
    assert temp_key_is(chip, SECRET)


@pytest.mark.parametrize(("mode", "config"), [(0x04, PRIVATE), (0x00, TO_NEXT), (0x04, TO_NEXT)])
def test_into_the_next_slot(mode: int, config: tuple[str, str]) -> None:
    chip = partner(config=config)
    assert chip.run(ECDH, mode, 2, POINT) == OK
    assert chip.chip.image.slots[3][:32] == SECRET


@pytest.mark.parametrize("mode", [0x0C, 0x0E])
def test_what_belongs_into_the_next_slot_does_not_come_out(mode: int) -> None:
    partner(config=TO_NEXT).refuses(EXEC, ECDH, mode, 2, POINT)


def test_odd_slots_have_no_next() -> None:
    partner(config=TO_NEXT, slot=3).refuses(EXEC, ECDH, 0x00, 3, POINT)


def test_a_locked_slot_takes_nothing() -> None:
    chip = make("D", slots={2: PRIVATE, 3: CLEAR}, content={2: private_slot(CHIP)}, config={88: "F7FF"})
    chip.refuses(EXEC, ECDH, 0x04, 2, POINT)


def test_a_private_slot_takes_nothing() -> None:
    chip = make("D", slots={2: PRIVATE, 3: PRIVATE}, content={2: private_slot(CHIP)})
    chip.refuses(EXEC, ECDH, 0x04, 2, POINT)


# From TempKey.


def ephemeral(chip: Bench) -> bytes:
    """The secret that the host expects."""
    point = chip.run(GENKEY, 4, 0xFFFF)
    return HOST.exchange(ec.ECDH(), public_key(point))


@pytest.mark.parametrize("state", ["C", "D"])
def test_an_ephemeral_key_in_the_clear_once(state: str) -> None:
    chip = partner(state)
    expected = ephemeral(chip)
    assert chip.run(ECDH, 0x0D, 0, POINT) == expected
    chip.refuses(EXEC, ECDH, 0x0D, 0, POINT)


def test_an_ephemeral_key_encrypted() -> None:
    chip = partner()
    expected = ephemeral(chip)
    assert opened(chip.run(ECDH, 0x0F, 0, POINT)) == expected


def test_an_ephemeral_key_into_temp_key() -> None:
    chip = partner()
    expected = ephemeral(chip)
    assert chip.run(ECDH, 0x09, 0, POINT) == OK
    assert temp_key_is(chip, expected)


@pytest.mark.parametrize("slot", [3, 8])
def test_an_ephemeral_key_into_a_slot(slot: int) -> None:
    chip = partner()
    expected = ephemeral(chip)
    assert chip.run(ECDH, 0x05, slot, POINT) == OK
    assert chip.chip.image.slots[slot][:32] == expected


def test_a_nonce_is_no_private_key() -> None:
    chip = partner()
    chip.load(bytes(32))
    chip.refuses(EXEC, ECDH, 0x0D, 0, POINT)


def test_sleep_loses_the_ephemeral_key() -> None:
    chip = partner()
    ephemeral(chip)
    chip.sleep_through()
    chip.refuses(EXEC, ECDH, 0x0D, 0, POINT)


# Refusals.

REFUSED = [
    ("before the config lock", "U", PRIVATE),
    ("not private", "CD", ("8720", "3200")),
    ("not P-256", "CD", ("8720", "3F00")),
    ("not secret", "CD", ("0720", "3300")),
    ("no ECDH bit", "CD", ("8320", "3300")),
    ("ReqAuth", "CD", ("8720", "B304")),
    ("the latch", "CD", ("8720", "3310")),
]


@pytest.mark.parametrize(("why", "states", "config"), REFUSED, ids=[row[0] for row in REFUSED])
def test_refused(why: str, states: str, config: tuple[str, str]) -> None:
    for state in states:
        partner(state, config).refuses(EXEC, ECDH, 0x0C, 2, POINT)


def test_the_ecdh_bit_before_the_data_lock_is_a_quirk() -> None:
    chip = partner("C", ("8320", "3300"), quirks=Quirks(key_use_before_data_lock=False))
    assert chip.run(ECDH, 0x0C, 2, POINT) == SECRET


def test_an_empty_slot() -> None:
    make("D", slots={2: PRIVATE}).refuses(EXEC, ECDH, 0x0C, 2, POINT)


@pytest.mark.parametrize("point", [OFF_CURVE, bytes(64), b"\xff" * 64])
def test_a_point_off_the_curve(point: bytes) -> None:
    partner().refuses(EXEC, ECDH, 0x0C, 2, point)


@pytest.mark.parametrize("mode", [0x01, 0x02, 0x03, 0x06, 0x0A, 0x0B, 0x07, 0x10, 0x8C])
def test_bad_modes(mode: int) -> None:
    partner().refuses(PARSE, ECDH, mode, 2, POINT)


@pytest.mark.parametrize(("slot", "size"), [(16, 64), (2, 63), (2, 65), (2, 0)])
def test_bad_parameters(slot: int, size: int) -> None:
    partner().refuses(PARSE, ECDH, 0x0C, slot, bytes(size))


def test_encryption_needs_an_io_key() -> None:
    partner(options="0060").refuses(EXEC, ECDH, 0x0E, 2, POINT)


def test_limited_use_is_counted() -> None:
    chip = partner(config=("A720", "3300"))
    chip.run(ECDH, 0x0C, 2, POINT)
    assert chip.run(COUNTER, 0, 0) == b"\1\0\0\0"


def test_a_slot_key_uses_temp_key_up() -> None:
    chip = partner()
    chip.load(bytes(32))
    chip.run(ECDH, 0x0C, 2, POINT)
    assert not chip.temp_key_valid


# ECDHProt.


def test_protection_1_encrypts_whatever_is_asked() -> None:
    chip = partner(options="0261")
    for mode in (0x00, 0x0C, 0x0E):
        assert opened(chip.run(ECDH, mode, 2, POINT)) == SECRET


@pytest.mark.parametrize("options", ["0262", "0263"])
def test_protection_2_and_3_let_nothing_out(options: str) -> None:
    chip = partner(options=options)
    for mode in (0x00, 0x0C, 0x0E):
        chip.refuses(EXEC, ECDH, mode, 2, POINT)
    assert chip.run(ECDH, 0x08, 2, POINT) == OK


def test_protection_2_and_3_are_a_quirk() -> None:
    chip = partner(options="0262", quirks=Quirks(strict_protection_modes=False))
    assert chip.run(ECDH, 0x0C, 2, POINT) == SECRET

"""Lock (0x17) and UpdateExtra (0x20)."""

import pytest
from chip.bench import (
    CLEAR,
    COUNTER,
    EXEC,
    LOCK,
    OK,
    PARSE,
    PRIVATE,
    UPDATE_EXTRA,
    WRITE,
    Bench,
    crc,
    make,
)

CONFIG, DATA, SLOT, NO_SUMMARY = 0, 1, 2, 0x80


def summary(data: bytes) -> int:
    return int.from_bytes(crc(data), "little")


def data_zone(chip: Bench) -> bytes:
    """By the KeyConfig bytes alone: every slot that is not private, then OTP."""
    image = chip.chip.image
    slots = [bytes(image.slots[slot]) for slot in range(16) if not image.config[96 + 2 * slot] & 1]
    return b"".join(slots) + bytes(image.otp)


def test_lock_config_with_its_crc() -> None:
    chip = make("U")
    before = chip.eeprom
    assert chip.run(LOCK, CONFIG, summary(before[0])) == OK
    assert chip.eeprom[0] == before[0][:87] + b"\0" + before[0][88:]
    assert chip.eeprom[1:] == before[1:]


def test_lock_data_with_its_crc() -> None:
    chip = make("C", slots={9: CLEAR})
    assert chip.run(WRITE, 0x82, 9 << 3, bytes(range(32))) == OK
    chip.run(0x40, 4, 0)
    assert chip.run(LOCK, DATA, summary(data_zone(chip))) == OK
    assert chip.chip.image.config[86] == 0


@pytest.mark.parametrize(("state", "zone"), [("U", CONFIG), ("C", DATA)])
def test_a_wrong_crc_locks_nothing(state: str, zone: int) -> None:
    chip = make(state)
    right = summary(chip.eeprom[0] if zone == CONFIG else data_zone(chip))
    chip.refuses(EXEC, LOCK, zone, right ^ 1)
    chip.refuses(EXEC, LOCK, zone, 0)
    assert chip.run(LOCK, zone, right) == OK


@pytest.mark.parametrize(("state", "zone"), [("U", CONFIG), ("C", DATA)])
def test_the_crc_may_be_waived(state: str, zone: int) -> None:
    assert make(state).run(LOCK, NO_SUMMARY | zone, 0x1234) == OK


def test_the_data_crc_leaves_private_keys_out() -> None:
    chip = make("C", slots={0: PRIVATE})
    before = data_zone(chip)
    chip.run(0x40, 4, 0)
    assert data_zone(chip) == before
    assert chip.run(LOCK, DATA, summary(before)) == OK


@pytest.mark.parametrize(("state", "zone"), [("C", CONFIG), ("D", CONFIG), ("D", DATA), ("U", DATA)])
def test_locks_close_once_and_in_order(state: str, zone: int) -> None:
    make(state).refuses(EXEC, LOCK, NO_SUMMARY | zone)


@pytest.mark.parametrize("state", ["C", "D"])
@pytest.mark.parametrize("slot", [0, 8, 14])
def test_a_lockable_slot(state: str, slot: int) -> None:
    chip = make(state)
    assert chip.run(LOCK, SLOT | slot << 2) == OK
    bits = int.from_bytes(chip.chip.image.config[88:90], "little")
    assert bits == 0xFFFF & ~(1 << slot)
    chip.refuses(EXEC, LOCK, SLOT | slot << 2)


def test_slots_wait_for_the_config_lock() -> None:
    make("U").refuses(EXEC, LOCK, SLOT | 8 << 2)


@pytest.mark.parametrize("state", ["C", "D"])
def test_a_slot_that_is_not_lockable(state: str) -> None:
    make(state).refuses(EXEC, LOCK, SLOT | 3 << 2)


@pytest.mark.parametrize("mode", [0x03, 0x83, 0x40, 0x42, 0x04, 0x85, 0xC0])
def test_bad_modes(mode: int) -> None:
    make("U").refuses(PARSE, LOCK, mode)
    make("C").refuses(PARSE, LOCK, mode)


@pytest.mark.parametrize("words", [0, 1])
def test_a_power_cut_leaves_the_zone_locked_or_not(words: int) -> None:
    chip = make("U", faults=(f"power-cut command=Lock words={words}",))
    assert chip.run(LOCK, NO_SUMMARY) == b"\x11"
    assert chip.chip.image.config[87] == (0x00 if words else 0x55)


# UpdateExtra.


@pytest.mark.parametrize("state", ["U", "C", "D"])
@pytest.mark.parametrize("mode", [0, 1])
def test_a_zero_byte_is_set_once(state: str, mode: int) -> None:
    chip = make(state)
    assert chip.run(UPDATE_EXTRA, mode, 0) == OK, "zero over zero"
    assert chip.run(UPDATE_EXTRA, mode, 0x6A) == OK
    assert chip.chip.image.config[84 + mode] == 0x6A
    for value in (0x6B, 0x6A, 0x00):
        chip.refuses(EXEC, UPDATE_EXTRA, mode, value)


@pytest.mark.parametrize(("mode", "value"), [(3, 0), (0x80, 0), (0, 0x100), (2, 16)])
def test_bad_update_extra(mode: int, value: int) -> None:
    make("D").refuses(PARSE, UPDATE_EXTRA, mode, value)


def test_a_use_may_be_given_away() -> None:
    chip = make("D", slots={0: ("A720", "3300"), 1: PRIVATE})
    assert chip.run(UPDATE_EXTRA, 2, 0) == OK
    assert chip.run(COUNTER, 0, 0) == b"\1\0\0\0"
    chip.refuses(EXEC, UPDATE_EXTRA, 2, 1)

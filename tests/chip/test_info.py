"""Info (0x30)."""

import pytest
from chip.bench import (
    CLEAR,
    EXEC,
    GENKEY,
    INFO,
    PARSE,
    PRIVATE,
    PUBLIC,
    SECRET,
    Bench,
    host_key,
    make,
    point_of,
    private_slot,
    public_slot,
)

KEY = b"K" * 32


@pytest.mark.parametrize("state", ["U", "C", "D"])
def test_revision_in_every_state(state: str) -> None:
    assert make(state).run(INFO) == bytes.fromhex("00006002")


@pytest.mark.parametrize(
    ("slot", "config", "content", "valid"),
    [
        (0, PRIVATE, private_slot(host_key()), True),
        (0, PRIVATE, b"\xff" * 36, False),
        (0, PRIVATE, bytes(36), False),
        (0, PRIVATE, b"\0\0\0\1" + private_slot(host_key())[4:], False),
        (9, PUBLIC, public_slot(point_of(host_key())), False),
        (9, CLEAR, private_slot(host_key()), False),
    ],
)
def test_key_valid(slot: int, config: tuple[str, str], content: bytes, valid: bool) -> None:
    chip = make("D", slots={slot: config}, content={slot: content})
    assert chip.run(INFO, 1, slot) == bytes([valid, 0, 0, 0])


def test_key_valid_follows_genkey() -> None:
    chip = make("C")
    assert chip.run(INFO, 1, 0) == bytes(4)
    chip.run(GENKEY, 4, 0)
    assert chip.run(INFO, 1, 0) == b"\1\0\0\0"


def test_state_after_wake_is_all_zero() -> None:
    assert make("D").run(INFO, 2) == bytes(4)


def test_state_shows_temp_key() -> None:
    chip = make("D")
    chip.load(bytes(32))
    assert chip.run(INFO, 2)[:2] == bytes([0x10, 0x80])
    chip.random_nonce()
    flags = chip.run(INFO, 2)
    assert flags[0] == 0x00
    assert flags[1] & 0x82 == 0x82, "TempKey valid, generator seeded"


@pytest.mark.parametrize("mode", [3, 5, 0x80])
def test_gpio_and_other_modes_are_parse_errors(mode: int) -> None:
    make("D").refuses(PARSE, INFO, mode)


@pytest.mark.parametrize("param2", [16, 0x100])
def test_key_valid_of_no_slot(param2: int) -> None:
    make("D").refuses(PARSE, INFO, 1, param2)


def test_temp_key_is_never_touched() -> None:
    chip = make("D")
    chip.load(bytes(32))
    for mode, param2 in ((0, 0), (1, 0), (1, 99), (2, 0), (3, 0), (4, 0), (4, 3)):
        chip.run(INFO, mode, param2)
        assert chip.temp_key_valid


def permitting(permission: str) -> Bench:
    return make("D", slots={4: SECRET, 5: SECRET}, content={4: KEY, 5: KEY}, config={69: permission})


def test_the_persistent_latch_is_set_and_cleared_with_authorisation() -> None:
    chip = permitting("84")
    assert chip.run(INFO, 4, 0) == bytes(4)
    chip.authorise(4, KEY)
    assert chip.run(INFO, 4, 3) == b"\1\0\0\0"
    assert chip.run(INFO, 4, 0) == b"\1\0\0\0"
    chip.authorise(4, KEY)
    assert chip.run(INFO, 4, 2) == bytes(4)


def test_an_authorisation_sets_the_latch_once() -> None:
    chip = permitting("84")
    chip.authorise(4, KEY)
    assert chip.run(INFO, 4, 3) == b"\1\0\0\0"
    chip.refuses(EXEC, INFO, 4, 2)


@pytest.mark.parametrize(("permission", "authorised"), [("04", 4), ("00", 4), ("84", None), ("84", 5)])
def test_the_latch_needs_permission_and_the_right_key(permission: str, authorised: int | None) -> None:
    chip = permitting(permission)
    if authorised is not None:
        chip.authorise(authorised, KEY)
    chip.refuses(EXEC, INFO, 4, 3)
    assert chip.run(INFO, 4, 0) == bytes(4)


@pytest.mark.parametrize("param2", [1, 4, 0x103])
def test_latch_parameters(param2: int) -> None:
    permitting("84").refuses(PARSE, INFO, 4, param2)


def test_data_is_ignored() -> None:
    assert make("D").run(INFO, 0, 0, b"x") == bytes.fromhex("00006002")

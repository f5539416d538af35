"""Verify (0x45)."""

import pytest
from chip.bench import (
    CLEAR,
    COUNTER,
    EXEC,
    GENKEY,
    INFO,
    IO_KEY,
    MISCOMPARE,
    OFF_CURVE,
    OK,
    PARSE,
    PRIVATE,
    PUBLIC,
    SIGN,
    VERIFY,
    WRITE,
    Bench,
    host_key,
    host_sign,
    make,
    point_of,
    private_slot,
    public_slot,
    sha,
)

HOST = host_key()
POINT = point_of(HOST)
DIGEST = sha(b"message")
SIGNATURE = host_sign(HOST, DIGEST)
IO = b"I" * 32
VALIDATED_KIND = ("0F00", "3200")  # P-256 public key with PubInfo


@pytest.mark.parametrize("state", ["U", "C", "D"])
@pytest.mark.parametrize(("mode", "target"), [(0x02, 0), (0x22, 0x40)])
def test_external(state: str, mode: int, target: int) -> None:
    chip = make(state)
    chip.load(DIGEST, target)
    assert chip.run(VERIFY, mode, 4, SIGNATURE + POINT) == OK
    chip.load(DIGEST, target)
    assert chip.run(VERIFY, mode, 4, SIGNATURE[::-1] + POINT) == MISCOMPARE
    chip.load(sha(b"another"), target)
    assert chip.run(VERIFY, mode, 4, SIGNATURE + POINT) == MISCOMPARE


@pytest.mark.parametrize(
    "signature", [bytes(64), b"\xff" * 64, bytes(32) + SIGNATURE[32:]], ids=["zeros", "ones", "r-is-zero"]
)
def test_impossible_signatures_do_not_match(signature: bytes) -> None:
    chip = make("D")
    chip.load(DIGEST)
    assert chip.run(VERIFY, 0x02, 4, signature + POINT) == MISCOMPARE


@pytest.mark.parametrize("point", [OFF_CURVE, bytes(64), b"\xff" * 64])
def test_a_key_off_the_curve_is_an_execution_error(point: bytes) -> None:
    chip = make("D")
    chip.load(DIGEST)
    chip.refuses(EXEC, VERIFY, 0x02, 4, SIGNATURE + point)


@pytest.mark.parametrize("mode", [0x02, 0x22])
def test_no_message(mode: int) -> None:
    make("D").refuses(EXEC, VERIFY, mode, 4, SIGNATURE + POINT)


def test_temp_key_is_used_up() -> None:
    chip = make("D")
    chip.load(DIGEST)
    chip.run(VERIFY, 0x02, 4, SIGNATURE + POINT)
    assert not chip.temp_key_valid


@pytest.mark.parametrize(
    ("mode", "param2", "size"),
    [
        (0x02, 0, 128),
        (0x02, 5, 128),
        (0x04, 4, 128),
        (0x12, 4, 128),
        (0x01, 9, 64),
        (0x43, 9, 83),
        (0x02, 4, 64),
        (0x00, 9, 63),
        (0x00, 16, 64),
        (0x03, 9, 64),
        (0x07, 9, 84),
    ],
)
def test_bad_parameters(mode: int, param2: int, size: int) -> None:
    chip = make("D", slots={9: PUBLIC}, content={9: public_slot(POINT)})
    chip.load(DIGEST)
    chip.refuses(PARSE, VERIFY, mode, param2, bytes(size))


# Stored keys.


def stored(config: tuple[str, str] = PUBLIC, mark: int = 0, state: str = "D", slot: int = 9) -> Bench:
    chip = make(
        state, slots={slot: config}, content={slot: public_slot(POINT, mark)[: 72 if slot > 7 else 36]}
    )
    chip.load(DIGEST, 0x40)
    return chip


@pytest.mark.parametrize("state", ["C", "D"])
def test_a_stored_key_authorises_when_it_matches(state: str) -> None:
    chip = stored(state=state)
    assert chip.run(VERIFY, 0x20, 9, SIGNATURE) == OK
    state_byte = chip.run(INFO, 2)[1]
    assert (state_byte & 0x04, state_byte >> 3 & 0xF) == (0x04, 9)


def test_a_stored_key_does_not_authorise_when_it_fails() -> None:
    chip = stored()
    assert chip.run(VERIFY, 0x20, 9, SIGNATURE[::-1]) == MISCOMPARE
    assert not chip.run(INFO, 2)[1] & 0x04


def test_a_stored_key_with_the_message_in_temp_key() -> None:
    chip = stored()
    chip.load(DIGEST)
    assert chip.run(VERIFY, 0x00, 9, SIGNATURE) == OK


def test_a_stored_key_off_the_curve() -> None:
    chip = make("D", slots={9: PUBLIC})
    chip.load(DIGEST, 0x40)
    chip.refuses(EXEC, VERIFY, 0x20, 9, SIGNATURE)


REFUSED = [
    ("before the config lock", "U", 9, PUBLIC, 0),
    ("a data slot", "D", 9, CLEAR, 0),
    ("a private slot", "D", 9, PRIVATE, 0),
    ("a slot too small", "D", 3, PUBLIC, 0),
    ("never validated", "D", 9, VALIDATED_KIND, 0x00),
    ("invalidated", "D", 9, VALIDATED_KIND, 0xA0),
    ("ReqRandom and MsgDigBuf", "D", 9, ("0F00", "7000"), 0),
]


@pytest.mark.parametrize(("why", "state", "slot", "config", "mark"), REFUSED, ids=[row[0] for row in REFUSED])
def test_stored_refused(why: str, state: str, slot: int, config: tuple[str, str], mark: int) -> None:
    stored(config, mark, state, slot).refuses(EXEC, VERIFY, 0x20, slot, SIGNATURE)


def test_a_validated_key_verifies() -> None:
    assert stored(VALIDATED_KIND, 0x50).run(VERIFY, 0x20, 9, SIGNATURE) == OK


def test_req_random_wants_temp_key_of_a_random_nonce() -> None:
    chip = stored(("0F00", "7000"))
    chip.load(DIGEST)
    chip.refuses(EXEC, VERIFY, 0x00, 9, SIGNATURE)
    signature = host_sign(HOST, chip.random_nonce())
    assert chip.run(VERIFY, 0x00, 9, signature) == OK


def test_req_random_even_with_a_random_nonce_refuses_the_message_buffer() -> None:
    chip = stored(("0F00", "7000"))
    chip.random_nonce()
    chip.refuses(EXEC, VERIFY, 0x20, 9, SIGNATURE)


def test_limited_use_is_counted() -> None:
    chip = stored(("2F00", "3000"))
    chip.run(VERIFY, 0x20, 9, SIGNATURE)
    chip.run(VERIFY, 0x20, 9, SIGNATURE[::-1])
    assert chip.run(COUNTER, 0, 0) == b"\2\0\0\0"


# Answers with a MAC.


def with_io_key(options: str = "0260") -> Bench:
    return make(
        "D", slots={6: IO_KEY, 9: PUBLIC}, content={6: IO, 9: public_slot(POINT)}, config={90: options}
    )


@pytest.mark.parametrize(("mode", "param2"), [(0x82, 4), (0x80, 9), (0xA2, 4), (0xA0, 9)])
def test_success_may_carry_a_mac(mode: int, param2: int) -> None:
    chip, nonce = with_io_key(), b"n" * 32
    if mode & 0x20:
        chip.load(DIGEST + nonce, 0x40)
    else:
        chip.load(nonce, 0x40)
        chip.load(DIGEST)
    data = SIGNATURE + (POINT if param2 == 4 else b"")
    assert chip.run(VERIFY, mode, param2, data) == sha(
        IO, DIGEST, nonce, SIGNATURE, bytes([VERIFY, mode, param2, 0])
    )


def test_failure_carries_none() -> None:
    chip = with_io_key()
    chip.load(DIGEST + bytes(32), 0x40)
    assert chip.run(VERIFY, 0xA2, 4, SIGNATURE[::-1] + POINT) == MISCOMPARE


def test_a_mac_needs_the_io_key_and_a_nonce() -> None:
    chip = with_io_key("0060")
    chip.load(DIGEST + bytes(32), 0x40)
    chip.refuses(EXEC, VERIFY, 0xA2, 4, SIGNATURE + POINT)
    chip = with_io_key()
    chip.load(DIGEST, 0x40)
    chip.refuses(EXEC, VERIFY, 0xA2, 4, SIGNATURE + POINT)
    chip.sleep_through()
    chip.load(DIGEST)
    chip.refuses(EXEC, VERIFY, 0x82, 4, SIGNATURE + POINT)


# Validation: the key in slot 9 by its parent in slot 15.

PARENT = host_key(2)
CHILD_KIND = ("0F00", "3200")  # ReadKey F: the parent


def family(
    state: str = "D", mark: int = 0xA0, config: tuple[str, str] = CHILD_KIND, locked: str = "FFFF"
) -> Bench:
    return make(
        state,
        slots={9: config, 15: PUBLIC},
        content={9: public_slot(POINT, mark), 15: public_slot(point_of(PARENT))},
        config={88: locked},
    )


def validation(chip: Bench, invalidate: bool, slot: int = 9) -> bytes:
    """GenKey's digest of the key into TempKey; R, S and OtherData for Verify."""
    chip.load(b"t" * 32)
    assert chip.run(GENKEY, 0x10, slot, b"abc") == OK
    temp_key = sha(b"t" * 32, bytes([GENKEY]) + b"abc", chip.sn, bytes(25), POINT)
    other = bytearray(range(19))
    other[17] = int(invalidate)
    message = (
        temp_key + bytes([SIGN]) + other[:10] + chip.serial[8:] + other[10:14] + chip.serial[:2] + other[14:]
    )
    return host_sign(PARENT, sha(message)) + bytes(other)


@pytest.mark.parametrize(("invalidate", "mark"), [(False, 0x50), (True, 0xA0)])
@pytest.mark.parametrize(("state", "locked"), [("C", "FFFF"), ("D", "FFFF"), ("D", "FFFD")])
def test_validate_and_invalidate(invalidate: bool, mark: int, state: str, locked: str) -> None:
    chip = family(state, 0xF0 ^ mark, locked=locked)
    data = validation(chip, invalidate)
    assert chip.run(VERIFY, 7 if invalidate else 3, 9, data) == OK
    assert chip.chip.image.slots[9][0] & 0xF0 == mark
    chip.load(DIGEST, 0x40)
    assert chip.run(VERIFY, 0x20, 9, SIGNATURE) == (EXEC if invalidate else OK)


def test_a_wrong_signature_validates_nothing() -> None:
    chip = family()
    data = validation(chip, False)
    chip.refuses(MISCOMPARE, VERIFY, 3, 9, data[:10] + b"\0" + data[11:])


@pytest.mark.parametrize("invalidate", [False, True])
def test_the_message_says_which(invalidate: bool) -> None:
    chip = family(mark=0x50 if not invalidate else 0xA0)
    data = validation(chip, invalidate)
    chip.refuses(EXEC, VERIFY, 3 if invalidate else 7, 9, data)


def test_validation_needs_the_digest_of_this_key() -> None:
    chip = family()
    data = validation(chip, False)
    chip.sleep_through()
    chip.refuses(EXEC, VERIFY, 3, 9, data)
    chip.load(b"t" * 32)
    chip.refuses(EXEC, VERIFY, 3, 9, data)


def test_validation_refuses_the_digest_of_another_key() -> None:
    chip = family()
    chip.load(b"t" * 32)
    assert chip.run(GENKEY, 0x10, 15, b"abc") == OK
    chip.refuses(EXEC, VERIFY, 3, 9, bytes(83))


def test_validation_is_for_keys_that_need_it() -> None:
    chip = family(config=PUBLIC)
    data = validation(chip, False)
    chip.refuses(EXEC, VERIFY, 3, 9, data)


def test_validation_waits_for_the_config_lock() -> None:
    chip = family("U")
    chip.load(b"t" * 32)
    chip.refuses(EXEC, VERIFY, 3, 9, bytes(83))


def test_a_write_takes_the_validation_away() -> None:
    chip = family(mark=0x50)
    assert chip.run(WRITE, 0x82, 9 << 3 | 1 << 8, b"\1" * 32) == OK
    assert chip.chip.image.slots[9][0] >> 4 == 0xA


def test_a_private_parent_is_none() -> None:
    chip = make(
        "D",
        slots={9: ("0100", "3200"), 1: PRIVATE},
        content={9: public_slot(POINT, 0xA0), 1: private_slot(PARENT)},
    )
    data = validation(chip, False)
    chip.refuses(EXEC, VERIFY, 3, 9, data)

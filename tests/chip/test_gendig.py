"""GenDig (0x15): TempKey is seen through a MAC of itself."""

import pytest
from chip.bench import (
    CLEAR,
    COUNTER,
    EXEC,
    GENDIG,
    INFO,
    MAC,
    OK,
    PARSE,
    PRIVATE,
    READ,
    SECRET,
    Bench,
    make,
    sha,
)

KEY = b"K" * 32
NONCE = b"n" * 32


def chip_with_nonce(state: str = "D", **options) -> Bench:  # type: ignore[no-untyped-def]
    options.setdefault("slots", {4: SECRET})
    options.setdefault("content", {4: KEY})
    chip = make(state, **options)
    chip.load(NONCE)
    return chip


def holds(chip: Bench, temp_key: bytes) -> bool:
    tail = bytes([MAC, 7, 0, 0]) + bytes(11) + chip.serial[8:] + bytes(4) + chip.serial[:2] + bytes(2)
    return chip.run(MAC, 7, 0) == sha(temp_key, temp_key, tail)


def header(zone: int, key_id: int) -> bytes:
    return bytes([GENDIG, zone]) + key_id.to_bytes(2, "little")


@pytest.mark.parametrize("state", ["C", "D"])
@pytest.mark.parametrize("other", [b"", b"abcd"])
def test_a_slot(state: str, other: bytes) -> None:
    """Four more bytes are borne: Microchip's library always sends them."""
    chip = chip_with_nonce(state)
    assert chip.run(GENDIG, 2, 4, other) == OK
    assert chip.temp_key_flags == 0x20 | 0x10 | 4
    assert holds(chip, sha(KEY, header(2, 4), chip.sn, bytes(25), NONCE))


CLEAR_SLOT = 8
BETWEEN = {
    "Counter": (COUNTER, 0, 1),
    "Read, 4 bytes of the configuration": (READ, 0, 5),
    "Read, 32 bytes of the configuration": (READ, 0x80, 8),
    "Read, OTP": (READ, 0x81, 0),
    "Read, a clear slot": (READ, 0x82, CLEAR_SLOT << 3),
    "Info": (INFO, 0, 0),
}


@pytest.mark.parametrize("command", BETWEEN.values(), ids=BETWEEN)
def test_what_only_reads_leaves_tempkey_as_it_is(command: tuple[int, int, int]) -> None:
    """As seen on silicon: Nonce, then such a command, then GenDig."""
    chip = chip_with_nonce(slots={4: SECRET, CLEAR_SLOT: CLEAR})
    assert len(chip.run(*command)) > 1
    assert chip.temp_key_flags == 0x10
    assert chip.run(GENDIG, 2, 4) == OK
    assert holds(chip, sha(KEY, header(2, 4), chip.sn, bytes(25), NONCE))


@pytest.mark.parametrize(
    "command", [(COUNTER, 1, 1), (COUNTER, 0, 2), (READ, 0x82, 4 << 3), (READ, 0, 99)], ids=str
)
def test_a_count_and_a_refused_read_take_tempkey(command: tuple[int, int, int]) -> None:
    chip = chip_with_nonce()
    chip.run(*command)
    chip.refuses(EXEC, GENDIG, 2, 4)


def test_a_no_mac_slot_takes_its_parameters_from_outside() -> None:
    chip = chip_with_nonce(slots={4: ("9F0F", "1C00")})
    assert chip.run(GENDIG, 2, 4, b"abcd") == OK
    assert chip.temp_key_flags == 0x80 | 0x20 | 0x10 | 4
    assert holds(chip, sha(KEY, b"abcd", chip.sn, bytes(25), NONCE))


def test_a_no_mac_slot_needs_them() -> None:
    chip = chip_with_nonce(slots={4: ("9F0F", "1C00")})
    chip.refuses(EXEC, GENDIG, 2, 4)


@pytest.mark.parametrize("block", range(4))
def test_the_config_zone(block: int) -> None:
    chip = chip_with_nonce()
    assert chip.run(GENDIG, 0, block) == OK
    assert chip.temp_key_flags == 0x10
    value = chip.eeprom[0][32 * block :][:32]
    assert holds(chip, sha(value, header(0, block), chip.sn, bytes(25), NONCE))


@pytest.mark.parametrize("block", range(2))
def test_the_otp_zone(block: int) -> None:
    chip = chip_with_nonce()
    chip.chip.image.otp[:] = bytes(range(64))
    assert chip.run(GENDIG, 1, block) == OK
    assert holds(chip, sha(bytes(range(64))[32 * block :][:32], header(1, block), chip.sn, bytes(25), NONCE))


@pytest.mark.parametrize("swapped", [False, True])
def test_a_shared_nonce(swapped: bool) -> None:
    chip = chip_with_nonce()
    key_id = 0x8034 if swapped else 0x34
    assert chip.run(GENDIG, 3, key_id, b"s" * 32) == OK
    first, last = (NONCE, b"s" * 32) if swapped else (b"s" * 32, NONCE)
    assert holds(chip, sha(first, bytes([GENDIG, 3, 0x34, 0]), chip.sn, bytes(25), last))


@pytest.mark.parametrize("counter", [0, 1])
def test_a_counter(counter: int) -> None:
    chip = chip_with_nonce()
    for _ in range(3):
        chip.run(COUNTER, 1, counter)
    chip.load(NONCE)
    assert chip.run(GENDIG, 4, counter) == OK
    message = (bytes(32), header(4, counter), chip.sn, b"\0\3\0\0\0", bytes(20), NONCE)
    assert holds(chip, sha(*message))


@pytest.mark.parametrize("locked", [False, True])
def test_a_key_configuration(locked: bool) -> None:
    chip = chip_with_nonce(config={88: "FFFD" if locked else "FFFF"})
    assert chip.run(GENDIG, 5, 9) == OK
    config = chip.eeprom[0]
    description = config[38:40] + config[114:116] + bytes([not locked])
    assert holds(chip, sha(bytes(32), header(5, 9), chip.sn, b"\0", description, bytes(19), NONCE))


@pytest.mark.parametrize("zone", range(6))
def test_temp_key_must_be_there(zone: int) -> None:
    chip = make("D", slots={4: SECRET})
    chip.refuses(EXEC, GENDIG, zone, 1 if zone != 2 else 4, bytes(32) if zone == 3 else b"")


@pytest.mark.parametrize("zone", range(6))
def test_nothing_before_the_config_lock(zone: int) -> None:
    chip = chip_with_nonce("U")
    chip.refuses(EXEC, GENDIG, zone, 1 if zone != 2 else 4, bytes(32) if zone == 3 else b"")
    assert not chip.temp_key_valid


def test_otp_waits_for_the_data_lock() -> None:
    chip_with_nonce("C").refuses(EXEC, GENDIG, 1, 0)


REFUSED = [
    ("a private key", PRIVATE, 4),
    ("a transport key", SECRET, 0x8004),
    ("ReqRandom", ("8F0F", "5C00"), 4),
    ("ReqAuth", ("8F0F", "9C05"), 4),
    ("the latch", ("8F0F", "1C10"), 4),
]


@pytest.mark.parametrize(("why", "config", "key_id"), REFUSED, ids=[row[0] for row in REFUSED])
def test_refused(why: str, config: tuple[str, str], key_id: int) -> None:
    chip = chip_with_nonce(slots={4: config})
    chip.refuses(EXEC, GENDIG, 2, key_id)
    assert not chip.temp_key_valid


def test_req_random_comes_into_force_with_the_data_lock() -> None:
    chip = chip_with_nonce("C", slots={4: ("8F0F", "5C00")})
    assert chip.run(GENDIG, 2, 4) == OK
    chip = chip_with_nonce("D", slots={4: ("8F0F", "5C00")})
    chip.random_nonce()
    assert chip.run(GENDIG, 2, 4) == OK


def test_limited_use_is_counted() -> None:
    chip = chip_with_nonce(slots={4: ("AF0F", "1C00")})
    chip.run(GENDIG, 2, 4)
    assert chip.run(COUNTER, 0, 0) == b"\1\0\0\0"


@pytest.mark.parametrize(
    ("zone", "key_id", "size"),
    [
        (6, 0, 0),
        (0x80, 0, 0),
        (0, 4, 0),
        (1, 2, 0),
        (2, 16, 0),
        (4, 2, 0),
        (5, 16, 0),
        (0, 0, 4),
        (1, 0, 32),
        (2, 4, 3),
        (2, 4, 32),
        (3, 0, 0),
        (3, 0, 4),
        (4, 0, 4),
        (5, 0, 4),
    ],
)
def test_bad_parameters(zone: int, key_id: int, size: int) -> None:
    chip = chip_with_nonce()
    chip.refuses(PARSE, GENDIG, zone, key_id, bytes(size))
    assert not chip.temp_key_valid


def test_a_digest_of_a_public_key_is_forgotten() -> None:
    chip = chip_with_nonce(slots={0: PRIVATE, 9: CLEAR})
    chip.run(0x40, 0x0C, 0)
    chip.run(GENDIG, 2, 9)
    assert chip.temp_key_flags & 0x60 == 0x20

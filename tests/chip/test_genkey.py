"""GenKey (0x40)."""

import pytest
from chip.bench import (
    CLEAR,
    ECDH,
    EXEC,
    GENKEY,
    INFO,
    LOCK,
    MAC,
    OK,
    PARSE,
    PRIVATE,
    PUBLIC,
    SECRET,
    SIGN,
    Bench,
    check_signature,
    host_key,
    make,
    point_of,
    private_slot,
    public_key,
    public_slot,
    sha,
)
from simchip import Quirks

HOST = host_key()
POINT = point_of(HOST)


@pytest.mark.parametrize("state", ["C", "D"])
def test_a_created_key_signs(state: str) -> None:
    chip = make(state, slots={0: PRIVATE})
    point = chip.run(GENKEY, 4, 0)
    public_key(point)
    chip.load(b"d" * 32)
    check_signature(point, b"d" * 32, chip.run(SIGN, 0x80, 0))


def test_every_key_is_new_and_stored_behind_four_zeros() -> None:
    chip = make("D", slots={0: PRIVATE})
    assert chip.run(GENKEY, 4, 0) != chip.run(GENKEY, 4, 0)
    assert chip.chip.image.slots[0][:4] == bytes(4)


def test_a_seed_repeats_the_key() -> None:
    assert make("D", seed=1).run(GENKEY, 4, 0) == make("D", seed=1).run(GENKEY, 4, 0)
    assert make("D", seed=1).run(GENKEY, 4, 0) != make("D", seed=2).run(GENKEY, 4, 0)


@pytest.mark.parametrize("state", ["C", "D"])
def test_the_public_key_of_a_stored_key(state: str) -> None:
    chip = make(state, slots={0: PRIVATE}, content={0: private_slot(HOST)})
    before = chip.eeprom
    assert chip.run(GENKEY, 0, 0) == POINT
    assert chip.eeprom == before


@pytest.mark.parametrize("mode", [0, 4, 8, 0x0C, 0x10])
def test_nothing_before_the_config_lock(mode: int) -> None:
    chip = make("U", content={0: private_slot(HOST)})
    chip.load(bytes(32))
    chip.refuses(EXEC, GENKEY, mode, 0, bytes(3) if mode == 0x10 else b"")


def test_no_ephemeral_key_before_the_config_lock() -> None:
    make("U").refuses(EXEC, GENKEY, 4, 0xFFFF)


REFUSED = [
    ("not private", "CD", 4, ("8720", "3200"), None),
    ("not P-256", "CD", 4, ("8720", "3D00"), None),
    ("not secret", "CD", 4, ("0720", "3300"), None),
    ("a data slot", "CD", 4, CLEAR, None),
    ("bit 13 clear", "D", 4, ("8700", "3300"), None),
    ("bit 13 clear, others set", "D", 4, ("87D0", "3300"), None),
    ("no PubInfo", "D", 0, ("8720", "3100"), private_slot(HOST)),
    ("not private, public key", "CD", 0, ("8720", "3200"), private_slot(HOST)),
    ("not P-256, public key", "CD", 0, ("8720", "3F00"), private_slot(HOST)),
    ("not secret, public key", "CD", 0, ("0720", "3300"), private_slot(HOST)),
    ("an empty slot", "CD", 0, PRIVATE, None),
    ("a torn slot", "CD", 0, PRIVATE, b"\xff" * 4 + private_slot(HOST)[4:]),
]


@pytest.mark.parametrize(
    ("why", "states", "mode", "config", "content"), REFUSED, ids=[row[0] for row in REFUSED]
)
def test_refused(why: str, states: str, mode: int, config: tuple[str, str], content: bytes | None) -> None:
    for state in states:
        chip = make(state, slots={3: config}, content={3: content} if content else None)
        chip.refuses(EXEC, GENKEY, mode, 3)


def test_bit_13_and_pub_info_come_into_force_with_the_data_lock() -> None:
    chip = make("C", slots={3: ("8700", "3100")})
    point = chip.run(GENKEY, 4, 3)
    assert chip.run(GENKEY, 0, 3) == point
    assert chip.run(LOCK, 0x81) == OK
    chip.refuses(EXEC, GENKEY, 4, 3)
    chip.refuses(EXEC, GENKEY, 0, 3)


def test_create_tells_the_public_key_even_without_pub_info() -> None:
    assert len(make("D", slots={3: ("8720", "3100")}).run(GENKEY, 4, 3)) == 64


@pytest.mark.parametrize("state", ["C", "D"])
def test_a_locked_slot_keeps_its_key(state: str) -> None:
    chip = make(state, slots={0: PRIVATE}, content={0: private_slot(HOST)}, config={88: "FEFF"})
    chip.refuses(EXEC, GENKEY, 4, 0)
    assert chip.run(GENKEY, 0, 0) == POINT


def digest(chip: Bench, temp_key: bytes, header: bytes, point: bytes) -> bytes:
    return sha(temp_key, header, chip.sn, bytes(25), point)


def mac_of_temp_key(chip: Bench, source: int) -> bytes:
    return chip.run(MAC, 3 | source << 2, 0)


def expected_mac(chip: Bench, temp_key: bytes, source: int) -> bytes:
    tail = (
        bytes([MAC, 3 | source << 2, 0, 0])
        + bytes(11)
        + chip.serial[8:]
        + bytes(4)
        + chip.serial[:2]
        + bytes(2)
    )
    return sha(temp_key, temp_key, tail)


@pytest.mark.parametrize("mode", [0x08, 0x0C])
def test_a_digest_of_the_public_key_lands_in_temp_key(mode: int) -> None:
    chip = make("D", slots={2: PRIVATE}, content={2: private_slot(HOST)})
    temp_key = chip.random_nonce()
    point = chip.run(GENKEY, mode, 2)
    assert chip.temp_key_flags == 0x40 | 2, "GenKeyData, slot"
    expected = digest(chip, temp_key, bytes([GENKEY, mode, 2, 0]), point)
    assert mac_of_temp_key(chip, 0) == expected_mac(chip, expected, 0)


def test_a_digest_of_a_stored_public_key() -> None:
    chip = make("D", slots={9: PUBLIC}, content={9: public_slot(POINT)})
    chip.load(b"t" * 32)
    assert chip.run(GENKEY, 0x10, 9, b"abc") == OK
    assert chip.temp_key_flags == 0x40 | 0x10 | 9
    expected = digest(chip, b"t" * 32, bytes([GENKEY]) + b"abc", POINT)
    assert mac_of_temp_key(chip, 1) == expected_mac(chip, expected, 1)


@pytest.mark.parametrize("mode", [0x08, 0x0C])
def test_a_digest_needs_temp_key(mode: int) -> None:
    chip = make("D", slots={0: PRIVATE}, content={0: private_slot(HOST)})
    chip.refuses(EXEC, GENKEY, mode, 0)


def test_a_digest_needs_a_random_nonce_if_the_slot_says_so() -> None:
    chip = make("D", slots={0: ("8720", "7300")}, content={0: private_slot(HOST)})
    chip.load(bytes(32))
    chip.refuses(EXEC, GENKEY, 8, 0)
    chip.random_nonce()
    assert chip.run(GENKEY, 8, 0) == POINT


@pytest.mark.parametrize(("slot", "config"), [(9, CLEAR), (9, PRIVATE), (3, PUBLIC)])
def test_a_public_key_digest_needs_a_public_key(slot: int, config: tuple[str, str]) -> None:
    chip = make("D", slots={slot: config}, content={slot: public_slot(POINT)[:36]})
    chip.load(bytes(32))
    chip.refuses(EXEC, GENKEY, 0x10, slot, bytes(3))
    assert not chip.temp_key_valid


def test_an_ephemeral_key_is_good_for_ecdh_and_nothing_else() -> None:
    chip = make("D", slots={0: PRIVATE}, content={0: private_slot(HOST)})
    point = chip.run(GENKEY, 4, 0xFFFF)
    public_key(point)
    assert not chip.temp_key_valid
    chip.refuses(EXEC, SIGN, 0x80, 0)
    chip.refuses(EXEC, ECDH, 0x0D, 0, POINT)


@pytest.mark.parametrize(
    ("mode", "param2"),
    [
        (0x20, 0),
        (0x24, 0),
        (0x02, 0),
        (0x80, 0),
        (0x14, 0),
        (0x18, 0),
        (4, 16),
        (0, 0x100),
        (0, 0xFFFF),
        (8, 0xFFFF),
    ],
)
def test_bad_parameters(mode: int, param2: int) -> None:
    chip = make("D", slots={0: PRIVATE}, content={0: private_slot(HOST)})
    chip.load(bytes(32))
    chip.refuses(PARSE, GENKEY, mode, param2)
    assert not chip.temp_key_valid


@pytest.mark.parametrize(("mode", "size"), [(4, 3), (0, 1), (0x10, 0), (0x10, 4)])
def test_other_data_belongs_to_mode_16_only(mode: int, size: int) -> None:
    make("D", slots={0: PRIVATE}).refuses(PARSE, GENKEY, mode, 0, bytes(size))


def test_the_undocumented_mac_flag_is_a_quirk() -> None:
    chip = make("D", slots={0: PRIVATE}, quirks=Quirks(genkey_mac_flag=True))
    assert len(chip.run(GENKEY, 0x24, 0)) == 64


def test_limited_use_does_not_count_genkey() -> None:
    chip = make("D", slots={0: ("A720", "3300")})
    chip.run(GENKEY, 4, 0)
    chip.run(GENKEY, 0, 0)
    assert chip.run(0x24, 0, 0) == bytes(4)


@pytest.mark.parametrize("mode", [0, 4])
def test_req_auth_applies(mode: int) -> None:
    key = b"K" * 32
    chip = make("D", slots={0: ("8720", "B304"), 4: SECRET}, content={0: private_slot(HOST), 4: key})
    chip.refuses(EXEC, GENKEY, mode, 0)
    chip.authorise(4, key)
    assert len(chip.run(GENKEY, mode, 0)) == 64
    chip.refuses(EXEC, GENKEY, mode, 0)


@pytest.mark.parametrize("words", range(11))
def test_a_power_cut_leaves_a_whole_key_or_none(words: int) -> None:
    chip = make(
        "D",
        slots={0: PRIVATE},
        content={0: private_slot(HOST)},
        faults=(f"power-cut command=GenKey words={words}",),
    )
    assert chip.run(GENKEY, 4, 0) == b"\x11", "the chip has been reset"
    valid = chip.run(INFO, 1, 0)[0]
    assert valid == (words in (0, 10))
    if words == 0:
        assert chip.run(GENKEY, 0, 0) == POINT
    if words not in (0, 10):
        chip.refuses(EXEC, GENKEY, 0, 0)

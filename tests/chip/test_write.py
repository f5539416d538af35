"""Write (0x12): section 5.4 of the behaviour sheet, row by row."""

import pytest
from chip.bench import EXEC, OK, PARSE, SECRET, WRITE, Bench, host_key, make, point_of, public_slot, sha, xor
from simchip import Quirks

KEY = b"K" * 32
LONG, ENCRYPTED = 0x80, 0x40
NEW = bytes(range(32))

#   row              SlotConfig, KeyConfig   C: 4, 32, encrypted   D: 4, 32, encrypted
TABLE = [
    ("private", ("8740", "3300"), "---", "---"),
    ("Always, clear", ("0F04", "3C00"), "-we", "ww-"),
    ("Always, secret", ("8F04", "3C00"), "-we", "-w-"),
    ("PubInvalid, not validated", ("0F14", "3000"), "-we", "ww-"),
    ("Never 0010", ("0F24", "3C00"), "-we", "---"),
    ("Never 0011", ("0F34", "3C00"), "-we", "---"),
    ("Encrypt 0100", ("0F44", "3C00"), "-we", "--e"),
    ("Encrypt 0101", ("0F54", "3C00"), "-we", "--e"),
    ("Encrypt 0110", ("0F64", "3C00"), "-we", "--e"),
    ("Encrypt 0111", ("0F74", "3C00"), "-we", "--e"),
    ("Never 1000", ("0F84", "3C00"), "-we", "---"),
    ("Never 1001", ("0F94", "3C00"), "-we", "---"),
    ("Never 1010", ("0FA4", "3C00"), "-we", "---"),
    ("Never 1011", ("0FB4", "3C00"), "-we", "---"),
    ("Encrypt 1100", ("0FC4", "3C00"), "-we", "--e"),
    ("Encrypt 1111, secret", ("8FF4", "3C00"), "-we", "--e"),
]
ROWS = [(row[0], row[1], state, row[column]) for row in TABLE for state, column in (("C", 2), ("D", 3))]


def encrypted(chip: Bench, temp_key: bytes, mode: int, address: int, plain: bytes) -> bytes:
    header = bytes([WRITE, mode]) + address.to_bytes(2, "little")
    return xor(plain, temp_key) + sha(temp_key, header, chip.sn, bytes(25), plain)


def session(chip: Bench, key: int = 4) -> bytes:
    return chip.gen_dig(key, KEY, chip.random_nonce())


def attempt(chip: Bench, kind: str, allowed: bool, address: int = 9 << 3) -> None:
    temp_key = session(chip)
    mode = {"4": 2, "32": LONG | 2, "encrypted": LONG | ENCRYPTED | 2}[kind]
    data = (
        encrypted(chip, temp_key, mode, address, NEW)
        if kind == "encrypted"
        else NEW[: 4 if kind == "4" else 32]
    )
    if allowed:
        assert chip.run(WRITE, mode, address, data) == OK
        size = 4 if kind == "4" else 32
        assert chip.chip.image.slots[9][1:size] == NEW[1:size]
    else:
        chip.refuses(EXEC, WRITE, mode, address, data)


@pytest.mark.parametrize(
    ("row", "config", "state", "allowed"), ROWS, ids=[f"{row[0]}, {row[2]}" for row in ROWS]
)
def test_slots(row: str, config: tuple[str, str], state: str, allowed: str) -> None:
    for kind, mark in zip(("4", "32", "encrypted"), allowed, strict=True):
        chip = make(state, slots={9: config, 4: SECRET}, content={4: KEY})
        attempt(chip, kind, mark != "-")


@pytest.mark.parametrize(
    ("row", "config", "state", "allowed"), ROWS, ids=[f"{row[0]}, {row[2]}" for row in ROWS]
)
def test_locked_slots_are_never_written(row: str, config: tuple[str, str], state: str, allowed: str) -> None:
    for kind in ("4", "32", "encrypted"):
        chip = make(state, slots={9: config, 4: SECRET}, content={4: KEY}, config={88: "FFFD"})
        attempt(chip, kind, False)


@pytest.mark.parametrize("config", [row[1] for row in TABLE], ids=[row[0] for row in TABLE])
def test_no_slot_before_the_config_lock(config: tuple[str, str]) -> None:
    chip = make("U", slots={9: config})
    chip.refuses(EXEC, WRITE, LONG | 2, 9 << 3, NEW)
    chip.refuses(EXEC, WRITE, 2, 9 << 3, NEW[:4])
    chip.load(KEY)
    data = encrypted(chip, KEY, LONG | ENCRYPTED | 2, 9 << 3, NEW)
    chip.refuses(EXEC, WRITE, LONG | ENCRYPTED | 2, 9 << 3, data)


# Config.


def test_the_config_zone_by_words_and_blocks() -> None:
    chip = make("U")
    assert chip.run(WRITE, 0, 4, b"\x6a\0\0\1") == OK
    assert chip.run(WRITE, LONG, 1 << 3, NEW) == OK
    assert chip.run(WRITE, LONG, 3 << 3, NEW) == OK
    config = chip.chip.image.config
    assert config[16:20] == b"\x6a\0\0\1"
    assert config[32:64] == config[96:128] == NEW


@pytest.mark.parametrize(("mode", "address", "size"), [(LONG, 0, 32), (LONG, 2 << 3, 32)])
@pytest.mark.parametrize("status", [PARSE, EXEC])
def test_blocks_with_fixed_bytes_are_refused_whole(mode: int, address: int, size: int, status: bytes) -> None:
    chip = make("U", quirks=Quirks(bad_address=type(Quirks().bad_address)(status[0])))
    chip.refuses(status, WRITE, mode, address, bytes(size))


@pytest.mark.parametrize("word", [0, 1, 2, 3, 21])
def test_fixed_words_are_refused(word: int) -> None:
    make("U").refuses(PARSE, WRITE, 0, word, bytes(4))


@pytest.mark.parametrize("word", [4, 20, 22, 23])
def test_their_neighbours_are_not(word: int) -> None:
    assert make("U").run(WRITE, 0, word, bytes(4)) == OK


@pytest.mark.parametrize("state", ["C", "D"])
@pytest.mark.parametrize(("mode", "address", "size"), [(0, 4, 4), (LONG, 1 << 3, 32)])
def test_a_locked_config_zone_is_final(state: str, mode: int, address: int, size: int) -> None:
    make(state).refuses(EXEC, WRITE, mode, address, bytes(size))


@pytest.mark.parametrize("zone", [0, 1])
def test_config_and_otp_take_no_cipher(zone: int) -> None:
    chip = make("U" if zone == 0 else "C")
    chip.load(KEY)
    mode, address = LONG | ENCRYPTED | zone, 0 if zone else 1 << 3
    chip.refuses(EXEC, WRITE, mode, address, encrypted(chip, KEY, mode, address, NEW))


# OTP.


def test_otp_between_the_locks() -> None:
    chip = make("C")
    assert chip.run(WRITE, LONG | 1, 0, NEW) == OK
    assert chip.run(WRITE, LONG | 1, 1 << 3, NEW) == OK
    assert chip.chip.image.otp == NEW * 2


@pytest.mark.parametrize("state", ["U", "D"])
def test_otp_is_closed_before_and_after(state: str) -> None:
    make(state).refuses(EXEC, WRITE, LONG | 1, 0, NEW)


@pytest.mark.parametrize("state", ["U", "C", "D"])
def test_otp_takes_no_words(state: str) -> None:
    make(state).refuses(EXEC, WRITE, 1, 0, NEW[:4])


# Encryption.


def guarded(state: str = "D") -> Bench:
    return make(state, slots={9: ("8F44", "3C00"), 4: SECRET, 5: SECRET}, content={4: KEY, 5: KEY})


MODE, ADDRESS = LONG | ENCRYPTED | 2, 9 << 3


@pytest.mark.parametrize("state", ["C", "D"])
@pytest.mark.parametrize("position", [0, 31, 32, 63])
def test_a_wrong_cipher_or_mac_is_refused(state: str, position: int) -> None:
    chip = guarded(state)
    data = bytearray(encrypted(chip, session(chip), MODE, ADDRESS, NEW))
    data[position] ^= 1
    chip.refuses(EXEC, WRITE, MODE, ADDRESS, bytes(data))
    assert not chip.temp_key_valid


def test_the_session_must_be_the_write_keys() -> None:
    chip = guarded()
    chip.refuses(EXEC, WRITE, MODE, ADDRESS, encrypted(chip, session(chip, 5), MODE, ADDRESS, NEW))


def test_the_session_must_come_from_gendig() -> None:
    chip = guarded()
    chip.refuses(EXEC, WRITE, MODE, ADDRESS, encrypted(chip, chip.random_nonce(), MODE, ADDRESS, NEW))


def test_before_the_data_lock_any_temp_key_will_do() -> None:
    chip = guarded("C")
    chip.load(KEY)
    assert chip.run(WRITE, MODE, ADDRESS, encrypted(chip, KEY, MODE, ADDRESS, NEW)) == OK
    assert chip.chip.image.slots[9][:32] == NEW


@pytest.mark.parametrize("state", ["C", "D"])
def test_no_session_at_all(state: str) -> None:
    chip = guarded(state)
    chip.refuses(EXEC, WRITE, MODE, ADDRESS, encrypted(chip, bytes(32), MODE, ADDRESS, NEW))


@pytest.mark.parametrize("state", ["C", "D"])
def test_a_cipher_has_32_bytes(state: str) -> None:
    chip = guarded(state)
    session(chip)
    chip.refuses(EXEC, WRITE, ENCRYPTED | 2, ADDRESS, bytes(36))


def test_a_session_serves_one_write() -> None:
    chip = guarded()
    data = encrypted(chip, session(chip), MODE, ADDRESS, NEW)
    assert chip.run(WRITE, MODE, ADDRESS, data) == OK
    chip.refuses(EXEC, WRITE, MODE, ADDRESS, data)


# Public keys that must be validated.


@pytest.mark.parametrize("offset", [0, 1, 2])
def test_any_write_invalidates(offset: int) -> None:
    point = point_of(host_key())
    chip = make("D", slots={9: ("0F00", "3200")}, content={9: public_slot(point, 0x50)})
    assert chip.run(WRITE, LONG | 2, 9 << 3 | offset << 8, NEW) == OK
    assert chip.chip.image.slots[9][0] >> 4 == 0xA


def test_pub_invalid_protects_a_validated_key() -> None:
    chip = make("D", slots={9: ("0F10", "3200")}, content={9: public_slot(bytes(64), 0x50)})
    chip.refuses(EXEC, WRITE, LONG | 2, 9 << 3, NEW)
    chip = make("D", slots={9: ("0F10", "3200")}, content={9: public_slot(bytes(64), 0xA0)})
    assert chip.run(WRITE, LONG | 2, 9 << 3, NEW) == OK


def test_other_public_keys_are_left_as_written() -> None:
    chip = make("D", slots={9: ("0F00", "3000")})
    assert chip.run(WRITE, LONG | 2, 9 << 3, NEW) == OK
    assert chip.chip.image.slots[9][:32] == NEW


# Addresses.


@pytest.mark.parametrize(("slot", "block", "kept"), [(3, 1, 4), (9, 2, 8), (8, 12, 32)])
@pytest.mark.parametrize("state", ["C", "D"])
def test_the_short_last_block_takes_what_fits(state: str, slot: int, block: int, kept: int) -> None:
    chip = make(state, slots={slot: ("0F00", "3C00")})
    assert chip.run(WRITE, LONG | 2, slot << 3 | block << 8, NEW) == OK
    assert chip.chip.image.slots[slot][32 * block :] == NEW[:kept]


def test_single_words() -> None:
    chip = make("D", slots={9: ("0F00", "3C00")})
    assert chip.run(WRITE, 2, 9 << 3 | 2 << 8 | 1, b"abcd") == OK
    assert chip.chip.image.slots[9][68:] == b"abcd"


@pytest.mark.parametrize(
    ("mode", "address"),
    [(LONG | 2, 3 << 3 | 2 << 8), (LONG | 2, 8 << 3 | 13 << 8), (2, 9 << 3 | 2 << 8 | 2), (LONG | 1, 2 << 3)],
)
def test_beyond_the_zone(mode: int, address: int) -> None:
    make("C").refuses(PARSE, WRITE, mode, address, bytes(32 if mode & LONG else 4))


@pytest.mark.parametrize("mode", [0x03, 0x83, 0x22, 0x06, 0x10])
def test_bad_modes(mode: int) -> None:
    make("C").refuses(PARSE, WRITE, mode, 9 << 3, bytes(32 if mode & LONG else 4))


@pytest.mark.parametrize(("mode", "size"), [(2, 32), (LONG | 2, 4), (LONG | 2, 64), (MODE, 32), (MODE, 63)])
def test_bad_lengths(mode: int, size: int) -> None:
    make("C").refuses(PARSE, WRITE, mode, 9 << 3, bytes(size))


@pytest.mark.parametrize("words", range(9))
def test_a_power_cut_leaves_the_first_words(words: int) -> None:
    chip = make("C", slots={9: ("0F00", "3C00")}, faults=(f"power-cut command=Write words={words}",))
    assert chip.run(WRITE, LONG | 2, 9 << 3, NEW) == b"\x11"
    assert chip.chip.image.slots[9][:32] == NEW[: 4 * words].ljust(32, b"\xff")

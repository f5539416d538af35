"""Read (0x02): section 5.4 of the behaviour sheet, row by row."""

import pytest
from chip.bench import EXEC, PARSE, READ, SECRET, Bench, make, xor
from simchip import Quirks

KEY = b"K" * 32
CONTENT = bytes(range(72))
LONG = 0x80

#            row                    SlotConfig, KeyConfig     U      C      D
TABLE = [
    ("private P-256", ("0F20", "3300"), "-", "-", "-"),
    ("private P-256, secret", ("8F20", "3300"), "-", "-", "-"),
    ("private of no known curve", ("0F00", "3D00"), "-", "-", "-"),
    ("clear", ("0F00", "3C00"), "-", "-", "clear"),
    ("clear public key", ("0F00", "3000"), "-", "-", "clear"),
    ("secret", ("8F00", "3C00"), "-", "-", "-"),
    ("secret, encrypted reads", ("C400", "3C00"), "-", "-", "encrypted"),
    ("the forbidden code", ("4400", "3C00"), "-", "-", "-"),
]


@pytest.mark.parametrize(("row", "config", "u", "c", "d"), TABLE, ids=[row[0] for row in TABLE])
@pytest.mark.parametrize("size", [4, 32])
def test_slots(row: str, config: tuple[str, str], u: str, c: str, d: str, size: int) -> None:
    for state, expected in zip("UCD", (u, c, d), strict=True):
        chip = make(state, slots={9: config, 4: SECRET}, content={9: CONTENT, 4: KEY})
        if state != "U":
            # A session key is there in any case: only the configuration decides.
            chip.gen_dig(4, KEY, chip.random_nonce())
        mode = 2 | (LONG if size == 32 else 0)
        if expected == "clear":
            assert chip.run(READ, mode, 9 << 3) == CONTENT[:size]
        elif expected == "-" or size == 4:
            chip.refuses(EXEC, READ, mode, 9 << 3)


@pytest.mark.parametrize("state", ["U", "C", "D"])
def test_config_is_readable_in_every_state(state: str) -> None:
    chip = make(state)
    raw = bytes(chip.chip.image.config)
    assert b"".join(chip.run(READ, LONG, block << 3) for block in range(4)) == raw
    assert b"".join(chip.run(READ, 0, word) for word in range(32)) == raw


@pytest.mark.parametrize(("state", "readable"), [("U", False), ("C", False), ("D", True)])
def test_otp(state: str, readable: bool) -> None:
    chip = make(state)
    chip.chip.image.otp[:] = bytes(range(64))
    for mode, address, size in ((LONG, 0, 32), (LONG, 8, 32), (0, 0, 4), (0, 15, 4)):
        if readable:
            start = address * 4
            assert chip.run(READ, 1 | mode, address) == bytes(range(start, start + size))
        else:
            chip.refuses(EXEC, READ, 1 | mode, address)


def session(chip: Bench, key: int = 4) -> bytes:
    return chip.gen_dig(key, KEY, chip.random_nonce())


def encrypted() -> Bench:
    return make("D", slots={9: ("C40F", "3C00"), 4: SECRET, 5: SECRET}, content={9: CONTENT, 4: KEY, 5: KEY})


@pytest.mark.parametrize("block", [0, 1, 2])
def test_encrypted_reads(block: int) -> None:
    chip = encrypted()
    temp_key = session(chip)
    cipher = chip.run(READ, LONG | 2, 9 << 3 | block << 8)
    assert xor(cipher, temp_key) == CONTENT[32 * block :][:32].ljust(32, b"\0")
    assert not chip.temp_key_valid


def test_encrypted_reads_need_a_session() -> None:
    chip = encrypted()
    chip.refuses(EXEC, READ, LONG | 2, 9 << 3)


def test_encrypted_reads_need_gendig() -> None:
    chip = encrypted()
    chip.random_nonce()
    chip.refuses(EXEC, READ, LONG | 2, 9 << 3)


def test_encrypted_reads_need_the_read_key() -> None:
    chip = encrypted()
    session(chip, 5)
    chip.refuses(EXEC, READ, LONG | 2, 9 << 3)


def test_encrypted_reads_need_a_random_nonce() -> None:
    chip = encrypted()
    chip.load(bytes(32))
    chip.gen_dig(4, KEY, bytes(32))
    chip.refuses(EXEC, READ, LONG | 2, 9 << 3)


def test_encrypted_reads_are_by_32_bytes() -> None:
    chip = encrypted()
    session(chip)
    chip.refuses(EXEC, READ, 2, 9 << 3)


@pytest.mark.parametrize(("slot", "last_block", "left"), [(3, 1, 4), (8, 12, 32), (9, 2, 8), (15, 2, 8)])
def test_the_last_block_is_filled_with_zeros(slot: int, last_block: int, left: int) -> None:
    chip = make("D", slots={slot: ("0F00", "3C00")})
    assert chip.run(READ, LONG | 2, slot << 3 | last_block << 8) == (b"\xff" * left).ljust(32, b"\0")


def test_word_bits_are_ignored_for_blocks() -> None:
    chip = make("D")
    assert chip.run(READ, LONG, 1 << 3 | 5) == chip.run(READ, LONG, 1 << 3)


BEYOND = [
    (0, 32),
    (LONG, 4 << 3),
    (1, 16),
    (LONG | 1, 2 << 3),
    (2, 3 << 3 | 1 << 8 | 1),
    (LONG | 2, 3 << 3 | 2 << 8),
    (LONG | 2, 8 << 3 | 13 << 8),
    (2, 9 << 3 | 2 << 8 | 2),
    (LONG | 2, 9 << 3 | 3 << 8),
    (2, 0x80 | 9 << 3),
]


@pytest.mark.parametrize(("mode", "address"), BEYOND)
@pytest.mark.parametrize("status", [PARSE, EXEC])
def test_beyond_the_zone(mode: int, address: int, status: bytes) -> None:
    make("D", quirks=Quirks(bad_address=type(Quirks().bad_address)(status[0]))).refuses(
        status, READ, mode, address
    )


@pytest.mark.parametrize("mode", [0x03, 0x83, 0x40, 0xC2, 0x04, 0x20])
def test_bad_modes(mode: int) -> None:
    make("D").refuses(PARSE, READ, mode, 0)


def test_nothing_reads_a_private_key_even_with_a_session() -> None:
    chip = make("D", slots={3: ("C420", "3300"), 4: SECRET}, content={4: KEY})
    session(chip)
    chip.refuses(EXEC, READ, LONG | 2, 3 << 3)

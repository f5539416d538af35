"""MAC (0x08)."""

import pytest
from chip.bench import COUNTER, EXEC, MAC, PARSE, PRIVATE, SECRET, Bench, make, sha

KEY = b"K" * 32
CHALLENGE = b"c" * 32


def keyed(state: str = "D", config: tuple[str, str] = SECRET) -> Bench:
    chip = make(state, slots={4: config}, content={4: KEY})
    chip.chip.image.otp[:] = bytes(range(64))
    return chip


def expected(chip: Bench, first: bytes, second: bytes, mode: int, slot: int = 4) -> bytes:
    otp = bytes(range(11)) if mode & 0x10 else (bytes(range(8)) if mode & 0x20 else b"").ljust(11, b"\0")
    serial = chip.serial
    full = bool(mode & 0x40)
    tail = serial[8:] + (serial[4:8] if full else bytes(4)) + serial[:2] + (serial[2:4] if full else bytes(2))
    return sha(first, second, bytes([MAC, mode, slot, 0]), otp, tail)


@pytest.mark.parametrize("state", ["C", "D"])
@pytest.mark.parametrize("mode", [0x00, 0x40, 0x10, 0x20, 0x30, 0x70, 0x04])
def test_key_and_challenge(state: str, mode: int) -> None:
    chip = keyed(state)
    assert chip.run(MAC, mode, 4, CHALLENGE) == expected(chip, KEY, CHALLENGE, mode)


@pytest.mark.parametrize("source", [0, 4])
def test_key_and_temp_key(source: int) -> None:
    chip = keyed()
    temp_key = CHALLENGE
    if source:
        chip.load(CHALLENGE)
    else:
        temp_key = chip.random_nonce()
    assert chip.run(MAC, 1 | source, 4) == expected(chip, KEY, temp_key, 1 | source)
    assert not chip.temp_key_valid


def test_temp_key_and_challenge() -> None:
    chip = keyed()
    chip.load(b"t" * 32)
    assert chip.run(MAC, 6, 4, CHALLENGE) == expected(chip, b"t" * 32, CHALLENGE, 6)


def test_temp_key_twice() -> None:
    chip = keyed()
    chip.load(b"t" * 32)
    assert chip.run(MAC, 7, 4) == expected(chip, b"t" * 32, b"t" * 32, 7)


@pytest.mark.parametrize("mode", [1, 2, 3])
def test_the_source_must_be_as_said(mode: int) -> None:
    data = CHALLENGE if mode == 2 else b""
    chip = keyed()
    chip.load(CHALLENGE)
    chip.refuses(EXEC, MAC, mode, 4, data)
    chip.random_nonce()
    chip.refuses(EXEC, MAC, mode | 4, 4, data)


@pytest.mark.parametrize("mode", [1, 2, 3])
def test_temp_key_must_be_there(mode: int) -> None:
    keyed().refuses(EXEC, MAC, mode, 4, CHALLENGE if mode == 2 else b"")


REFUSED = [
    ("before the config lock", "U", SECRET),
    ("a private key", "D", PRIVATE),
    ("NoMac", "D", ("9F0F", "1C00")),
    ("ReqRandom without a nonce", "D", ("8F0F", "5C00")),
    ("ReqAuth", "D", ("8F0F", "9C05")),
    ("the latch", "D", ("8F0F", "1C10")),
]


@pytest.mark.parametrize(("why", "state", "config"), REFUSED, ids=[row[0] for row in REFUSED])
def test_refused(why: str, state: str, config: tuple[str, str]) -> None:
    keyed(state, config).refuses(EXEC, MAC, 0, 4, CHALLENGE)


def test_nothing_from_temp_key_before_the_config_lock() -> None:
    chip = keyed("U")
    chip.load(CHALLENGE)
    chip.refuses(EXEC, MAC, 7, 4)


def test_req_random() -> None:
    chip = keyed(config=("8F0F", "5C00"))
    chip.load(CHALLENGE)
    chip.refuses(EXEC, MAC, 5, 4)
    chip.random_nonce()
    assert len(chip.run(MAC, 1, 4)) == 32


def test_limited_use_is_counted() -> None:
    chip = keyed(config=("AF0F", "1C00"))
    chip.run(MAC, 0, 4, CHALLENGE)
    assert chip.run(COUNTER, 0, 0) == b"\1\0\0\0"


@pytest.mark.parametrize(
    ("mode", "slot", "size"),
    [(0x08, 4, 32), (0x80, 4, 32), (0, 16, 32), (0, 4, 0), (0, 4, 31), (1, 4, 32), (2, 4, 0), (3, 4, 32)],
)
def test_bad_parameters(mode: int, slot: int, size: int) -> None:
    chip = keyed()
    chip.refuses(PARSE, MAC, mode, slot, bytes(size))

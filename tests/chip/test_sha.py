"""SHA (0x47)."""

import hashlib
import hmac

import pytest
from chip.bench import (
    EXEC,
    OK,
    PARSE,
    PRIVATE,
    PUBLIC,
    RANDOM,
    SECRET,
    SHA,
    SIGN,
    Bench,
    check_signature,
    host_key,
    make,
    point_of,
    private_slot,
    public_slot,
    sha,
)
from simchip import Quirks
from simchip.sha256 import ShaContext

KEY = b"K" * 32
START, UPDATE, END, PUBLIC_KEY, HMAC_START, READ_CONTEXT, WRITE_CONTEXT = 0, 1, 2, 3, 4, 6, 7
TO_OUTPUT = 0xC0


def digest(
    chip: Bench, message: bytes, start: tuple[int, int] = (START, 0), end: int = END | TO_OUTPUT
) -> bytes:
    assert chip.run(SHA, *start) == OK
    while len(message) > 63:
        assert chip.run(SHA, UPDATE, 64, message[:64]) == OK
        message = message[64:]
    return chip.run(SHA, end, len(message), message)


@pytest.mark.parametrize("size", [0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 200, 1000])
def test_the_model_agrees_with_hashlib(size: int) -> None:
    message = bytes(i & 0xFF for i in range(size))
    context = ShaContext()
    context.update(message)
    assert context.digest() == hashlib.sha256(message).digest()


@pytest.mark.parametrize("state", ["U", "C", "D"])
@pytest.mark.parametrize("size", [0, 1, 63, 64, 127, 130])
def test_digests(state: str, size: int) -> None:
    message = b"m" * size
    assert digest(make(state), message) == sha(message)


def test_short_updates() -> None:
    chip = make("D")
    chip.run(SHA, START)
    for part in (b"hello", b" ", b"w" * 64, b"x"):
        assert chip.run(SHA, UPDATE, len(part), part) == OK
    assert chip.run(SHA, END, 0) == sha(b"hello w" + b"w" * 63 + b"x")


def test_other_commands_may_come_in_between() -> None:
    chip = make("D")
    chip.run(SHA, START)
    chip.run(SHA, UPDATE, 3, b"abc")
    chip.run(RANDOM)
    chip.run(SHA, UPDATE, 0x99, b"bad length")
    assert chip.run(SHA, END, 3, b"def") == sha(b"abcdef")


def test_the_digest_may_go_to_temp_key() -> None:
    chip = make("D", slots={0: PRIVATE}, content={0: private_slot(host_key())})
    assert digest(chip, b"abc", end=END) == sha(b"abc")
    assert chip.temp_key_flags == 0x10
    check_signature(point_of(host_key()), sha(b"abc"), chip.run(SIGN, 0x80, 0))


def test_the_digest_may_go_to_the_message_buffer() -> None:
    chip = make("D", slots={0: PRIVATE}, content={0: private_slot(host_key())})
    assert digest(chip, b"abc", end=END | 0x40) == sha(b"abc")
    assert not chip.temp_key_valid
    check_signature(point_of(host_key()), sha(b"abc"), chip.run(SIGN, 0xA0, 0))


def test_a_public_key_is_hashed_from_its_slot() -> None:
    point = point_of(host_key())
    chip = make("D", slots={9: PUBLIC}, content={9: public_slot(point)})
    chip.run(SHA, START)
    assert chip.run(SHA, PUBLIC_KEY, 9) == OK
    assert chip.run(SHA, END, 0) == sha(point)


@pytest.mark.parametrize("slot", [0, 3, 8])
def test_only_public_keys_are(slot: int) -> None:
    chip = make("D")
    chip.run(SHA, START)
    chip.refuses(EXEC, SHA, PUBLIC_KEY, slot)


@pytest.mark.parametrize("size", [0, 20, 64, 100])
def test_hmac_with_a_slot_key(size: int) -> None:
    chip = make("D", slots={4: SECRET}, content={4: KEY})
    message = b"h" * size
    assert digest(chip, message, (HMAC_START, 4)) == hmac.digest(KEY, message, "sha256")


@pytest.mark.parametrize("state", ["U", "C", "D"])
def test_hmac_with_temp_key(state: str) -> None:
    chip = make(state)
    chip.load(KEY)
    assert digest(chip, b"abc", (HMAC_START, 0xFFFF)) == hmac.digest(KEY, b"abc", "sha256")


def test_hmac_with_no_temp_key() -> None:
    make("D").refuses(EXEC, SHA, HMAC_START, 0xFFFF)


HMAC_REFUSED = [
    ("NoMac", "D", ("9F0F", "1C00")),
    ("a private key", "D", PRIVATE),
    ("before the config lock", "U", SECRET),
    ("ReqAuth", "D", ("8F0F", "9C05")),
    ("the latch", "D", ("8F0F", "1C10")),
]


@pytest.mark.parametrize(("why", "state", "config"), HMAC_REFUSED, ids=[row[0] for row in HMAC_REFUSED])
def test_hmac_refused(why: str, state: str, config: tuple[str, str]) -> None:
    make(state, slots={4: config}, content={4: KEY}).refuses(EXEC, SHA, HMAC_START, 4)


def test_hmac_counts_limited_use() -> None:
    chip = make("D", slots={4: ("AF0F", "1C00")}, content={4: KEY})
    digest(chip, b"", (HMAC_START, 4))
    assert chip.run(0x24, 0, 0) == b"\1\0\0\0"


def test_a_context_as_the_upstream_vector_has_it() -> None:
    chip = make("D")
    chip.run(SHA, START)
    chip.run(SHA, UPDATE, 5, b"12345")
    context = chip.run(SHA, READ_CONTEXT)
    assert context.hex().startswith("05000000" + "67e6096a" + "85ae67bb")
    assert len(context) == 36 + 5
    assert context.endswith(b"12345")


@pytest.mark.parametrize("size", [0, 5, 63, 64, 100])
@pytest.mark.parametrize("overhead", [36, 40])
def test_a_context_leaves_and_comes_back(size: int, overhead: int) -> None:
    chip = make("D", quirks=Quirks(sha_context_overhead=overhead))
    chip.run(SHA, START)
    message = b"c" * size
    for part in (message[:64], message[64:]):
        if part:
            chip.run(SHA, UPDATE, len(part), part)
    context = chip.run(SHA, READ_CONTEXT)
    assert len(context) == overhead + size % 64
    digest(chip, b"something else")
    assert chip.run(SHA, WRITE_CONTEXT, len(context), context) == OK
    assert chip.run(SHA, END, 3, b"end") == sha(message + b"end")


@pytest.mark.parametrize("size", [0, 35, 36 + 1, 100])
def test_a_context_of_the_wrong_length(size: int) -> None:
    chip = make("D")
    context = bytes(size)
    chip.refuses(PARSE, SHA, WRITE_CONTEXT, size, context)


def test_the_context_of_an_hmac_stays_inside() -> None:
    chip = make("D", slots={4: SECRET}, content={4: KEY})
    chip.run(SHA, HMAC_START, 4)
    chip.refuses(EXEC, SHA, READ_CONTEXT)


@pytest.mark.parametrize(("mode", "size"), [(UPDATE, 64), (END, 0), (PUBLIC_KEY, 0), (READ_CONTEXT, 0)])
def test_nothing_without_a_start(mode: int, size: int) -> None:
    chip = make("D", slots={9: PUBLIC}, content={9: public_slot(point_of(host_key()))})
    chip.refuses(EXEC, SHA, mode, 9 if mode == PUBLIC_KEY else size, bytes(size))


def test_an_end_ends_it() -> None:
    chip = make("D")
    digest(chip, b"abc")
    chip.refuses(EXEC, SHA, END, 0)


@pytest.mark.parametrize(
    ("mode", "param2", "size"),
    [
        (5, 0, 0),
        (8, 0, 0),
        (0x82, 0, 0),
        (0x40, 0, 0),
        (START, 1, 0),
        (START, 0, 1),
        (UPDATE, 0, 0),
        (UPDATE, 65, 65),
        (UPDATE, 4, 5),
        (END, 64, 64),
        (END, 0, 1),
        (PUBLIC_KEY, 16, 0),
        (HMAC_START, 16, 0),
        (READ_CONTEXT, 1, 0),
    ],
)
def test_bad_parameters(mode: int, param2: int, size: int) -> None:
    chip = make("D")
    chip.run(SHA, START)
    chip.refuses(PARSE, SHA, mode, param2, bytes(size))


def test_the_longest_end_is_a_quirk() -> None:
    chip = make("D", quirks=Quirks(sha_end_max=64))
    chip.run(SHA, START)
    assert chip.run(SHA, END, 64, b"x" * 64) == sha(b"x" * 64)


@pytest.mark.parametrize("clears", [True, False])
def test_temp_key_afterwards_is_a_quirk(clears: bool) -> None:
    chip = make("D", quirks=Quirks(sha_clears_tempkey=clears))
    chip.load(KEY)
    chip.run(SHA, START)
    assert chip.temp_key_valid is not clears

"""SecureBoot (0x80)."""

import pytest
from chip.bench import (
    CLEAR,
    EXEC,
    INFO,
    IO_KEY,
    MISCOMPARE,
    OFF_CURVE,
    OK,
    PARSE,
    PRIVATE,
    PUBLIC,
    SECUREBOOT,
    Bench,
    host_key,
    host_sign,
    make,
    point_of,
    public_slot,
    sha,
    xor,
)

VENDOR = host_key(3)
DIGEST = sha(b"firmware")
SIGNATURE = host_sign(VENDOR, DIGEST)
IO = b"I" * 32
FULL, STORE, COPY = 5, 6, 7
OFF, BOTH, STORE_SIGNATURE, STORE_DIGEST = range(4)
KEY_SLOT, STORE_SLOT = 9, 10


def boot(mode: int, state: str = "D", flags: int = 0, **more) -> Bench:  # type: ignore[no-untyped-def]
    word = mode | flags | STORE_SLOT << 8 | KEY_SLOT << 12
    slots = {KEY_SLOT: PUBLIC, STORE_SLOT: CLEAR, 6: IO_KEY} | more.pop("slots", {})
    content = {KEY_SLOT: public_slot(point_of(VENDOR)), 6: IO} | more.pop("content", {})
    config = {70: word.to_bytes(2, "little").hex(), 90: "0260"} | more.pop("config", {})
    return make(state, slots=slots, content=content, config=config)


def run(chip: Bench, step: int, digest: bytes = DIGEST, signature: bytes = SIGNATURE) -> bytes:
    return chip.run(SECUREBOOT, step, 0, digest + (b"" if step & 7 == STORE else signature))


@pytest.mark.parametrize("state", ["C", "D"])
@pytest.mark.parametrize("mode", [BOTH, STORE_SIGNATURE, STORE_DIGEST])
def test_full(state: str, mode: int) -> None:
    chip = boot(mode, state)
    assert run(chip, FULL) == OK
    assert run(chip, FULL, sha(b"forged")) == MISCOMPARE
    assert run(chip, FULL, signature=SIGNATURE[::-1]) == MISCOMPARE


@pytest.mark.parametrize(
    ("mode", "stored"), [(STORE_SIGNATURE, SIGNATURE), (STORE_DIGEST, DIGEST)], ids=["signature", "digest"]
)
def test_copy_then_store(mode: int, stored: bytes) -> None:
    chip = boot(mode)
    assert run(chip, STORE) == MISCOMPARE
    assert run(chip, COPY) == OK
    assert chip.chip.image.slots[STORE_SLOT][: len(stored)] == stored
    assert run(chip, STORE) == OK
    assert run(chip, STORE, sha(b"forged")) == MISCOMPARE


@pytest.mark.parametrize("mode", [STORE_SIGNATURE, STORE_DIGEST])
def test_a_forged_firmware_is_not_copied(mode: int) -> None:
    boot(mode).refuses(MISCOMPARE, SECUREBOOT, COPY, 0, sha(b"forged") + SIGNATURE)


def test_disabled() -> None:
    chip = boot(OFF)
    for step in (FULL, STORE, COPY):
        chip.refuses(EXEC, SECUREBOOT, step, 0, DIGEST + (b"" if step == STORE else SIGNATURE))


def test_mode_both_stores_nothing() -> None:
    chip = boot(BOTH)
    chip.refuses(EXEC, SECUREBOOT, STORE, 0, DIGEST)
    chip.refuses(EXEC, SECUREBOOT, COPY, 0, DIGEST + SIGNATURE)


REFUSED = [
    ("before the config lock", FULL, {"state": "U"}),
    ("the key is private", FULL, {"slots": {KEY_SLOT: PRIVATE}}),
    ("the key is data", FULL, {"slots": {KEY_SLOT: CLEAR}}),
    ("the key is off the curve", FULL, {"content": {KEY_SLOT: public_slot(OFF_CURVE)}}),
    ("the store is locked", COPY, {"config": {88: "FFFB"}}),
    ("the store is private", COPY, {"slots": {STORE_SLOT: PRIVATE}}),
    ("the key's latch", FULL, {"slots": {KEY_SLOT: ("0F00", "3010")}}),
]


@pytest.mark.parametrize(("why", "step", "change"), REFUSED, ids=[row[0] for row in REFUSED])
def test_refused(why: str, step: int, change: dict) -> None:  # type: ignore[type-arg]
    boot(STORE_DIGEST, **change).refuses(EXEC, SECUREBOOT, step, 0, DIGEST + SIGNATURE)


def test_a_signature_needs_a_large_slot() -> None:
    word = STORE_SIGNATURE | 4 << 8 | KEY_SLOT << 12
    chip = boot(STORE_SIGNATURE, config={70: word.to_bytes(2, "little").hex()})
    chip.refuses(EXEC, SECUREBOOT, COPY, 0, DIGEST + SIGNATURE)


def test_success_may_set_the_persistent_latch() -> None:
    chip = boot(BOTH, flags=8)
    assert run(chip, FULL, sha(b"forged")) == MISCOMPARE
    assert chip.run(INFO, 4)[0] == 0
    assert run(chip, FULL) == OK
    assert chip.run(INFO, 4)[0] == 1


def test_no_latch_unless_configured() -> None:
    chip = boot(BOTH)
    run(chip, FULL)
    assert chip.run(INFO, 4)[0] == 0


def test_a_prohibiting_run_is_the_last_one_before_the_power_cycles() -> None:
    chip = boot(BOTH)
    assert run(chip, FULL | 0x40) == OK
    chip.refuses(EXEC, SECUREBOOT, FULL, 0, DIGEST + SIGNATURE)
    chip.sleep_through()
    chip.refuses(EXEC, SECUREBOOT, FULL, 0, DIGEST + SIGNATURE)
    chip.chip.power(False)
    chip.chip.power(True)
    chip.chip.advance(100)
    assert run(chip, FULL) == OK


# Encrypted digests, answers with a MAC.


@pytest.mark.parametrize(
    ("mode", "step", "prepared", "signed"),
    [
        (BOTH, FULL, b"", True),
        (STORE_DIGEST, STORE, DIGEST, False),
        (STORE_SIGNATURE, STORE, SIGNATURE, True),
        (STORE_DIGEST, COPY, b"", True),
        (STORE_SIGNATURE, COPY, b"", True),
    ],
    ids=["full", "store-digest", "store-signature", "copy-digest", "copy-signature"],
)
def test_with_a_mac(mode: int, step: int, prepared: bytes, signed: bool) -> None:
    chip = boot(mode, content={STORE_SLOT: prepared})
    stream = sha(IO, chip.random_nonce())
    answer = run(chip, step | 0x80, xor(DIGEST, stream))
    assert answer == sha(stream, DIGEST, SIGNATURE if signed else b"", bytes([SECUREBOOT, step | 0x80, 0, 0]))
    assert not chip.temp_key_valid


def test_a_mac_needs_temp_key_and_the_io_key() -> None:
    boot(BOTH).refuses(EXEC, SECUREBOOT, FULL | 0x80, 0, DIGEST + SIGNATURE)
    chip = boot(BOTH, config={90: "0060"})
    chip.random_nonce()
    chip.refuses(EXEC, SECUREBOOT, FULL | 0x80, 0, DIGEST + SIGNATURE)


def test_failure_carries_no_mac() -> None:
    chip = boot(BOTH)
    chip.random_nonce()
    assert run(chip, FULL | 0x80) == MISCOMPARE


def test_a_random_nonce_may_be_required() -> None:
    chip = boot(BOTH, flags=0x10)
    chip.refuses(EXEC, SECUREBOOT, FULL, 0, DIGEST + SIGNATURE)
    chip.load(bytes(32))
    chip.refuses(EXEC, SECUREBOOT, FULL, 0, DIGEST + SIGNATURE)
    chip.random_nonce()
    assert run(chip, FULL) == OK


@pytest.mark.parametrize(
    ("mode", "param2", "size"),
    [
        (0, 0, 96),
        (4, 0, 96),
        (0x15, 0, 96),
        (0x25, 0, 96),
        (FULL, 1, 96),
        (FULL, 0, 32),
        (STORE, 0, 96),
        (COPY, 0, 95),
    ],
)
def test_bad_parameters(mode: int, param2: int, size: int) -> None:
    boot(STORE_DIGEST).refuses(PARSE, SECUREBOOT, mode, param2, bytes(size))

"""Sign (0x41)."""

import pytest
from chip.bench import (
    CLEAR,
    COUNTER,
    EXEC,
    GENDIG,
    GENKEY,
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
    public_slot,
    sha,
)
from cryptography.exceptions import InvalidSignature
from simchip import Quirks

HOST = host_key()
POINT = point_of(HOST)
DIGEST = b"d" * 32


def signer(state: str = "D", config: tuple[str, str] = PRIVATE, **options) -> Bench:  # type: ignore[no-untyped-def]
    return make(state, slots={0: config}, content={0: private_slot(HOST)}, **options)


@pytest.mark.parametrize("state", ["C", "D"])
@pytest.mark.parametrize("mode", [0x80, 0xC0])
def test_a_digest_from_temp_key(state: str, mode: int) -> None:
    chip = signer(state)
    chip.load(DIGEST)
    check_signature(POINT, DIGEST, chip.run(SIGN, mode, 0))
    assert not chip.temp_key_valid, "used up"


@pytest.mark.parametrize("mode", [0xA0, 0xE0])
def test_a_digest_from_the_message_buffer(mode: int) -> None:
    chip = signer()
    chip.load(DIGEST, 0x40)
    check_signature(POINT, DIGEST, chip.run(SIGN, mode, 0))
    check_signature(POINT, DIGEST, chip.run(SIGN, mode, 0))


def test_signatures_differ_and_are_of_this_digest() -> None:
    chip = signer()
    chip.load(DIGEST, 0x40)
    one, two = chip.run(SIGN, 0xA0, 0), chip.run(SIGN, 0xA0, 0)
    assert one != two
    with pytest.raises(InvalidSignature):
        check_signature(POINT, bytes(32), one)


def test_short_halves_are_padded() -> None:
    """A seeded chip signs digests until r or s begins with a zero byte."""
    chip = signer(seed=1)
    for number in range(2000):
        digest = number.to_bytes(32, "big")
        chip.load(digest, 0x40)
        signature = chip.run(SIGN, 0xA0, 0)
        assert len(signature) == 64
        if signature[0] == 0 or signature[32] == 0:
            check_signature(POINT, digest, signature)
            return
    pytest.fail("no short half found")


def test_req_random_does_not_gate_external_signatures() -> None:
    chip = signer(config=("8720", "7300"))
    chip.load(DIGEST)
    check_signature(POINT, DIGEST, chip.run(SIGN, 0x80, 0))


def test_nothing_before_the_config_lock() -> None:
    chip = signer("U")
    chip.load(DIGEST)
    chip.refuses(EXEC, SIGN, 0x80, 0)


REFUSED = [
    ("not private", ("8720", "3200")),
    ("not P-256", ("8720", "3F00")),
    ("not secret", ("0720", "3300")),
    ("a data slot", CLEAR),
    ("no external sign", ("8620", "3300")),
]


@pytest.mark.parametrize(("why", "config"), REFUSED, ids=[row[0] for row in REFUSED])
@pytest.mark.parametrize("state", ["C", "D"])
def test_refused(state: str, why: str, config: tuple[str, str]) -> None:
    chip = signer(state, config)
    chip.load(DIGEST)
    chip.refuses(EXEC, SIGN, 0x80, 0)
    assert not chip.temp_key_valid


def test_the_external_sign_bit_before_the_data_lock_is_a_quirk() -> None:
    chip = signer("C", ("8620", "3300"), quirks=Quirks(key_use_before_data_lock=False))
    chip.load(DIGEST)
    check_signature(POINT, DIGEST, chip.run(SIGN, 0x80, 0))


def test_an_empty_slot_does_not_sign() -> None:
    chip = make("D", slots={0: PRIVATE})
    chip.load(DIGEST)
    chip.refuses(EXEC, SIGN, 0x80, 0)


@pytest.mark.parametrize("mode", [0x80, 0xA0])
def test_nothing_to_sign(mode: int) -> None:
    signer().refuses(EXEC, SIGN, mode, 0)


@pytest.mark.parametrize(
    ("mode", "param2"), [(0x81, 0), (0x90, 0), (0x20, 0), (0x02, 0), (0x80, 16), (0x80, 0xFFFF)]
)
def test_bad_parameters(mode: int, param2: int) -> None:
    chip = signer()
    chip.load(DIGEST)
    chip.refuses(PARSE, SIGN, mode, param2)


@pytest.mark.parametrize("state", ["C", "D"])
def test_limited_use_counts_and_stops(state: str) -> None:
    """The limit is in slot 10, by CountMatch."""
    limit = (32).to_bytes(4, "little") * 2
    chip = make(
        state,
        slots={0: ("A720", "3300"), 10: CLEAR},
        content={0: private_slot(HOST), 10: limit},
        config={18: "A1", 52: "0003FFFF00000000"},  # 14 uses so far
    )
    for used in range(15, 33):
        chip.load(DIGEST)
        check_signature(POINT, DIGEST, chip.run(SIGN, 0x80, 0))
        assert chip.run(COUNTER, 0, 0) == used.to_bytes(4, "little")
    chip.load(DIGEST)
    chip.refuses(EXEC, SIGN, 0x80, 0)


def test_a_refused_signature_is_not_counted() -> None:
    chip = signer(config=("A720", "3300"))
    chip.refuses(EXEC, SIGN, 0x80, 0)
    assert chip.run(COUNTER, 0, 0) == bytes(4)


def test_unlimited_keys_are_not_counted() -> None:
    chip = signer()
    chip.load(DIGEST)
    chip.run(SIGN, 0x80, 0)
    assert chip.run(COUNTER, 0, 0) == bytes(4)


KEY = b"K" * 32


@pytest.fixture
def guarded() -> Bench:
    """Slot 0 wants an authorisation by slot 4."""
    chip = make(
        "D",
        slots={0: ("8720", "B304"), 4: SECRET, 5: SECRET},
        content={0: private_slot(HOST), 4: KEY, 5: KEY},
    )
    chip.load(DIGEST, 0x40)
    return chip


def test_an_authorisation_is_good_for_one_use(guarded: Bench) -> None:
    guarded.refuses(EXEC, SIGN, 0xA0, 0)
    guarded.authorise(4, KEY)
    check_signature(POINT, DIGEST, guarded.run(SIGN, 0xA0, 0))
    guarded.refuses(EXEC, SIGN, 0xA0, 0)


def test_the_wrong_key_authorises_nothing_and_the_attempt_spends_it(guarded: Bench) -> None:
    guarded.authorise(5, KEY)
    guarded.refuses(EXEC, SIGN, 0xA0, 0)
    assert guarded.run(0x30, 2)[1] & 0x04 == 0


def test_the_persistent_latch_gates_a_key() -> None:
    chip = make(
        "D",
        slots={0: ("8720", "3310"), 4: SECRET},
        content={0: private_slot(HOST), 4: KEY},
        config={69: "84"},
    )
    chip.load(DIGEST, 0x40)
    chip.refuses(EXEC, SIGN, 0xA0, 0)
    chip.authorise(4, KEY)
    chip.run(0x30, 4, 3)
    check_signature(POINT, DIGEST, chip.run(SIGN, 0xA0, 0))


def test_the_transport_lock_is_a_quirk() -> None:
    chip = make(
        "D",
        slots={0: PRIVATE, 4: SECRET},
        content={0: private_slot(HOST), 4: KEY},
        config={68: "4A"},
        quirks=Quirks(use_lock_pattern=0xA),
    )
    chip.load(DIGEST, 0x40)
    chip.refuses(EXEC, SIGN, 0xA0, 0)


# Internal signatures.


def internal_digest(chip: Bench, temp_key: bytes, mode: int, key: int, flags: int, valid: int = 0) -> bytes:
    config, serial = chip.chip.image.config, chip.serial
    slot = flags & 0xF
    full = bool(mode & 0x40)
    return sha(
        temp_key,
        bytes([SIGN, mode, key, 0]),
        config[20 + 2 * slot : 22 + 2 * slot],
        config[96 + 2 * slot : 98 + 2 * slot],
        bytes([flags, 0, 0]),
        serial[8:],
        serial[4:8] if full else bytes(4),
        serial[:2],
        serial[2:4] if full else bytes(2),
        bytes([config[88 + slot // 8] >> slot % 8 & 1, valid, 0]),
    )


@pytest.mark.parametrize("mode", [0x00, 0x01, 0x40, 0x41])
def test_internal_signature_of_a_genkey_digest(mode: int) -> None:
    chip = signer()
    temp_key = chip.random_nonce()
    chip.run(GENKEY, 8, 0)
    temp_key = sha(temp_key, bytes([GENKEY, 8, 0, 0]), chip.sn, bytes(25), POINT)
    signature = chip.run(SIGN, mode, 0)
    check_signature(POINT, internal_digest(chip, temp_key, mode, 0, 0x40), signature)


@pytest.mark.parametrize("locked", [False, True])
def test_internal_signature_of_a_gendig_and_the_slot_lock(locked: bool) -> None:
    slots = {0: PRIVATE, 9: CLEAR}
    chip = make(
        "D",
        slots=slots,
        content={0: private_slot(HOST), 9: b"v" * 32},
        config={88: "FFFD" if locked else "FFFF"},
    )
    temp_key = chip.gen_dig(9, b"v" * 32, chip.random_nonce())
    check_signature(POINT, internal_digest(chip, temp_key, 0, 0, 0x20 | 9), chip.run(SIGN, 0, 0))


@pytest.mark.parametrize("mark", [0x00, 0x50, 0xA0])
def test_internal_signature_says_whether_the_public_key_is_validated(mark: int) -> None:
    chip = make(
        "D",
        slots={0: PRIVATE, 9: ("0F00", "3200")},
        content={0: private_slot(HOST), 9: public_slot(POINT, mark)},
    )
    chip.load(b"t" * 32)
    assert chip.run(GENKEY, 0x10, 9, bytes(3)) == OK
    temp_key = sha(b"t" * 32, bytes([GENKEY, 0, 0, 0]), chip.sn, bytes(25), POINT)
    digest = internal_digest(chip, temp_key, 0, 0, 0x50 | 9, int(mark == 0x50))
    check_signature(POINT, digest, chip.run(SIGN, 0, 0))


def test_an_unvalidated_kind_of_public_key_is_never_called_validated() -> None:
    chip = make(
        "D", slots={0: PRIVATE, 9: PUBLIC}, content={0: private_slot(HOST), 9: public_slot(POINT, 0x50)}
    )
    chip.load(b"t" * 32)
    chip.run(GENKEY, 0x10, 9, bytes(3))
    temp_key = sha(b"t" * 32, bytes([GENKEY, 0, 0, 0]), chip.sn, bytes(25), POINT)
    check_signature(POINT, internal_digest(chip, temp_key, 0, 0, 0x50 | 9), chip.run(SIGN, 0, 0))


def test_internal_signatures_wait_for_the_data_lock() -> None:
    chip = signer("C")
    chip.random_nonce()
    chip.run(GENKEY, 8, 0)
    chip.refuses(EXEC, SIGN, 0, 0)


def test_internal_signatures_need_their_bit() -> None:
    chip = signer(config=("8520", "3300"))
    chip.random_nonce()
    chip.run(GENKEY, 8, 0)
    chip.refuses(EXEC, SIGN, 0, 0)


def test_internal_signatures_need_gendig_or_genkey() -> None:
    chip = signer()
    chip.refuses(EXEC, SIGN, 0, 0)
    chip.load(DIGEST)
    chip.refuses(EXEC, SIGN, 0, 0)
    chip.random_nonce()
    assert chip.run(GENDIG, 0, 0) == OK
    chip.refuses(EXEC, SIGN, 0, 0)

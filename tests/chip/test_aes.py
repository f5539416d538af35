"""AES (0x51)."""

import pytest
from chip.bench import AES, CLEAR, COUNTER, EXEC, PARSE, Bench, make
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEYS = bytes(range(64))
AES_SLOT = ("8F0F", "1A00")
BLOCK = b"0123456789abcdef"


def cipher(key: bytes) -> Cipher[modes.ECB]:
    return Cipher(algorithms.AES(key), modes.ECB())


def keyed(state: str = "D", config: tuple[str, str] = AES_SLOT, slot: int = 9, **options) -> Bench:  # type: ignore[no-untyped-def]
    return make(state, slots={slot: config}, content={slot: KEYS[: 72 if slot > 7 else 36]}, **options)


@pytest.mark.parametrize("state", ["C", "D"])
@pytest.mark.parametrize("block", range(4))
def test_encrypt_and_decrypt_with_a_slot(state: str, block: int) -> None:
    chip, key = keyed(state), KEYS[16 * block :][:16]
    secret = chip.run(AES, block << 6, 9, BLOCK)
    assert secret == cipher(key).encryptor().update(BLOCK)
    assert chip.run(AES, block << 6 | 1, 9, secret) == BLOCK


@pytest.mark.parametrize("state", ["U", "C", "D"])
@pytest.mark.parametrize("block", range(4))
def test_temp_key_serves_many_times(state: str, block: int) -> None:
    chip = make(state)
    chip.load(KEYS)
    expected = cipher(KEYS[16 * block :][:16]).encryptor().update(BLOCK)
    for _ in range(3):
        assert chip.run(AES, block << 6, 0xFFFF, BLOCK) == expected
    assert chip.temp_key_valid


@pytest.mark.parametrize("state", ["U", "C", "D"])
def test_gcm_can_be_built_from_it(state: str) -> None:
    """GHASH of one block and the lengths, by hand; the rest by `cryptography`."""
    chip = make(state)
    key, nonce = KEYS[:16], bytes(12)
    chip.load(KEYS[:32])

    def multiply(block: bytes) -> bytes:
        return chip.run(AES, 3, 0, h + block)

    def xor(a: bytes, b: bytes) -> bytes:
        return bytes(x ^ y for x, y in zip(a, b, strict=True))

    h = chip.run(AES, 0, 0xFFFF, bytes(16))
    text = xor(BLOCK, chip.run(AES, 0, 0xFFFF, nonce + b"\0\0\0\2"))
    hashed = multiply(xor(multiply(text), (0).to_bytes(8, "big") + (128).to_bytes(8, "big")))
    tag = xor(hashed, chip.run(AES, 0, 0xFFFF, nonce + b"\0\0\0\1"))
    assert text + tag == AESGCM(key).encrypt(nonce, BLOCK, None)


def test_temp_key_must_be_there() -> None:
    make("D").refuses(EXEC, AES, 0, 0xFFFF, BLOCK)


REFUSED = [
    ("a data slot", "CD", CLEAR),
    ("a P-256 slot", "CD", ("8F0F", "3000")),
    ("a private slot", "CD", ("8F0F", "1B00")),
    ("before the config lock", "U", AES_SLOT),
    ("ReqAuth", "CD", ("8F0F", "9A04")),
    ("the latch", "CD", ("8F0F", "1A10")),
]


@pytest.mark.parametrize(("why", "states", "config"), REFUSED, ids=[row[0] for row in REFUSED])
def test_refused(why: str, states: str, config: tuple[str, str]) -> None:
    for state in states:
        keyed(state, config).refuses(EXEC, AES, 0, 9, BLOCK)


@pytest.mark.parametrize(("mode", "param2", "size"), [(0, 9, 16), (1, 9, 16), (3, 0, 32), (0, 0xFFFF, 16)])
def test_the_factory_may_disable_it(mode: int, param2: int, size: int) -> None:
    chip = make("D", slots={9: AES_SLOT}, content={9: KEYS}, config={13: "00"})
    chip.load(KEYS)
    chip.refuses(EXEC, AES, mode, param2, bytes(size))


@pytest.mark.parametrize(
    ("mode", "param2", "size"),
    [(2, 9, 16), (4, 9, 16), (0x20, 9, 16), (0x43, 0, 32), (0, 16, 16), (0, 9, 15), (0, 9, 32), (3, 0, 16)],
)
def test_bad_parameters(mode: int, param2: int, size: int) -> None:
    keyed().refuses(PARSE, AES, mode, param2, bytes(size))


@pytest.mark.parametrize("block", [2, 3])
def test_small_slots_hold_two_keys(block: int) -> None:
    chip = keyed(slot=3)
    assert len(chip.run(AES, 1 << 6, 3, BLOCK)) == 16
    chip.refuses(PARSE, AES, block << 6, 3, BLOCK)


def test_limited_use_is_counted() -> None:
    chip = keyed(config=("AF0F", "1A00"))
    chip.run(AES, 0, 9, BLOCK)
    assert chip.run(COUNTER, 0, 0) == b"\1\0\0\0"

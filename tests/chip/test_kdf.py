"""KDF (0x56)."""

import hmac

import pytest
from chip.bench import COUNTER, EXEC, IO_KEY, KDF, OK, PARSE, PRIVATE, SECRET, Bench, make, sha, xor
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from simchip import Quirks

KEY = bytes(range(64))
IO = b"I" * 32
TEMP_KEY, UPPER, SLOT, ALT = range(4)
OUTPUT, ENCRYPTED = 4, 5
PRF, AES_ALG, HKDF = range(3)


def mode(source: int, target: int, algorithm: int) -> int:
    return source | target << 2 | algorithm << 5


def data(details: int, message: bytes) -> bytes:
    return details.to_bytes(3, "little") + bytes([len(message)]) + message


def keyed(state: str = "D", options: str = "0660", config: tuple[str, str] = SECRET, **more) -> Bench:  # type: ignore[no-untyped-def]
    """Slot 9 holds the key; slot 10 is a target; slot 6 the IO key."""
    slots = {9: config, 10: SECRET, 6: IO_KEY}
    return make(
        state, slots=slots, content={9: KEY, 6: IO}, config={90: options} | more.pop("raw", {}), **more
    )


def prf(key: bytes, seed: bytes, size: int) -> bytes:
    """P_SHA256 of RFC 5246, by its definition."""
    chain, out = seed, b""
    while len(out) < size:
        chain = hmac.digest(key, chain, "sha256")
        out += hmac.digest(key, chain + seed, "sha256")
    return out[:size]


def test_the_prf_by_a_known_vector() -> None:
    """Published by the IETF's TLS working group (2008): P_SHA256, key of 16, label and seed joined."""
    secret = bytes.fromhex("9bbe436ba940f017b17652849a71db35")
    seed = b"test label" + bytes.fromhex("a0ba9f936cda311827a6f796ffd5198c")
    chip = make("D", slots={9: SECRET}, content={9: secret.ljust(32, b"\0")})
    out = chip.run(KDF, mode(SLOT, OUTPUT, PRF), 9, data(0x100, seed))
    assert out.hex().startswith("e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a")


@pytest.mark.parametrize(("length", "size"), [(0, 16), (1, 32), (2, 48), (3, 64)])
@pytest.mark.parametrize("long", [0, 0x100])
def test_prf(length: int, size: int, long: int) -> None:
    chip = keyed()
    out = chip.run(KDF, mode(SLOT, OUTPUT, PRF), 9, data(length | long, b"label and seed"))
    assert out == prf(KEY[:size], b"label and seed", 64 if long else 32)


@pytest.mark.parametrize("block", range(4))
@pytest.mark.parametrize("length", [0, 16])
def test_aes(block: int, length: int) -> None:
    """It is always one block, whether the details say so or not: Microchip's clients leave it out."""
    chip = keyed()
    details = bytes([block, 0, 0, length])
    out = chip.run(KDF, mode(SLOT, OUTPUT, AES_ALG), 9, details + b"m" * 16)
    encryptor = Cipher(algorithms.AES(KEY[16 * block :][:16]), modes.ECB()).encryptor()
    assert out == encryptor.update(b"m" * 16) + bytes(16)


@pytest.mark.parametrize(("details", "salt"), [(2, KEY[:32]), (6, bytes(32))])
@pytest.mark.parametrize("size", [1, 16, 128])
def test_hkdf_extract(details: int, salt: bytes, size: int) -> None:
    chip = keyed()
    out = chip.run(KDF, mode(SLOT, OUTPUT, HKDF), 9, data(details, b"x" * size))
    assert out == hmac.digest(salt, b"x" * size, "sha256")


@pytest.mark.parametrize("shift", [8, 16])
def test_hkdf_of_a_message_in_a_slot(shift: int) -> None:
    chip = keyed(quirks=Quirks(hkdf_message_slot_shift=shift))
    chip.chip.image.slots[10][:32] = b"z" * 32
    out = chip.run(KDF, mode(SLOT, OUTPUT, HKDF), 9, data(0 | 10 << shift, bytes(32)))
    assert out == hmac.digest(KEY[:32], b"z" * 32, "sha256")


def test_hkdf_of_a_message_in_temp_key() -> None:
    chip = keyed()
    chip.load(b"t" * 32)
    out = chip.run(KDF, mode(SLOT, OUTPUT, HKDF), 9, data(1, bytes(32)))
    assert out == hmac.digest(KEY[:32], b"t" * 32, "sha256")
    chip.sleep_through()
    chip.refuses(EXEC, KDF, mode(SLOT, OUTPUT, HKDF), 9, data(1, bytes(32)))


def test_hkdf_with_the_iv_function() -> None:
    chip = keyed(raw={72: "096976"})
    good = bytes(9) + b"iv" + bytes(5)
    out = chip.run(KDF, mode(SLOT, OUTPUT, HKDF), 9, data(3, good))
    assert out == hmac.digest(KEY[:32], good, "sha256")
    chip.refuses(EXEC, KDF, mode(SLOT, OUTPUT, HKDF), 9, data(3, bytes(16)))
    chip.refuses(EXEC, KDF, mode(SLOT, OUTPUT, HKDF), 9, data(3, b"iv"))


# Sources.


def test_sources() -> None:
    chip = keyed()
    chip.load(b"l" * 32 + b"u" * 32)
    chip.load(b"a" * 32, 0x80)
    for source, key in ((TEMP_KEY, b"l" * 32), (UPPER, b"u" * 32), (ALT, b"a" * 32)):
        out = chip.run(KDF, mode(source, OUTPUT, HKDF), 0, data(2, b"x"))
        assert out == hmac.digest(key, b"x", "sha256")
    assert chip.temp_key_valid, "the output target leaves it alone"


@pytest.mark.parametrize("source", [TEMP_KEY, UPPER, ALT])
@pytest.mark.parametrize("details", [2, 6])
def test_sources_must_be_there(source: int, details: int) -> None:
    """Even where HKDF would put zeros in the key's place."""
    keyed().refuses(EXEC, KDF, mode(source, OUTPUT, HKDF), 0, data(details, b"x"))


@pytest.mark.parametrize(("source", "details"), [(UPPER, 2), (ALT, 3)])
def test_sources_too_short_for_the_key(source: int, details: int) -> None:
    chip = keyed()
    chip.load(bytes(64))
    chip.load(bytes(32), 0x80)
    chip.refuses(EXEC, KDF, mode(source, OUTPUT, PRF), 0, data(details, b"x"))


# Targets.


def mac_of(chip: Bench, source: int) -> bytes:
    return chip.run(KDF, mode(source, OUTPUT, HKDF), 0, data(2, b"probe"))


@pytest.mark.parametrize("target", [TEMP_KEY, UPPER, ALT])
def test_targets_in_ram(target: int) -> None:
    chip = keyed()
    chip.load(bytes(32))
    assert chip.run(KDF, mode(SLOT, target, HKDF), 9, data(2, b"x")) == OK
    derived = hmac.digest(KEY[:32], b"x", "sha256")
    assert mac_of(chip, target) == hmac.digest(derived, b"probe", "sha256")


def test_64_bytes_fill_temp_key() -> None:
    chip = keyed()
    assert chip.run(KDF, mode(SLOT, TEMP_KEY, PRF), 9, data(0x101, b"x")) == OK
    derived = prf(KEY[:32], b"x", 64)
    assert mac_of(chip, TEMP_KEY) == hmac.digest(derived[:32], b"probe", "sha256")
    assert mac_of(chip, UPPER) == hmac.digest(derived[32:], b"probe", "sha256")


@pytest.mark.parametrize("long", [0, 0x100])
def test_a_target_slot(long: int) -> None:
    chip = keyed()
    assert chip.run(KDF, mode(SLOT, SLOT, PRF), 9 | 10 << 8, data(1 | long, b"x")) == OK
    size = 64 if long else 32
    assert chip.chip.image.slots[10][:size] == prf(KEY[:32], b"x", size)


def test_a_target_slot_too_small() -> None:
    keyed().refuses(EXEC, KDF, mode(SLOT, SLOT, PRF), 9 | 4 << 8, data(0x101, b"x"))


def test_a_locked_target_slot() -> None:
    chip = keyed(raw={88: "FFFB"})
    chip.refuses(EXEC, KDF, mode(SLOT, SLOT, HKDF), 9 | 10 << 8, data(2, b"x"))


def test_a_private_target_slot() -> None:
    keyed().refuses(EXEC, KDF, mode(SLOT, SLOT, HKDF), 9 | 0 << 8, data(2, b"x"))


@pytest.mark.parametrize("long", [0, 0x100])
def test_encrypted_output(long: int) -> None:
    out = keyed().run(KDF, mode(SLOT, ENCRYPTED, PRF), 9, data(1 | long, b"x"))
    size = 64 if long else 32
    nonce = out[size:]
    assert len(nonce) == 32
    stream = sha(IO, nonce[:16]) + sha(IO, nonce[16:])
    assert xor(out[:size], stream[:size]) == prf(KEY[:32], b"x", size)


def test_encrypted_output_twice_from_one_nonce() -> None:
    chip = keyed()
    chip.load(bytes(32))
    for _ in range(2):
        assert len(chip.run(KDF, mode(TEMP_KEY, ENCRYPTED, HKDF), 0, data(2, b"x"))) == 64


def test_protection_1_encrypts_whatever_is_asked() -> None:
    assert len(keyed(options="0664").run(KDF, mode(SLOT, OUTPUT, HKDF), 9, data(2, b"x"))) == 64


@pytest.mark.parametrize("options", ["0668", "066C"])
def test_protection_2_and_3_let_nothing_out(options: str) -> None:
    chip = keyed(options=options)
    for target in (OUTPUT, ENCRYPTED):
        chip.refuses(EXEC, KDF, mode(SLOT, target, HKDF), 9, data(2, b"x"))


def test_encryption_needs_an_io_key() -> None:
    keyed(options="0460").refuses(EXEC, KDF, mode(SLOT, ENCRYPTED, HKDF), 9, data(2, b"x"))


# Refusals.

REFUSED = [
    ("before the config lock", "U", SECRET),
    ("a private key", "D", PRIVATE),
    ("ReqAuth", "D", ("8F0F", "9C04")),
    ("the latch", "D", ("8F0F", "1C10")),
]


@pytest.mark.parametrize(("why", "state", "config"), REFUSED, ids=[row[0] for row in REFUSED])
@pytest.mark.parametrize("algorithm", [PRF, AES_ALG, HKDF])
def test_refused(why: str, state: str, config: tuple[str, str], algorithm: int) -> None:
    chip = keyed(state, config=config)
    chip.refuses(EXEC, KDF, mode(SLOT, OUTPUT, algorithm), 9, data(2, bytes(16)))


def test_nothing_from_ram_before_the_config_lock() -> None:
    chip = keyed("U")
    chip.load(bytes(32))
    chip.refuses(EXEC, KDF, mode(TEMP_KEY, OUTPUT, HKDF), 0, data(2, b"x"))


def test_aes_has_two_switches() -> None:
    keyed(options="0260").refuses(EXEC, KDF, mode(SLOT, OUTPUT, AES_ALG), 9, data(0, bytes(16)))
    keyed(raw={13: "00"}).refuses(EXEC, KDF, mode(SLOT, OUTPUT, AES_ALG), 9, data(0, bytes(16)))
    assert len(keyed(options="0260").run(KDF, mode(SLOT, OUTPUT, HKDF), 9, data(2, b"x"))) == 32


def test_limited_use_is_counted() -> None:
    chip = keyed(config=("AF0F", "1C00"))
    chip.run(KDF, mode(SLOT, OUTPUT, HKDF), 9, data(2, b"x"))
    assert chip.run(COUNTER, 0, 0) == b"\1\0\0\0"


@pytest.mark.parametrize(
    ("bad_mode", "param2", "payload"),
    [
        (mode(SLOT, 6, HKDF), 9, data(2, b"x")),
        (mode(SLOT, 7, HKDF), 9, data(2, b"x")),
        (mode(SLOT, OUTPUT, 3), 9, data(2, b"x")),
        (0x80 | mode(SLOT, OUTPUT, HKDF), 9, data(2, b"x")),
        (mode(SLOT, OUTPUT, HKDF), 16, data(2, b"x")),
        (mode(SLOT, SLOT, HKDF), 9 | 16 << 8, data(2, b"x")),
        (mode(SLOT, OUTPUT, HKDF), 9, b"\2\0\0"),
        (mode(SLOT, OUTPUT, HKDF), 9, b"\2\0\0\5abcd"),
        (mode(SLOT, OUTPUT, AES_ALG), 9, data(0, bytes(15))),
        (mode(SLOT, OUTPUT, PRF), 9, data(0x200, b"x")),
    ],
)
def test_bad_parameters(bad_mode: int, param2: int, payload: bytes) -> None:
    keyed().refuses(PARSE, KDF, bad_mode, param2, payload)


def test_a_slot_target_uses_temp_key_up() -> None:
    chip = keyed()
    chip.load(bytes(32))
    chip.run(KDF, mode(TEMP_KEY, SLOT, HKDF), 10 << 8, data(2, b"x"))
    assert not chip.temp_key_valid

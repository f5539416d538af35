"""DeriveKey (0x1C)."""

import pytest
from chip.bench import COUNTER, DERIVEKEY, EXEC, OK, PARSE, PRIVATE, SECRET, Bench, make, sha

KEY, PARENT, NONCE = b"K" * 32, b"P" * 32, b"n" * 32
ROLL, CREATE = ("8F25", "3C00"), ("8F35", "3C00")
ROLL_MAC, CREATE_MAC = ("8FA5", "3C00"), ("8FB5", "3C00")


def keyed(kind: tuple[str, str], state: str = "D", **options) -> Bench:  # type: ignore[no-untyped-def]
    slots = {4: kind, 5: options.pop("parent", SECRET)}
    chip = make(state, slots=slots, content={4: KEY, 5: PARENT}, **options)
    chip.load(NONCE)
    return chip


def derived(chip: Bench, source: bytes, temp_key: bytes = NONCE, mode: int = 4) -> bytes:
    return sha(source, bytes([DERIVEKEY, mode, 4, 0]), chip.sn, bytes(25), temp_key)


def mac(chip: Bench, parent: bytes) -> bytes:
    return sha(parent, bytes([DERIVEKEY, 4, 4, 0]), chip.sn)


@pytest.mark.parametrize("state", ["C", "D"])
@pytest.mark.parametrize(
    ("config", "source", "with_mac"),
    [(ROLL, KEY, False), (CREATE, PARENT, False), (ROLL_MAC, KEY, True), (CREATE_MAC, PARENT, True)],
)
def test_derive(state: str, config: tuple[str, str], source: bytes, with_mac: bool) -> None:
    chip = keyed(config, state)
    assert chip.run(DERIVEKEY, 4, 4, mac(chip, source) if with_mac else b"") == OK
    assert chip.chip.image.slots[4][:32] == derived(chip, source)
    assert not chip.temp_key_valid


def test_derive_with_a_random_nonce() -> None:
    chip = keyed(ROLL)
    temp_key = chip.random_nonce()
    assert chip.run(DERIVEKEY, 0, 4) == OK
    assert chip.chip.image.slots[4][:32] == derived(chip, KEY, temp_key, 0)


REFUSED = [
    ("bit 13 clear", "D", ("8F05", "3C00")),
    ("bit 13 clear, others set", "D", ("8FD5", "3C00")),
    ("a private key", "D", PRIVATE),
    ("before the config lock", "U", ROLL),
    ("ReqRandom", "D", ("8F25", "7C00")),
    ("ReqAuth", "D", ("8F25", "BC06")),
    ("the latch", "D", ("8F25", "3C10")),
    ("the MAC is missing", "D", ROLL_MAC),
    ("the parent is private", "D", ("8F30", "3C00")),
]


@pytest.mark.parametrize(("why", "state", "config"), REFUSED, ids=[row[0] for row in REFUSED])
def test_refused(why: str, state: str, config: tuple[str, str]) -> None:
    keyed(config, state).refuses(EXEC, DERIVEKEY, 4, 4)


def test_a_locked_slot_keeps_its_key() -> None:
    keyed(ROLL, config={88: "EFFF"}).refuses(EXEC, DERIVEKEY, 4, 4)


@pytest.mark.parametrize("config", [ROLL_MAC, CREATE_MAC])
def test_a_wrong_mac(config: tuple[str, str]) -> None:
    chip = keyed(config)
    chip.refuses(EXEC, DERIVEKEY, 4, 4, mac(chip, b"x" * 32))


def test_the_source_must_be_as_said() -> None:
    keyed(ROLL).refuses(EXEC, DERIVEKEY, 0, 4)


def test_temp_key_must_be_there() -> None:
    chip = keyed(ROLL)
    chip.sleep_through()
    chip.refuses(EXEC, DERIVEKEY, 0, 4)
    chip.refuses(EXEC, DERIVEKEY, 4, 4)


def test_limited_use_is_counted_at_the_parent() -> None:
    chip = keyed(CREATE, parent=("AF0F", "1C00"))
    assert chip.run(DERIVEKEY, 4, 4) == OK
    assert chip.run(COUNTER, 0, 0) == b"\1\0\0\0"


@pytest.mark.parametrize(
    ("mode", "slot", "size"), [(1, 4, 0), (2, 4, 0), (0x84, 4, 0), (4, 16, 0), (4, 4, 31)]
)
def test_bad_parameters(mode: int, slot: int, size: int) -> None:
    keyed(ROLL).refuses(PARSE, DERIVEKEY, mode, slot, bytes(size))


def test_a_power_cut_loses_a_rolled_key() -> None:
    chip = keyed(ROLL, faults=("power-cut command=DeriveKey words=3",))
    expected = derived(chip, KEY)
    assert chip.run(DERIVEKEY, 4, 4) == b"\x11"
    assert chip.chip.image.slots[4][:32] == expected[:12] + KEY[12:]

"""What a refused command leaves behind: everything as it was, but for TempKey."""

import hmac

import pytest
from chip.bench import (
    AES,
    AWAKE_ANSWER,
    CHECKMAC,
    CLEAR,
    COMM,
    COUNTER,
    DERIVEKEY,
    ECDH,
    EXEC,
    GENDIG,
    GENKEY,
    INFO,
    KDF,
    LOCK,
    MAC,
    NONCE,
    OK,
    PARSE,
    PRIVATE,
    PRIVWRITE,
    READ,
    SECRET,
    SECUREBOOT,
    SHA,
    SIGN,
    UPDATE_EXTRA,
    VERIFY,
    WRITE,
    Bench,
    check_signature,
    frame,
    host_key,
    make,
    point_of,
    private_slot,
    sha,
)
from simchip.commands import COMMANDS

HOST = host_key()
KEY = b"K" * 32
NO_MAC_SECRET = ("9F0F", "1C00")
SLOTS = {0: PRIVATE, 1: ("8020", "3300"), 4: SECRET, 5: NO_MAC_SECRET, 9: CLEAR, 10: ("8F8F", "3C00")}
CONTENT = {0: private_slot(HOST), 1: private_slot(HOST), 4: KEY}
DIGEST = b"m" * 32


@pytest.fixture
def full() -> Bench:
    """Everything that RAM can hold is held: TempKey, both buffers, a SHA context, an authorisation."""
    chip = make("D", slots=SLOTS, content=CONTENT, config={84: "01", 52: "00000001FFFFFFFF"})
    chip.authorise(4, KEY)
    chip.load(DIGEST, 0x40)
    chip.load(b"a" * 32, 0x80)
    assert chip.run(SHA, 0) == OK
    assert chip.run(SHA, 1, 64, b"s" * 64) == OK
    chip.load(b"t" * 32)
    return chip


def check_ram(chip: Bench, *, temp_key: bool) -> None:
    """Ask for each thing in a way that needs it; the latch was never set."""
    assert chip.run(INFO, 2)[1] == temp_key << 7 | 4 << 3 | 1 << 2
    assert chip.run(INFO, 4) == bytes(4)
    derived = chip.run(KDF, 2 << 5 | 4 << 2 | 3, 0, bytes([2, 0, 0, 1]) + b"x")
    assert derived == hmac.digest(b"a" * 32, b"x", "sha256")
    check_signature(point_of(HOST), DIGEST, chip.run(SIGN, 0xA0, 0))
    assert chip.run(SHA, 0xC2) == sha(b"s" * 64)


BY_NAME = {command.name: opcode for opcode, command in COMMANDS.items()}
LEAVE_TEMP_KEY_ALONE = ("Info", "AES")


@pytest.mark.parametrize("name", BY_NAME)
def test_a_mode_that_is_none(full: Bench, name: str) -> None:
    full.refuses(PARSE, BY_NAME[name], 0xFF)
    check_ram(full, temp_key=name in LEAVE_TEMP_KEY_ALONE)


@pytest.mark.parametrize("name", BY_NAME)
def test_a_group_that_arrived_spoilt(full: Bench, name: str) -> None:
    """Nothing is known of it, so not even TempKey is touched."""
    before = full.eeprom
    assert full.wake() == AWAKE_ANSWER
    group = frame(BY_NAME[name], 0, 0, bytes(8))
    full.send(group[:-1] + bytes([group[-1] ^ 1]))
    assert full.answer() == COMM
    full.idle()
    assert full.eeprom == before
    check_ram(full, temp_key=True)


WRONG_STATE = {
    "Info": (INFO, 4, 3, b""),  # the latch, without permission
    "Nonce": None,  # refused only without TempKey
    "Random": None,
    "SelfTest": None,
    "GenKey": (GENKEY, 4, 9, b""),
    "Sign": (SIGN, 0xA0, 1, b""),  # no external sign
    "Verify": (VERIFY, 0x20, 9, bytes(64)),  # no public key
    "Read": (READ, 0x82, 4 << 3, b""),
    "Write": (WRITE, 0x82, 10 << 3, bytes(32)),  # never
    "Lock": (LOCK, 0x80, 0, b""),
    "UpdateExtra": (UPDATE_EXTRA, 0, 2, b""),
    "Counter": (COUNTER, 1, 0, b""),  # at its limit
    "SHA": (SHA, 4, 5, b""),  # NoMac
    "PrivWrite": (PRIVWRITE, 0, 0, bytes(68)),  # in the clear
    "GenDig": (GENDIG, 2, 0, b""),
    "MAC": (MAC, 0, 0, bytes(32)),
    "CheckMac": (CHECKMAC, 0, 0, bytes(77)),
    "DeriveKey": (DERIVEKEY, 4, 9, b""),
    "ECDH": (ECDH, 0x0C, 1, point_of(HOST)),
    "KDF": (KDF, 2 << 5 | 4 << 2 | 2, 0, bytes([2, 0, 0, 1]) + b"x"),
    "AES": (AES, 0, 9, bytes(16)),
    "SecureBoot": (SECUREBOOT, 5, 0, bytes(96)),  # disabled
}


def test_every_command_is_among_them() -> None:
    assert WRONG_STATE.keys() == BY_NAME.keys()


@pytest.mark.parametrize(("name", "command"), [item for item in WRONG_STATE.items() if item[1]])
def test_what_the_state_forbids(full: Bench, name: str, command: tuple[int, int, int, bytes]) -> None:
    full.refuses(EXEC, *command)
    check_ram(full, temp_key=name in LEAVE_TEMP_KEY_ALONE)


def test_a_nonce_that_the_state_forbids(full: Bench) -> None:
    full.refuses(PARSE, NONCE, 0xFF)
    full.refuses(EXEC, NONCE, 0, 0x8000, bytes(20))
    check_ram(full, temp_key=False)

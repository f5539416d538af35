"""What a configuration is judged by: promises that rules break, habits of older chips, seals that are worth nothing."""

from dataclasses import replace
from pathlib import Path

import pytest
from atecc.chip.config import ConfigZone, Slot
from atecc.chip.config.abilities import Stage, abilities, explain, stage_of
from atecc.chip.config.check import check, check_data_lock, check_slot_lock
from atecc.chip.config.document import Label
from atecc.chip.config.load import load, loads
from atecc.chip.config.presets import preset, preset_text
from fakedevice import BLANK

HEXES = Path(__file__).parents[2] / "boards" / "SIM" / "simchip" / "presets"
TLS = preset("tls").zone.with_fixed_bytes_of(ConfigZone(BLANK))
KEY, DATA = TLS.slots[0], Slot()


def with_slots(**different):
    slots = list(TLS.slots)
    for name, slot in different.items():
        slots[int(name[1:])] = slot
    return TLS.with_slots(tuple(slots))


def labels(**roles):
    return tuple(Label(roles.get(f"s{n}", "")) for n in range(16))


@pytest.mark.parametrize(
    ("role", "slot", "said"),
    [
        ("device key", DATA, "it holds no secret P-256 private key"),
        ("device key", replace(KEY, read_key=6), "it can't sign what it is given"),
        ("spare key", replace(KEY, write_config=0), "the chip can't make a key there once it is locked"),
        ("device key", replace(KEY, req_auth=True, auth_key=4), "must be authorised with slot 4 first"),
        ("device key", replace(KEY, persistent_disable=True), "only while the persistent latch is set"),
        ("device key", replace(KEY, pub_info=False), "its public key can't be asked for"),
        ("factory key", replace(KEY, read_key=2), "it can't sign what it is given"),
        ("certificate", replace(DATA, is_secret=True), "it can't be read in the clear"),
        ("certificate", replace(DATA, encrypt_read=True), "it can't be read in the clear"),
        ("certificate", KEY, "it can't be read in the clear"),
        ("public key", replace(DATA, is_secret=True), "it can't be read in the clear"),
        ("IO key", DATA, "anybody could read it"),
        ("write key", KEY, "anybody could read it"),
        ("secret", DATA, "anybody could read it"),
        ("ECDH key", replace(KEY, read_key=1), "it can't compute ECDH"),
        ("AES key", DATA, "its type is another"),
    ],
)
def test_a_role_is_a_promise(role, slot, said):
    findings = check(with_slots(s9=slot), labels(s9=role))
    assert any(f"Slot 9 is called {role}" in text and said in text for text in findings.problems)


@pytest.mark.parametrize("role", ["data", "unused", "private key", ""])
def test_roles_that_promise_nothing(role):
    assert check(TLS, labels(s9=role)).problems == []


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        (TLS.patched(16, b"\x0e"), "I2C address 0x07 is reserved"),
        (TLS.patched(68, b"\x5a"), "UseLock is on (0x5a): the chip does nothing before"),
        (TLS.patched(6, b"\x50"), "It is from an ATECC508A (revision 00005002)"),
        (TLS.patched(4, b"\0\x09\x04\0"), "It is from an ATSHA204A"),
        (TLS.patched(6, b"\x77"), "It is from no ATECC608 (revision 00007702)"),
        (TLS.patched(14, b"\x00"), "It is from a chip that has no I2C"),
        (TLS.patched(86, b"\x00"), "no chip gets there, so the bytes are damaged"),
        (TLS.patched(88, b"\xfd\xff"), "Slot 1 would be locked before it holds a key"),
        (
            with_slots(s3=replace(KEY, read_key=15)),
            "Slot 3 stores ECDH secrets in the next slot, but is no even",
        ),
        (with_slots(s3=KEY), "Slot 2 stores ECDH secrets in the next slot, but puts it over"),
    ],
)
def test_what_would_ruin_a_chip(zone, said):
    assert any(said in text for text in check(zone, labels()).problems)


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        (TLS.patched(16, b"\x6a"), "answers at I2C address 0x35 instead of 0x60 from its next sleep on"),
        (TLS.patched(16, b"\x90"), "answers at I2C address 0x48 instead of 0x60 from its next sleep on"),
        (TLS.patched(68, b"\xff"), "UseLock is 0xff: that is off"),
        (TLS.patched(19, b"\x01"), "UpdateExtra can move the chip, once"),
        (TLS.patched(19, b"\x02"), "TTL bit"),
        (TLS.patched(19, b"\x28"), "clock is divided"),
        (TLS.patched(18, b"\x55"), "Byte 18 is 0x55, OTPmode on an ATECC508A"),
        (TLS.patched(18, b"\xaa"), "Byte 18 is 0xaa, OTPmode on an ATECC508A"),
        (TLS.patched(68, b"\xff" * 16), "Bytes 68 to 71 are FF, LastKeyUse on an ATECC508A"),
        (TLS.patched(75, b"\x01"), "Reserved bytes"),
        (TLS.patched(90, b"\x02\x90"), "IO protection key is in slot 9, which is no secret"),
        (TLS.patched(88, b"\xff\xfe"), "Slot 8 would be locked from the beginning"),
        (with_slots(s0=replace(KEY, pub_info=False)), "public key can't be asked for later"),
        (with_slots(s0=replace(KEY, write_config=6, write_key=9)), "Anybody can replace the key in slot 0"),
        (with_slots(s0=replace(KEY, write_config=6, write_key=5)), "Slot 0 takes keys from outside"),
        (
            with_slots(s9=replace(DATA, write_config=4, write_key=0)),
            "sealed with slot 0, which is for a private",
        ),
        (
            with_slots(s9=replace(DATA, write_config=4, write_key=8)),
            "sealed with slot 8, which anybody can read",
        ),
        (with_slots(s9=replace(DATA, key_type=1)), "reserved key type 1"),
        (with_slots(s9=replace(DATA, key_type=6)).patched(13, b"\0"), "AES switched off"),
    ],
)
def test_what_one_should_know(zone, said):
    findings = check(zone, labels())
    assert findings.problems == []
    assert any(said in text for text in findings.warnings)


def test_a_certificate_needs_room():
    assert any("36 bytes" in text for text in check(with_slots(s7=DATA), labels(s7="certificate")).warnings)


@pytest.mark.parametrize(
    ("kind", "warnings"),
    [("blank", 0), ("tls", 0), ("tngtls", 2), ("trustflex", 3), ("mos", 12)],
)
def test_chips_that_exist_are_sound(kind, warnings):
    configuration = load(str(HEXES / f"{kind}.hex"))
    findings = check(configuration.zone, configuration.labels)
    assert (findings.problems, len(findings.warnings)) == ([], warnings)


def test_mongooses_habits_are_named():
    warnings = " ".join(check(load(str(HEXES / "mos.hex")).zone).warnings)
    for word in ("OTPmode", "LastKeyUse", "CountMatch", "UseLock", "VolatileKeyPermission", "SecureBoot"):
        assert word in warnings
    assert "Anybody can replace the key in slot 0: it takes keys sealed with slot 4" in warnings


def test_a_role_in_a_file_reaches_the_check():
    text = preset_text("tls").replace("    read: anybody", "    read: nobody", 1)
    configuration = loads(text, "my.yaml")
    problems = check(configuration.zone, configuration.labels).problems
    assert problems == ["Slot 8 is called whole certificate, but it can't be read in the clear."]


# The data lock and a slot's own


def test_a_data_lock_without_any_key_to_come():
    zone = with_slots(s0=replace(KEY, write_config=0), s1=DATA, s2=DATA).patched(87, b"\0")
    assert "No slot could ever hold a key that signs" in check_data_lock(zone, set()).problems[0]
    assert check_data_lock(zone, {0}).problems == []
    assert check_data_lock(zone, set()).warnings == [
        "Slot 0 holds no key, and after this lock it can never get one."
    ]
    assert check_data_lock(TLS, set()).problems == [] == check_data_lock(TLS, set()).warnings


def test_a_slot_lock():
    assert "could never get one" in check_slot_lock(TLS, 0, False).problems[0]
    assert check_slot_lock(TLS, 0, True).problems == [] == check_slot_lock(TLS, 0, True).warnings
    assert check_slot_lock(TLS, 8, False).problems == []
    two = with_slots(s2=DATA)
    assert "only slot 1 is left" in check_slot_lock(two, 0, True).warnings[0]
    assert "no slot is left" in check_slot_lock(two.patched(88, b"\xfd\xff"), 0, True).warnings[0]


# Words


def test_stages():
    assert stage_of(TLS) == Stage.OPEN
    assert stage_of(TLS.patched(87, b"\0")) == Stage.CONFIG
    assert stage_of(TLS.patched(86, b"\0\0")) == Stage.BOTH


@pytest.mark.parametrize(
    ("number", "stage", "words"),
    [
        (0, Stage.OPEN, "nothing yet"),
        (0, Stage.CONFIG, "make a key, take a key, sign, ECDH, public key"),
        (0, Stage.BOTH, "make a key, sign, attest, ECDH, public key"),
        (2, Stage.BOTH, "make a key, sign, attest, ECDH into 3, public key"),
        (3, Stage.BOTH, "read: sealed with 4; write: nobody"),
        (8, Stage.CONFIG, "read: nobody; write: anybody"),
        (8, Stage.BOTH, "read: anybody; write: anybody"),
        (7, Stage.BOTH, "read: nobody; write: nobody; counts each use"),
    ],
)
def test_what_may_be_done(number, stage, words):
    assert abilities(TLS, number, stage) == words


def test_a_locked_slot_takes_nothing():
    locked = TLS.patched(88, b"\xfe\xfe")
    assert abilities(locked, 0, Stage.CONFIG) == "sign, ECDH, public key"
    assert abilities(locked, 0, Stage.BOTH) == "sign, attest, ECDH, public key"
    assert abilities(locked, 8, Stage.CONFIG) == "read: nobody; write: nobody"
    assert abilities(locked, 8, Stage.BOTH) == "read: anybody; write: nobody"


def test_rules_that_make_no_sense_allow_nothing():
    broken = with_slots(s0=replace(KEY, is_secret=False))
    assert abilities(broken, 0, Stage.BOTH) == "nothing, ever"
    assert explain(broken, 0)[0].startswith("the chip refuses every command")


def test_every_consequence_is_said():
    said = explain(TLS, 0)
    for words in (
        "private key never readable",
        "GenKey allowed after lock",
        "writable by nobody after lock",
        "signs what it is given",
        "can be locked by itself",
    ):
        assert any(words in sentence for sentence in said), words
    harsh = replace(KEY, req_auth=True, auth_key=5, persistent_disable=True, limited_use=True, write_config=4)
    said = " ".join(explain(with_slots(s0=harsh), 0))
    assert "authorisation with the secret in slot 5" in said and "persistent latch" in said
    assert "counter 0" in said and "GenKey refused after lock" in said and "PrivWrite" in said


LOCKED = TLS.patched(86, b"\0\0")
BEFORE = ("before the data lock", "after lock", "next sleep", "belongs to 0", "belong to 0")


@pytest.mark.parametrize("offset", [16, 18, 19, 68, 85])
def test_nothing_is_said_of_what_comes_before_a_lock_that_is_done(offset):
    zone = LOCKED.patched(16, b"\x90").patched(18, b"\x55").patched(68, b"\xff" * 4).patched(offset, b"\x21")
    said = [*check(zone).warnings, *(text for number in range(16) for text in explain(zone, number))]
    assert not [text for text in said for words in BEFORE if words in text]


def test_a_locked_chip_that_only_signs_is_no_ruin():
    signs = replace(KEY, write_config=0)
    zone = LOCKED.with_slots((signs, *(DATA,) * 15))
    assert check(zone).problems == []
    assert any("renewed for the key that is there" in text for text in check(zone).warnings)
    silent = LOCKED.with_slots((replace(KEY, read_key=2), *(DATA,) * 15))
    assert any("No slot signs" in text for text in check(silent).problems)


def test_what_a_preset_does_not_say_of_a_chip_is_not_judged():
    assert check(ConfigZone(bytes(16) + TLS.data[16:])).problems == []


@pytest.mark.parametrize("rules", range(0, 1 << 16, 257))
def test_a_guess_is_never_a_promise_that_is_broken(rules):
    slots = tuple(Slot.decode(rules ^ n * 0x1111, rules * 31 + n * 77 & 0xFFFF) for n in range(16))
    assert not [text for text in check(TLS.with_slots(slots)).problems if "is called" in text]

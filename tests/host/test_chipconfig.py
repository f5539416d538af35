"""The configuration zone: bytes, slots, words, and what is refused. Expected bytes are written out."""

import os
from dataclasses import replace

import pytest
from atecc.chip.config import ConfigZone, Slot, crc16
from atecc.chip.config.check import check, device_key_slots
from atecc.chip.config.dump import parse as parse_hex
from atecc.chip.config.presets import compile_preset
from atecc.chip.config.words import changes, describe
from atecc.errors import ArgumentError
from fakedevice import BLANK

# Bytes 16 to 127 of `tls`: the factory's, but for slots 0, 8, 9, 10 to 12, 13 and 14.
TLS = """
C0 00 00 00 87 20 87 20 8F 20 C4 8F 8F 8F 8F 8F 9F 8F AF 8F 0F 0F 0F 00 0F 0F 0F 0F 0F 0F 0F 00
0F 00 AF 8F FF FF FF FF 00 00 00 00 FF FF FF FF 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
00 00 00 00 00 00 55 55 FF FF 00 00 00 00 00 00 33 00 33 00 33 00 1C 00 1C 00 1C 00 1C 00 1C 00
3C 00 3C 00 3C 00 30 00 3C 00 3C 00 3C 00 1C 00
"""
# A Trust&GO part's (bytes 16 to 127), from a dump of a real one.
TNG = """
6A 00 00 01 85 00 82 00 85 20 85 20 85 20 0F 8F 8F 0F 8F 8F 0F 0F 8F 0F 0F 8F 0F 8F 0F 8F 8F 8F
8F 8F 8F 8F 00 00 00 01 00 00 00 00 0F FF FF FF 00 00 00 00 00 00 00 F7 00 69 76 00 00 00 00 00
00 00 00 00 00 00 00 00 FF FF 0E 60 00 00 00 00 53 00 53 00 73 00 73 00 73 00 1C 00 7C 00 1C 00
3C 00 1A 00 1C 00 10 00 1C 00 1C 00 1C 00 1C 00
"""

blank = ConfigZone(BLANK)


def zone(text):
    return ConfigZone(parse_hex(text)).with_fixed_bytes_of(blank)


def tls():
    return compile_preset("tls", blank)


@pytest.mark.parametrize(
    ("data", "crc"),
    [("0411", 0x4333), ("0730000000", 0x5D03), ("0700006002", 0x3880), ("0700006003", 0xBB83)],
)
def test_the_chips_crc(data, crc):
    assert crc16(bytes.fromhex(data)) == crc


def test_the_preset_compiles_to_the_bytes_of_the_sheet():
    assert tls().data[16:].hex() == parse_hex(TLS)[16:].hex()


def test_the_preset_keeps_what_a_chip_never_lets_be_written():
    chip = ConfigZone(BLANK[:84] + b"\x01\x02\x55\x00" + BLANK[88:])
    compiled = compile_preset("tls", chip)
    assert compiled.data[:16] == chip.data[:16]
    assert compiled.data[84:88] == b"\x01\x02\x55\x00"


def test_any_bytes_survive_decoding_and_encoding():
    for _ in range(50):
        some = ConfigZone(os.urandom(128))
        assert some.with_slots(some.slots) == some


def test_fields_are_where_the_data_sheet_has_them():
    assert blank.serial == "0123a1b2c3d4e5f6ee"
    assert blank.revision == "00006002"
    assert blank.i2c_address == 0x60
    assert (blank.config_locked, blank.data_locked) == (False, False)
    assert blank.patched(87, b"\0").config_locked and not blank.patched(87, b"\0").data_locked
    assert blank.patched(88, b"\xfe\xff").slot_locked(0) and not blank.patched(88, b"\xfe\xff").slot_locked(1)


def test_the_user_address_counts_only_when_switched_on():
    assert blank.patched(85, b"\x6a").i2c_address == 0x60
    assert blank.patched(85, b"\x6a").patched(19, b"\x01").i2c_address == 0x35


def test_device_keys():
    assert device_key_slots(blank) == [0, 1, 2]
    assert device_key_slots(tls()) == [0, 1, 2]
    assert device_key_slots(zone(TNG)) == [2, 3, 4], "slot 0 of a Trust&GO part signs, and keeps its key"
    assert zone(TNG).slots[0].can_sign and not zone(TNG).slots[0].can_generate


def test_slots_in_words():
    words = describe(tls())
    assert (words[0].role, words[0].uses) == ("device key", "signs, attests, ECDH")
    assert (words[0].reads, words[0].writes) == ("public key only", "GenKey")
    assert words[1].role == "spare device key"
    assert (words[8].role, words[8].reads, words[8].writes) == (
        "whole certificate",
        "anybody",
        "anybody",
    )
    assert (words[3].reads, words[3].writes) == ("key 4, encrypted", "never")
    assert describe(zone(TNG))[0].writes == "never: the key stays"


def test_changes_name_slots_and_fields():
    found = changes(blank, tls().patched(16, b"\xc2"))
    assert [c.what for c in found] == [*(f"slot {n}" for n in (0, 8, 9, 10, 11, 12, 13, 14)), "I2C address"]
    assert (found[0].before, found[0].after) == ("83 20 / 33 00", "87 20 / 33 00")
    assert changes(blank, blank) == []


def with_slots(**different):
    slots = list(tls().slots)
    for name, slot in different.items():
        slots[int(name[1:])] = slot
    return tls().with_slots(tuple(slots))


key = tls().slots[0]
data = Slot()


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (with_slots(s0=data, s1=data, s2=data), "No slot could make a key and sign"),
        (with_slots(s0=replace(key, read_key=6), s1=data, s2=data), "No slot could make a key and sign"),
        (with_slots(s0=replace(key, write_config=0), s1=data, s2=data), "No slot could make a key and sign"),
        (with_slots(s0=replace(key, req_auth=True), s1=data, s2=data), "No slot could make a key and sign"),
        (tls().patched(88, b"\xf8\xff"), "No slot could make a key and sign"),
        (with_slots(s5=replace(key, is_secret=False)), "Slot 5 is private but not a secret"),
        (with_slots(s5=replace(key, key_type=7)), "Slot 5 is private but not a secret"),
        (tls().patched(16, b"\x00"), "I2C address 0x00 is reserved"),
        (tls().patched(16, b"\xf8"), "I2C address 0x7c is reserved"),
        (tls().patched(19, b"\x08"), "clock divider that no data sheet knows"),
    ],
)
def test_what_would_ruin_the_chip_is_a_problem(config, said):
    assert any(said in problem for problem in check(config).problems)


def test_ours_and_the_factorys_have_neither_problems_nor_warnings():
    assert check(tls()) == check(blank)
    assert check(tls()).problems == [] and check(tls()).warnings == []


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (with_slots(s1=data, s2=data), "Only slot 0 can be a device key"),
        (tls().patched(68, b"\xff"), "UseLock"),
        (tls().patched(69, b"\x85"), "VolatileKeyPermission"),
        (tls().patched(70, b"\x03\xf7"), "SecureBoot"),
        (tls().patched(18, b"\x55"), "CountMatch is on, with slot 5"),
        (tls().patched(90, b"\x01"), "tests itself"),
        (with_slots(s2=replace(key, limited_use=True)), "Slot 2 signs only under conditions"),
        (with_slots(s9=replace(data, encrypt_read=True)), "Slot 9 is read encrypted but not secret"),
    ],
)
def test_what_one_should_know_is_a_warning(config, said):
    findings = check(config)
    assert findings.problems == [] and any(said in warning for warning in findings.warnings)


@pytest.mark.parametrize(
    "text", [TLS, TLS.replace(" ", ""), TLS.replace(" ", ":"), "# ours\n" + TLS.replace("C0", "0xC0,", 1)]
)
def test_hex_as_people_write_it(text):
    assert parse_hex(text)[16:20] == b"\xc0\0\0\0"


@pytest.mark.parametrize(
    ("text", "said"), [("C0 0", "not a configuration"), ("zz", "hex"), ("00" * 127, "has 127")]
)
def test_hex_that_is_none(text, said):
    with pytest.raises(ArgumentError, match=said):
        parse_hex(text)

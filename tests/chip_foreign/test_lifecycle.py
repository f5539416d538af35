"""From blank to locked: the library writes, compares and locks."""

from pathlib import Path

import cryptoauthlib as cal
import pytest
from chip_foreign.hal import HAL, LIB
from chip_foreign.setting import (
    CONFIG,
    CONFIG_ZONE,
    DATA_ZONE,
    DIGEST,
    EXECUTION_ERROR,
    IO_KEY_SLOT,
    KEY,
    OTP_ZONE,
    PRIVATE,
    ok,
)
from cryptoauthlib.library import AtcaReference
from simchip import TIMINGS, Chip
from simchip.runner import running_chip

TO_BE_VALIDATED = 14  # a write marks the public key in it as not valid
CONFIG_LOCK, DATA_LOCK = range(2)  # the library's numbers of locks


def is_locked(zone: int) -> bool:
    answer = AtcaReference(False)
    ok(cal.atcab_is_locked(zone, answer))
    return bool(answer.value)


def crc(data: bytes | bytearray) -> int:
    """The library's CRC, as Lock takes it."""
    out = bytearray(2)
    LIB.atCRC(len(data), bytes(data), (cal.c_uint8 * 2).from_buffer(out))
    return int.from_bytes(out, "little")


def config_zone() -> bytearray:
    zone = bytearray(128)
    ok(cal.atcab_read_config_zone(zone))
    return zone


def configure() -> None:
    zone = config_zone()
    zone[16:84], zone[88:] = CONFIG[:68], CONFIG[72:]
    ok(cal.atcab_write_config_zone(zone))
    same = AtcaReference(False)
    ok(cal.atcab_cmp_config_zone(zone, same))
    assert same.value


@pytest.mark.parametrize("timing", TIMINGS)
def test_a_program_from_blank_to_locked_and_started_again(tmp_path: Path, timing: str) -> None:
    options = ("--virtual-time", "--timing", timing, "--state", tmp_path / "chip")
    with running_chip(*options) as endpoint:
        HAL.open(endpoint, 0x60)
        number, serial, point = bytearray(32), bytearray(9), bytearray(64)
        ok(cal.atcab_random(number))
        assert number == bytes.fromhex("ffff0000") * 8
        ok(cal.atcab_read_serial_number(serial))
        configure()
        ok(cal.atcab_lock_config_zone())
        ok(cal.atcab_random(number))
        assert number != bytes.fromhex("ffff0000") * 8
        ok(cal.atcab_genkey(0, point))
        ok(cal.atcab_write_zone(DATA_ZONE, IO_KEY_SLOT, 0, 0, KEY, 32))
        ok(cal.atcab_lock_data_zone())
        HAL.close()
    with running_chip(*options) as endpoint:
        HAL.open(endpoint, 0x60)
        assert is_locked(CONFIG_LOCK)
        assert is_locked(DATA_LOCK)
        again, signature, verified = bytearray(9), bytearray(64), AtcaReference(False)
        ok(cal.atcab_read_serial_number(again))
        assert again == serial
        ok(cal.atcab_sign(0, DIGEST, signature))
        ok(cal.atcab_verify_extern(DIGEST, signature, point, verified))
        assert verified.value
        HAL.close()


def test_what_it_is(blank: Chip) -> None:
    revision = bytearray(4)
    ok(cal.atcab_info(revision))
    assert cal.library.get_device_name(revision) == "ATECC608"


def test_the_config_zone_is_locked_with_its_crc(blank: Chip) -> None:
    configure()
    right = crc(config_zone())
    assert cal.atcab_lock_config_zone_crc(right ^ 1) == EXECUTION_ERROR
    assert not is_locked(CONFIG_LOCK)
    ok(cal.atcab_lock_config_zone_crc(right))
    assert is_locked(CONFIG_LOCK)
    assert not is_locked(DATA_LOCK)
    assert cal.atcab_lock_config_zone() == EXECUTION_ERROR


def test_the_data_zone_is_locked_with_its_crc(configured: Chip) -> None:
    """Over everything the library wrote: all slots but the private ones, then OTP."""
    content = b""
    for slot in set(range(16)) - set(PRIVATE):
        size = 36 if slot < 8 else 416 if slot == 8 else 72
        data = bytes([slot]) * size
        for block in range(-(-size // 32)):
            part = data[32 * block :][:32].ljust(32, b"\0")
            ok(cal.atcab_write_zone(DATA_ZONE, slot, block, 0, part, 32))
        content += data if slot != TO_BE_VALIDATED else bytes([0xA0 | slot]) + data[1:]
    for block in range(2):
        ok(cal.atcab_write_zone(OTP_ZONE, 0, block, 0, bytes([block]) * 32, 32))
    right = crc(content + bytes(32) + b"\1" * 32)
    assert cal.atcab_lock_data_zone_crc(right ^ 1) == EXECUTION_ERROR
    assert not is_locked(DATA_LOCK)
    ok(cal.atcab_lock_data_zone_crc(right))
    assert is_locked(DATA_LOCK)


def test_a_locked_config_zone_is_not_written(configured: Chip) -> None:
    before = config_zone()
    assert cal.atcab_write_zone(CONFIG_ZONE, 0, 1, 0, bytes(32), 32) == EXECUTION_ERROR
    assert config_zone() == before


def test_a_slot_of_its_own(configured: Chip) -> None:
    slot, locked = 8, AtcaReference(True)
    assert cal.atcab_lock_data_slot(slot) == EXECUTION_ERROR, "its KeyConfig says it is not lockable"
    slot = 13
    ok(cal.atcab_is_slot_locked(slot, locked))
    assert not locked.value
    ok(cal.atcab_lock_data_slot(slot))
    ok(cal.atcab_is_slot_locked(slot, locked))
    assert locked.value
    assert cal.atcab_write_zone(DATA_ZONE, slot, 0, 0, bytes(32), 32) == EXECUTION_ERROR


def test_user_extra_is_written_once(configured: Chip) -> None:
    ok(cal.atcab_updateextra(0, 0x5A))
    assert config_zone()[84] == 0x5A
    assert cal.atcab_updateextra(0, 0x5B) == EXECUTION_ERROR


def test_clear_data(locked: Chip) -> None:
    data, read = bytes(range(72)), bytearray(72)
    ok(cal.atcab_write_bytes_zone(DATA_ZONE, 13, 0, data, 72))
    ok(cal.atcab_read_bytes_zone(DATA_ZONE, 13, 0, read, 72))
    assert read == data

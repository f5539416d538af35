"""Chips as they come, against the tables of section 6."""

import pytest
from chip.bench import (
    EXEC,
    GENKEY,
    INFO,
    LOCK,
    NONCE,
    OK,
    READ,
    SIGN,
    WRITE,
    Bench,
    check_signature,
    public_key,
)
from simchip import PRESETS, Chip
from simchip.config import Config
from simchip.presets import is_configured_as


def bench(preset: str, **options) -> Bench:  # type: ignore[no-untyped-def]
    chip = Chip(preset=preset, **options)
    return Bench(chip, chip.address)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_wakes_at_its_address(preset: str) -> None:
    chip = bench(preset)
    assert chip.address == {"trustflex": 0x36, "tngtls": 0x35}.get(preset, 0x60)
    assert chip.run(INFO)[2] == 0x60
    assert is_configured_as(chip.chip.image, preset)


@pytest.mark.parametrize("preset", PRESETS)
def test_serial_numbers(preset: str) -> None:
    one, two = Chip(preset=preset), Chip(preset=preset)
    serial = Config(one.image.config).serial
    assert serial[:2] == b"\x01\x23"
    assert serial[8] == (0x01 if preset in ("trustflex", "tngtls") else 0xEE)
    assert serial != Config(two.image.config).serial
    assert Chip(preset=preset, seed=5).image == Chip(preset=preset, seed=5).image


@pytest.mark.parametrize(
    ("preset", "locked"), [("blank", False), ("tls", False), ("mos", False), ("trustflex", True)]
)
def test_locks_as_shipped(preset: str, locked: bool) -> None:
    config = Config(Chip(preset=preset).image.config)
    assert config.config_locked == config.data_locked == locked
    config = Config(Chip(preset=preset, locked=True).image.config)
    assert config.config_locked
    assert config.data_locked


def test_blank_slots_are_as_shipped() -> None:
    config = Config(Chip().image.config)
    assert [slot for slot in range(16) if config.key(slot).private_p256] == [0, 1, 2]
    assert all(content == b"\xff" * len(content) for content in Chip().image.slots)


def test_the_tls_preset() -> None:
    raw = Chip(preset="tls").image.config
    config = Config(raw)
    assert {
        slot: (raw[20 + 2 * slot :][:2] + raw[96 + 2 * slot :][:2]).hex() for slot in (0, 1, 2, 8, 10, 11, 12)
    } == {
        0: "87203300",
        1: "87203300",
        2: "8f203300",
        8: "0f0f3c00",
        10: "0f0f3c00",
        11: "0f0f3000",
        12: "0f0f3c00",
    }
    assert raw[68:72] == bytes(4)
    assert raw[90:92] == bytes(2)
    assert raw[18:20] == bytes(2)
    data = [slot for slot in range(4, 16) if not config.slot(slot).is_secret]
    assert all(config.slot(slot).read_key == 0xF for slot in data)


def test_the_tls_preset_serves_a_tls_client() -> None:
    chip = bench("tls", locked=True)
    for slot in (0, 1):
        point = chip.run(GENKEY, 4, slot)
        chip.load(b"d" * 32)
        check_signature(point, b"d" * 32, chip.run(SIGN, 0x80, slot))
        assert chip.run(GENKEY, 0, slot) == point
    for slot, blocks in ((8, 13), (10, 3), (11, 3), (12, 3)):
        for block in range(blocks):
            address = slot << 3 | block << 8
            assert chip.run(WRITE, 0x82, address, bytes([slot]) * 32) == OK
            assert chip.run(READ, 0x82, address)[:4] == bytes([slot]) * 4


@pytest.mark.parametrize("preset", ["trustflex", "tngtls"])
def test_a_provisioned_chip_has_a_key_that_stays(preset: str) -> None:
    chip = bench(preset)
    point = chip.run(GENKEY, 0, 0)
    chip.refuses(EXEC, GENKEY, 4, 0)
    assert chip.run(NONCE, 3, 0, b"d" * 32) == OK
    check_signature(point, b"d" * 32, chip.run(SIGN, 0x80, 0))
    assert len(chip.run(GENKEY, 4, 2)) == 64, "a secondary key may be made"
    chip.refuses(EXEC, LOCK, 0x80)


@pytest.mark.parametrize(("preset", "product"), [("trustflex", b"MKMwyhP1"), ("tngtls", b"x6tjuZMy")])
def test_the_product_code_is_in_otp(preset: str, product: bytes) -> None:
    assert bench(preset).run(READ, 0x81, 0) == product.ljust(32, b"\0")


def test_is_configured_as_tells_presets_apart() -> None:
    for preset in PRESETS:
        image = Chip(preset=preset).image
        assert [name for name in PRESETS if is_configured_as(image, name)] == [preset]


DEVICE, SIGNER_KEY, SIGNER = 10, 11, 12  # slots


def blocks(chip: Bench, slot: int) -> bytes:
    """The 72 bytes of a slot, as a host reads them."""
    return b"".join(chip.run(READ, 0x82, slot << 3 | block << 8) for block in range(3))[:72]


@pytest.mark.parametrize("preset", ["trustflex", "tngtls"])
def test_compressed_certificates_are_in_their_slots(preset: str) -> None:
    """That they rebuild to certificates whose signatures are right is for Microchip's library to say."""
    chip = bench(preset)
    device, key, signer = (blocks(chip, slot) for slot in (DEVICE, SIGNER_KEY, SIGNER))
    issued = "1011100100101001100"  # 2023-02-10, 12 o'clock
    for certificate, years, template in ((device, 28, 3), (signer, 31, 1)):
        assert f"{int.from_bytes(certificate[64:67], 'big'):024b}" == f"{issued}{years:05b}"
        assert certificate[69:] == bytes([template << 4, 0xA0, 0])
    assert device[67:69] == signer[67:69], "the same signer"
    assert key[:4] == key[36:40] == bytes(4)
    public_key(key[4:36] + key[40:])


def test_every_chip_has_a_signer_of_its_own() -> None:
    one, two = (blocks(bench("tngtls"), SIGNER_KEY) for _ in range(2))
    assert one != two


def test_the_mac_address_is_one_of_microchips() -> None:
    address = bench("tngtls").run(READ, 0x82, 5 << 3)
    assert address[:6] == b"0004A3"
    assert bytes.fromhex(address[:12].decode()).hex().upper().encode() == address[:12]
    assert not any(address[12:])

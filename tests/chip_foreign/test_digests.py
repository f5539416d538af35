"""GenDig, MAC and CheckMac: the library's host side works out the same digests."""

from collections.abc import Callable

import cryptoauthlib as cal
import pytest
from chip_foreign.host import Host
from chip_foreign.setting import (
    CHECKMAC_FAILED,
    CONFIG_ZONE,
    DATA_ZONE,
    DIGEST,
    IO_KEY_SLOT,
    KEY,
    NUM_IN,
    OTP_ZONE,
    SIGNER,
    ok,
)
from cryptoauthlib.library import AtcaReference
from simchip import Chip

SHARED_NONCE, COUNTER, KEY_CONFIG = 3, 4, 5
OTHER = bytes(range(13))


def with_nonce(chip: Chip) -> Host:
    host, rand_out = Host(chip), bytearray(32)
    ok(cal.atcab_nonce_rand(NUM_IN, rand_out))
    host.nonce(0, NUM_IN, rand_out)
    return host


def temp_key_is(digest: bytes) -> bool:
    """The chip signs TempKey, and verifies the signature of what it should hold."""
    signature, point, verified = bytearray(64), bytearray(64), AtcaReference(False)
    ok(cal.atcab_sign_base(0x80, SIGNER, signature))
    ok(cal.atcab_get_pubkey(SIGNER, point))
    ok(cal.atcab_verify_extern(digest, signature, point, verified))
    return bool(verified.value)


def test_gendig_of_a_slot(locked: Chip) -> None:
    host = with_nonce(locked)
    ok(cal.atcab_gendig(DATA_ZONE, IO_KEY_SLOT, b"", 0))
    assert temp_key_is(host.gen_dig(DATA_ZONE, IO_KEY_SLOT, KEY))


@pytest.mark.parametrize("zone", [CONFIG_ZONE, OTP_ZONE])
@pytest.mark.parametrize("block", [0, 1])
def test_gendig_of_a_block(locked: Chip, zone: int, block: int) -> None:
    stored = bytearray(32)
    ok(cal.atcab_read_zone(zone, 0, block, 0, stored, 32))
    host = with_nonce(locked)
    ok(cal.atcab_gendig(zone, block, b"", 0))
    assert temp_key_is(host.gen_dig(zone, block, bytes(stored)))


@pytest.mark.parametrize(
    "read",
    [
        lambda: cal.atcab_counter_read(1, AtcaReference(0)),
        lambda: cal.atcab_read_zone(CONFIG_ZONE, 0, 0, 0, bytearray(32), 32),
    ],
    ids=["Counter", "Read"],
)
def test_gendig_after_a_read(locked: Chip, read: Callable[[], int]) -> None:
    """As the library's own tests do it on silicon: Nonce, a read, GenDig."""
    host = with_nonce(locked)
    ok(read())
    ok(cal.atcab_gendig(DATA_ZONE, IO_KEY_SLOT, b"", 0))
    assert temp_key_is(host.gen_dig(DATA_ZONE, IO_KEY_SLOT, KEY))


@pytest.mark.parametrize("key_id", [0x0000, 0x8000])
def test_gendig_of_a_shared_nonce(locked: Chip, key_id: int) -> None:
    host = with_nonce(locked)
    ok(cal.atcab_gendig(SHARED_NONCE, key_id, DIGEST, 32))
    assert temp_key_is(host.gen_dig(SHARED_NONCE, key_id, b"", DIGEST))


def test_gendig_of_a_counter(locked: Chip) -> None:
    ok(cal.atcab_counter_increment(1, AtcaReference(0)))
    host = with_nonce(locked)
    ok(cal.atcab_gendig(COUNTER, 1, b"", 0))
    assert temp_key_is(host.gen_dig(COUNTER, 1, b"", counter=1))


def test_gendig_of_a_keys_configuration(locked: Chip) -> None:
    slot, config = IO_KEY_SLOT, bytearray(128)
    ok(cal.atcab_read_config_zone(config))
    host = with_nonce(locked)
    ok(cal.atcab_gendig(KEY_CONFIG, slot, b"", 0))
    words = {"slot_conf": 20 + 2 * slot, "key_conf": 96 + 2 * slot}
    values = {name: int.from_bytes(config[at : at + 2], "little") for name, at in words.items()}
    assert temp_key_is(host.gen_dig(KEY_CONFIG, slot, b"", b"", slot_locked=1, **values))


@pytest.mark.parametrize("mode", [0x00, 0x01, 0x02, 0x03, 0x40, 0x41, 0x43])
def test_mac(locked: Chip, mode: int) -> None:
    """Slot or TempKey, challenge or TempKey, with and without the whole serial number."""
    host, digest = with_nonce(locked), bytearray(32)
    ok(cal.atcab_mac(mode, IO_KEY_SLOT, DIGEST, digest))
    assert digest == host.mac(mode, IO_KEY_SLOT, KEY, DIGEST)


@pytest.mark.parametrize("mode", [0x10, 0x20])
def test_mac_with_otp(locked: Chip, mode: int) -> None:
    otp, digest = bytearray(32), bytearray(32)
    ok(cal.atcab_read_zone(OTP_ZONE, 0, 0, 0, otp, 32))
    host = with_nonce(locked)
    ok(cal.atcab_mac(mode, IO_KEY_SLOT, DIGEST, digest))
    assert digest == host.mac(mode, IO_KEY_SLOT, KEY, DIGEST, bytes(otp[:11]))


@pytest.mark.parametrize("mode", [0x00, 0x01, 0x02])
def test_checkmac(locked: Chip, mode: int) -> None:
    host = with_nonce(locked)
    response = host.check_mac(mode, IO_KEY_SLOT, KEY, DIGEST, OTHER)
    ok(cal.atcab_checkmac(mode, IO_KEY_SLOT, DIGEST, response, OTHER))


def test_checkmac_of_another_key(locked: Chip) -> None:
    response = Host(locked).check_mac(0, IO_KEY_SLOT, bytes(32), DIGEST, OTHER)
    assert cal.atcab_checkmac(0, IO_KEY_SLOT, DIGEST, response, OTHER) == CHECKMAC_FAILED

"""ECDH: the secret arrives in the clear, encrypted, through a slot, or from an ephemeral key; the peer agrees."""

import cryptoauthlib as cal
import pytest
from chip_foreign.setting import (
    EXECUTION_ERROR,
    IO_KEY_SLOT,
    KEY,
    LIMITED,
    NUM_IN,
    SIGNER,
    key_pair,
    ok,
    public_key,
)
from cryptography.hazmat.primitives.asymmetric import ec
from simchip import Chip

EPHEMERAL = 0xFFFF
PEER, POINT = key_pair()


def agreed(point: bytearray) -> bytes:
    return PEER.exchange(ec.ECDH(), public_key(point))


@pytest.mark.parametrize("encrypted", [False, True])
def test_of_a_slot(locked: Chip, encrypted: bool) -> None:
    mine, secret = bytearray(64), bytearray(32)
    ok(cal.atcab_get_pubkey(SIGNER, mine))
    if encrypted:
        ok(cal.atcab_ecdh_ioenc(SIGNER, POINT, secret, KEY))
    else:
        ok(cal.atcab_ecdh(SIGNER, POINT, secret))
    assert secret == agreed(mine)


def test_into_the_next_slot(locked: Chip) -> None:
    mine, secret = bytearray(64), bytearray(32)
    ok(cal.atcab_get_pubkey(LIMITED, mine))
    ok(cal.atcab_ecdh_enc(LIMITED, POINT, secret, KEY, IO_KEY_SLOT, NUM_IN))
    assert secret == agreed(mine)


@pytest.mark.parametrize("encrypted", [False, True])
def test_of_an_ephemeral_key(locked: Chip, encrypted: bool) -> None:
    mine, secret = bytearray(64), bytearray(32)
    ok(cal.atcab_genkey(EPHEMERAL, mine))
    if encrypted:
        ok(cal.atcab_ecdh_tempkey_ioenc(POINT, secret, KEY))
    else:
        ok(cal.atcab_ecdh_tempkey(POINT, secret))
    assert secret == agreed(mine)


def test_an_ephemeral_key_is_used_once(locked: Chip) -> None:
    ok(cal.atcab_genkey(EPHEMERAL, bytearray(64)))
    ok(cal.atcab_ecdh_tempkey(POINT, bytearray(32)))
    assert cal.atcab_ecdh_tempkey(POINT, bytearray(32)) == EXECUTION_ERROR


def test_a_point_off_the_curve(locked: Chip) -> None:
    assert cal.atcab_ecdh(SIGNER, b"\1" * 64, bytearray(32)) == EXECUTION_ERROR

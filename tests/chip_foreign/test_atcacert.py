"""atcacert: the library compresses a certificate into slots of the `tls` configuration, and rebuilds it from them."""

import cryptoauthlib as cal
import pytest
from chip_foreign import certificates
from chip_foreign.bench import driven
from chip_foreign.certificates import COMPRESSED_SIZE, SIGNER
from chip_foreign.setting import DATA_ZONE, ok
from cryptoauthlib.library import AtcaReference
from simchip import Chip
from simchip.factory import ROOT_POINT

COMPRESSED_SLOT = 12


@pytest.fixture
def certificate() -> bytes:
    """A signer's, off a Trust&GO chip."""
    with driven(Chip(preset="tngtls")):
        der, size = bytearray(1024), AtcaReference(1024)
        ok(cal.tng_atcacert_read_signer_cert(der, size))
    return bytes(der)


@pytest.mark.parametrize("data_locked", [False, True])
def test_there_and_back(certificate: bytes, data_locked: bool) -> None:
    """Written before the data lock or after it, then read, and verified by the chip."""
    with driven(Chip(preset="tls")):
        ok(cal.atcab_lock_config_zone())
        if data_locked:
            ok(cal.atcab_lock_data_zone())
        certificates.write(SIGNER, certificate)
        if not data_locked:
            ok(cal.atcab_lock_data_zone())
        root = bytearray(64)
        ok(cal.tng_atcacert_root_public_key(root))
        assert certificates.read(SIGNER, bytes(root)) == certificate
        assert certificates.verified_by_the_chip(SIGNER, certificate, ROOT_POINT)


def test_72_bytes_are_all_it_takes(certificate: bytes) -> None:
    """What is in the slot is what the library itself compresses the certificate to."""
    with driven(Chip(preset="tls", locked=True)):
        certificates.write(SIGNER, certificate)
        stored = bytearray(COMPRESSED_SIZE)
        ok(cal.atcab_read_bytes_zone(DATA_ZONE, COMPRESSED_SLOT, 0, stored, COMPRESSED_SIZE))
    assert stored == certificates.compressed(SIGNER, certificate)

"""The host tool's rebuild of factory certificates (atecc.x509.factory) against Microchip's: the same bytes."""

import cryptoauthlib as cal
import pytest
from atecc.x509.factory import FactorySlots, rebuild
from chip_foreign.bench import driven
from chip_foreign.setting import ok
from cryptoauthlib.library import AtcaReference
from cryptography.hazmat.primitives.serialization import Encoding
from simchip import Chip, ecc
from simchip.config import Config


def by_microchip(what: str) -> bytes:
    certificate, size = bytearray(1024), AtcaReference(1024)
    ok(getattr(cal, f"tng_atcacert_read_{what}_cert")(certificate, size))
    return bytes(certificate)


@pytest.mark.parametrize("preset", ["tngtls", "trustflex"])
def test_the_same_bytes(preset: str) -> None:
    with driven(Chip(preset=preset)) as chip:
        device, signer = by_microchip("device"), by_microchip("signer")
        slots = [bytes(slot) for slot in chip.image.slots]
        rebuilt = rebuild(
            FactorySlots(
                serial=Config(chip.image.config).serial.hex(),
                device_point=ecc.public_key(slots[0][4:]),
                device=slots[10],
                signer_point=slots[11],
                signer=slots[12],
                mac_address=slots[5],
            )
        )
    assert rebuilt.device.public_bytes(Encoding.DER) == device
    assert rebuilt.signer.public_bytes(Encoding.DER) == signer

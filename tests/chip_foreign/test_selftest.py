"""SelfTest: the library's masks, and what it makes of a failure."""

import cryptoauthlib as cal
import pytest
from chip_foreign.bench import driven
from chip_foreign.setting import ok
from cryptoauthlib.library import AtcaReference
from simchip import Chip
from simchip.faults import Faults, parse_fault

RNG, ECDSA, ECDH, AES, SHA, ALL = 0x01, 0x04, 0x08, 0x10, 0x20, 0x3B


@pytest.mark.parametrize("mask", [RNG, ECDSA, ECDH, AES, SHA, ALL])
def test_all_is_well(locked: Chip, mask: int) -> None:
    result = AtcaReference(0xFF)
    ok(cal.atcab_selftest(mask, 0, result))
    assert result.value == 0


def test_a_broken_unit() -> None:
    with driven(Chip(faults=Faults([parse_fault(f"self-test mask={SHA}")]))):
        result = AtcaReference(0)
        ok(cal.atcab_selftest(ALL, 0, result))
        assert result.value == SHA

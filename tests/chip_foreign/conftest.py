"""Chips for Microchip's library to drive.

What takes many commands (configuring, locking) the library does once; the tests start from copies of that chip.
"""

import platform
import sys
from collections.abc import Iterator
from copy import deepcopy

import pytest
from simchip import Chip
from simchip.eeprom import Image

if (sys.platform, platform.machine()) == ("linux", "x86_64"):
    import cryptoauthlib as cal
    from chip_foreign.bench import driven
    from chip_foreign.host import count_match
    from chip_foreign.setting import (
        CONFIG,
        COUNT_MATCH_SLOT,
        DATA_ZONE,
        IO_KEY_SLOT,
        KEY,
        MOST_USES,
        PRIVATE,
        ok,
    )
else:  # there is no wheel; see tests/requirements-foreign.txt
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def configured_image() -> Image:
    """Configured and config-locked, keys in place, the data zone open."""
    with driven(Chip()) as chip:
        raw = bytearray(chip.image.config)
        raw[16:] = CONFIG
        raw[86:88] = chip.image.config[86:88]
        ok(cal.atcab_write_config_zone(raw))
        ok(cal.atcab_lock_config_zone())
        ok(cal.atcab_write_zone(DATA_ZONE, IO_KEY_SLOT, 0, 0, KEY, 32))
        ok(cal.atcab_write_zone(DATA_ZONE, COUNT_MATCH_SLOT, 0, 0, count_match(MOST_USES), 32))
    return chip.image


@pytest.fixture(scope="session")
def locked_image(configured_image: Image) -> Image:
    """Made to be used: private keys generated, both zones locked."""
    with driven(Chip(image=deepcopy(configured_image))) as chip:
        for slot in PRIVATE:
            ok(cal.atcab_genkey(slot, bytearray(64)))
        ok(cal.atcab_lock_data_zone())
    return chip.image


@pytest.fixture
def blank() -> Iterator[Chip]:
    with driven(Chip()) as chip:
        yield chip


@pytest.fixture
def configured(configured_image: Image) -> Iterator[Chip]:
    with driven(Chip(image=deepcopy(configured_image))) as chip:
        yield chip


@pytest.fixture
def locked(locked_image: Image) -> Iterator[Chip]:
    with driven(Chip(image=deepcopy(locked_image))) as chip:
        yield chip

"""Tests of one board that somebody has in hand: `make test-hardware PORT=… SERIAL=…`.

They read, and do what can be undone. The chip's serial number is compared before anything else, so that no other board
is touched by mistake. What can't be undone runs with IRREVERSIBLE=1 only.
"""

import os
from collections.abc import Iterator

import pytest
from atecc.channels.serial import SerialChannel
from atecc.device import Device
from atecc.errors import AteccError
from user import User

PORT, SERIAL = os.environ.get("HARDWARE_PORT", ""), os.environ.get("HARDWARE_SERIAL", "")
IRREVERSIBLE = os.environ.get("IRREVERSIBLE") == "1"
# Without a board these are no tests at all: `make test` does not see them.
collect_ignore_glob = [] if PORT and SERIAL else ["test_*"]


@pytest.fixture(scope="session", autouse=True)
def right_chip() -> None:
    """Before anything else."""
    try:
        with Device(SerialChannel(PORT)) as device:
            found = device.chip_info().serial
    except AteccError as error:
        pytest.exit(f"{error.message} {error.hint}", 3)
    if found.lower() != SERIAL.lower():
        pytest.exit(f"the chip on {PORT} has the serial number {found}, not {SERIAL}: nothing was done", 3)


@pytest.fixture
def channel() -> Iterator[SerialChannel]:
    opened = SerialChannel(PORT)
    yield opened
    opened.close()


@pytest.fixture
def device(channel: SerialChannel) -> Device:
    return Device(channel)


@pytest.fixture
def user() -> User:
    return User(PORT)


@pytest.fixture
def irreversible() -> None:
    if not IRREVERSIBLE:
        pytest.skip("it can't be undone: IRREVERSIBLE=1 allows it")

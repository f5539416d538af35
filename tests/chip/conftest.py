"""One of the chip's rules can be switched off from outside, to see whether a test notices."""

import os
from collections.abc import Iterator

import pytest
from simchip.rules.switch import switched_off


@pytest.fixture(autouse=True, scope="session")
def rule_taken_away() -> Iterator[None]:
    name = os.environ.get("SIMCHIP_RULE_OFF")
    with switched_off(*([name] if name else [])):
        yield

"""One of the chip's rules can be switched off from outside, to see which tests notice: SIMCHIP_RULE_OFF=name."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
from simchip.rules.switch import switched_off


def rule_of_the_environment_taken_away() -> AbstractContextManager[None]:
    name = os.environ.get("SIMCHIP_RULE_OFF")
    return switched_off(*([name] if name else []))


@pytest.fixture(autouse=True, scope="session")
def rule_taken_away() -> Iterator[None]:
    with rule_of_the_environment_taken_away():
        yield

"""The whole path as a user walks it: `atecc`, a board on SIM, a simulated chip, real brokers, the AWS stand-in."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bench import Bench, benches
from simcloud import Cloud
from user import User


@pytest.fixture
def bench() -> Iterator[Callable[..., Bench]]:
    """Makes boards with a chip: bench(preset="tls", locked=True)."""
    with benches() as make:
        yield make


@pytest.fixture
def user(bench: Callable[..., Bench]) -> User:
    """A user whose board has a chip that is configured and locked, and holds no key yet."""
    made = bench(preset="tls", locked=True)
    return User(made.board.port, bench=made)


@pytest.fixture
def someone(bench: Callable[..., Bench]) -> Callable[..., User]:
    """Makes users with another chip: someone(preset="blank"), someone(Babbler(0xFF))."""

    def make(chip: Any = None, **options: Any) -> User:
        made = bench(chip, **options)
        return User(made.board.port, bench=made)

    return make


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The stand-in for AWS IoT; tests share it and use things of their own."""
    with Cloud(tmp_path_factory.mktemp("cloud")) as cloud:
        yield cloud


@pytest.fixture
def aws(user: User, cloud: Cloud) -> Iterator[User]:
    """A user with credentials for the stand-in."""
    user.environment.update(cloud.environment())
    yield user
    cloud.faults.clear()

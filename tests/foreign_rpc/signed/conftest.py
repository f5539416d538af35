"""One device for a file of tests; each begins when strangers have been quiet for a while."""

from collections.abc import Iterator

import pytest
from foreign_rpc.signed.street import Street, on_the_street


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    with on_the_street(tmp_path_factory.mktemp("street")) as street:
        yield street


@pytest.fixture
def street(shared: Street) -> Iterator[Street]:
    shared.rest()
    yield shared
    shared.close()

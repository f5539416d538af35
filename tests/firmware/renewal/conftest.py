import pytest
from identities import provision


@pytest.fixture
def device(bench):
    """A board that is thing-1, with its key in slot 0."""
    made = bench(preset="tls", locked=True)
    provision(made)
    return made

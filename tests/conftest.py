"""For all tests: what is on the path, and in which order and by how many workers they are run."""

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import awsdata  # noqa: F401
import pytest

ENOUGH = 2 << 30
# In memory, where there is such a place: much is written so that no power failure can take it, which a disk takes its
# time for.
MEMORY = Path("/dev/shm")
if "TMPDIR" not in os.environ and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH:
    os.environ["TMPDIR"] = str(MEMORY)
# Nobody's own files and settings are read or written: each worker has a home that goes with it.
HOME = tempfile.TemporaryDirectory(prefix="home-")
os.environ["HOME"] = HOME.name
for name in [name for name in os.environ if name.startswith(("ATECC_", "AWS_", "XDG_"))]:
    del os.environ[name]
# Behind the machine's own programs: what `make setup` has unpacked, openssl for one where the machine has none.
os.environ["PATH"] += os.pathsep + str(Path(__file__).parents[1] / "build" / "debian" / "usr" / "bin")


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """What waits comes first, however the others (pytest-randomly, say) have arranged the rest."""
    import sharing

    yield
    shuffled = config.pluginmanager.hasplugin("randomly")
    items[:] = sharing.arranged(items, shuffled)


def pytest_collection_finish() -> None:
    """What is there by now stays: looking at all of it again and again would be a tenth of the tests' time."""
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    import sharing

    return sharing.workers(config.args)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    import sharing

    return sharing.Scheduler(config, log)

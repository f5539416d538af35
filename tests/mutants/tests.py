"""Runs tests in this process, which is a fork, without a word."""

import os
import signal
from collections.abc import Iterator, Sequence
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from mutants.parts import ROOT

PATIENCE_S = 60  # for one test; a change may well make it hang
AFTERWARDS_S = 20  # to tidy up
PASSED, NONE = pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED


class Unsound(Exception):
    """A test fails although nothing is changed."""


class Watch:
    """A pytest plugin: which tests failed; and no test takes for ever."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self._home = TemporaryDirectory(prefix="mutants-")

    def pytest_collection_finish(self) -> None:
        """Changed code may well write where the true one does not, and make what tests take for never there."""
        os.environ["HOME"] = self._home.name

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._look(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._look(report)

    def _look(self, report: Any) -> None:
        if report.failed:
            self.failed.append(report.nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        def hangs(*_: object) -> None:
            self.failed.append(f"{item.nodeid} (came to no end)")
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(AFTERWARDS_S)
            pytest.exit("it hangs", 1)

        signal.signal(signal.SIGALRM, hangs)
        signal.alarm(PATIENCE_S)
        result = yield
        signal.alarm(0)
        return result


def run(tests: Sequence[str], *plugins: object, all_of_them: bool = False) -> list[str]:
    """The tests that fail: the first one, or all of them."""
    os.chdir(ROOT)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    watch = Watch()
    plain = [
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        "-p",
        "no:xdist",
        *([] if all_of_them else ["-x"]),
    ]
    status = pytest.main([*plain, *tests], plugins=[watch, *plugins])
    return watch.failed or ([] if status in (PASSED, NONE) else [f"pytest ended with {status}"])


def first(tests: Sequence[str]) -> str | None:
    """The first test to fail; None if none does."""
    return next(iter(run(tests)), None) if tests else None

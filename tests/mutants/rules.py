"""Mutation test of the simulated chip: is there a rule that could be missing without any test noticing?

Switches off the rules of simchip.rules one at a time and runs the chip's tests until one of them fails. Tests are
imported and collected once; every mutant is a fork of that process, one on each core. A first run with all rules
in place records which rules each test asks: only those tests can notice that a rule is gone, and only they are run,
those first that ask few others.
"""

import signal
import time
from functools import partial

import pytest
from mutants.parallel import CORES, parallel
from mutants.parts import ROOT
from mutants.tests import Unsound

PATIENCE_S = 120  # a mutant may well hang


class Asked(set[str]):
    """The rules that are off, and a record of those that somebody asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __contains__(self, name: object) -> bool:
        self.names.add(str(name))
        return super().__contains__(name)


class Mutants:
    """A pytest plugin: runs the collected tests in its own way, and keeps what it found."""

    def __init__(self) -> None:
        self.noticed: dict[str, str] = {}  # rule -> the test that failed without it
        self.survivors: list[str] = []
        self.unsound = "none could be collected"  # the test that fails although nothing is missing

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        from simchip.rules.switch import RULES

        session.config.pluginmanager.unregister(name="terminalreporter")
        shares = (session.items[first::CORES] for first in range(CORES))
        records = parallel({number: partial(_record, share) for number, share in enumerate(shares)})
        asked: dict[str, set[str]] = {}
        for _, record in records:
            if not isinstance(record, dict):
                self.unsound = str(record)
                return True
            asked |= record
        self.unsound = ""
        for rule, test in parallel({rule: partial(_notice, rule, session.items, asked) for rule in RULES}):
            if test is None:
                self.survivors.append(rule)
            else:
                self.noticed[rule] = str(test)
        return True


def _passes(item: pytest.Item) -> bool:
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
    return not item.session.testsfailed


def _record(items: list[pytest.Item]) -> dict[str, set[str]] | str:
    """Test -> the rules it asks for; or the first test that fails as it is."""
    from simchip.rules import switch

    asked: dict[str, set[str]] = {}
    for item in items:
        switch._off = off = Asked()
        if not _passes(item):
            return item.nodeid
        asked[item.nodeid] = off.names
    return asked


def _notice(rule: str, items: list[pytest.Item], asked: dict[str, set[str]]) -> str | None:
    """The first test to fail without the rule."""
    signal.alarm(PATIENCE_S)
    from simchip.rules.switch import switched_off

    able = [item for item in items if rule in asked[item.nodeid]]
    able.sort(key=lambda item: len(asked[item.nodeid]))
    with switched_off(rule):
        return next((item.nodeid for item in able if not _passes(item)), None)


def run(verbose: bool) -> int:
    """How many rules no test would miss."""
    started, mutants = time.monotonic(), Mutants()
    pytest.main(["-p", "no:cacheprovider", str(ROOT / "tests" / "chip")], plugins=[mutants])
    if mutants.unsound:
        raise Unsound(mutants.unsound)
    from simchip.rules.switch import RULES

    if verbose:
        for rule, test in sorted(mutants.noticed.items()):
            print(f"chip: noticed: {rule}: {test}")
    for rule in sorted(mutants.survivors):
        print(f"chip: survived: {rule}: {RULES[rule].splitlines()[0]}")
    print(
        f"chip: {len(RULES)} rules switched off one at a time: {len(mutants.noticed)} noticed, "
        f"{len(mutants.survivors)} survived ({time.monotonic() - started:.0f} s)"
    )
    return len(mutants.survivors)

"""The host tool's modules, changed: each change is imported in a fork, in place of what the file holds.

Which tests a change belongs to is recorded first: those that call the function that is changed.
"""

import hashlib
import importlib
import json
import shutil
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from tempfile import TemporaryDirectory
from types import CodeType, FrameType
from typing import Any

import pytest
from mutants import tests
from mutants.changes import MODULE, Change
from mutants.parallel import parallel
from mutants.parts import HOST, ON_THE_HOST, ROOT, TESTS_OF_THE_HOST

NAME = "host"
KEPT = ROOT / "build" / "mutants" / "calls.json"
DEPLOYED = Path("atecc/aws/functions")  # each file of it is run as a file of its own, too
# What they import of others', once instead of in each fork.
HEAVY = (
    "click.testing",
    "rich.console",
    "cryptography.x509",
    "hypothesis",
    "serial",
    "mpremote.transport_serial",
)
HEAVY += ("boto3", "botocore.session", "websockets", "paho.mqtt.client")


def modules() -> list[str]:
    """Their paths under host/."""
    found: list[Path] = []
    for part in ON_THE_HOST:
        path = HOST / part
        assert path.exists(), f"{path} isn't there (tests/mutants/parts.py)"
        found += [path] if path.suffix else sorted(path.rglob("*.py"))
    return [str(path.relative_to(HOST)) for path in found]


def source(module: str) -> str:
    return (HOST / module).read_text()


# Which tests call which functions.


@dataclass(eq=False)
class Recorder:
    """A pytest plugin. What a fixture calls that tests share belongs to all tests of the file."""

    calls: dict[str, set[CodeType]] = field(default_factory=lambda: defaultdict(set))
    shared: set[CodeType] = field(default_factory=set)
    into: set[CodeType] = field(default_factory=set)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.into = self.calls[item.nodeid]
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:
        before = self.into
        if fixturedef.scope != "function":
            self.into = self.shared
        try:
            return (yield)
        finally:
            self.into = before

    def look(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            self.into.add(frame.f_code)

    def report(self) -> dict[str, list[str]]:
        return {
            test: sorted(set(map(_name, calls | self.shared)) - {""}) for test, calls in self.calls.items()
        }


def _name(code: CodeType) -> str:
    """module:function; a lambda, or what a comprehension does, is its function's."""
    file = Path(code.co_filename)
    if not file.is_absolute() and (HOST / DEPLOYED / file).exists():
        file = HOST / DEPLOYED / file
    if not file.is_relative_to(HOST / "atecc"):
        return ""
    function = code.co_qualname.partition(".<locals>.<")[0]
    return f"{file.relative_to(HOST)}:{MODULE if function.startswith('<') else function}"


def _recorded(file: Path) -> object:
    """What the tests in the file call, which modules they load, and which tests fail."""
    recorder = Recorder()
    threading.setprofile(recorder.look)
    sys.setprofile(recorder.look)
    failed = tests.run([str(file)], recorder, all_of_them=True)
    sys.setprofile(None)
    loaded = [name for name in sys.modules if name.startswith("atecc.")]
    calls = {test: names for test, names in recorder.report().items() if test not in failed}
    return {"calls": calls, "loaded": loaded, "failed": failed}


class Calls:
    """Test -> the functions that it calls. `failed`: tests that do so although nothing is changed, and are left out.

    Recorded anew are files of tests that have changed, and all of them when the host tool has.
    """

    def __init__(self) -> None:
        kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
        files = _files_of_tests()
        self._files = {
            name: kept[name] for name, mark in files.items() if kept.get(name, {}).get("mark") == mark
        }
        missing = {name: partial(_recorded, ROOT / name) for name in files if name not in self._files}
        for name, record in parallel(missing):
            if not isinstance(record, dict):
                raise tests.Unsound(f"{name}: {record}")
            self._files[name] = {"mark": files[name], **record}
            KEPT.parent.mkdir(parents=True, exist_ok=True)
            KEPT.write_text(json.dumps(self._files))
        self.recorded = len(missing)
        self.failed = [test for file in self._files.values() for test in file["failed"]]

    @cached_property
    def _of(self) -> dict[str, set[str]]:
        return {test: set(names) for file in self._files.values() for test, names in file["calls"].items()}

    def tests_of(self, change: Change) -> list[str]:
        """Those first that call few other functions."""
        wanted = f"{change.module}:{change.function}"
        if change.function.rpartition(".")[2][:1].isupper() or change.function == MODULE:
            able = self._tests_that_load(change.module)
        else:
            able = [test for test, names in self._of.items() if wanted in names]
        return sorted(able, key=lambda test: len(self._of[test]))

    def _tests_that_load(self, module: str) -> list[str]:
        """Those that call something in it; where nobody does, all of the files that import it."""
        able = [
            test for test, names in self._of.items() if any(name.startswith(f"{module}:") for name in names)
        ]
        return able or [
            test
            for file in self._files.values()
            if dotted(module) in file["loaded"]
            for test in file["calls"]
        ]


def _files_of_tests() -> dict[str, str]:
    """Path -> a mark that is another one when the file has changed, or what all of them use."""
    files = [ROOT / name for name in TESTS_OF_THE_HOST]
    common = hashlib.sha256()
    helpers = [*(ROOT / "tests").glob("*.py"), *(ROOT / "tests" / "host").rglob("*.py")]
    for file in sorted(
        [*HOST.rglob("*.py"), *(file for file in helpers if not file.name.startswith("test_"))]
    ):
        common.update(file.read_bytes())
    return {
        str(file.relative_to(ROOT)): hashlib.sha256(common.digest() + file.read_bytes()).hexdigest()
        for file in files
    }


# A change, imported.


def dotted(module: str) -> str:
    return module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


class _Loader(SourceFileLoader):
    def __init__(self, name: str, path: str, changed: str) -> None:
        super().__init__(name, path)
        self._changed = changed

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._changed, self.path, "exec")


@dataclass
class _Finder:
    """Finds one module, and its source is `changed`."""

    name: str
    changed: str

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != self.name:
            return None
        found = PathFinder.find_spec(name, path)
        assert found is not None and found.origin is not None
        found.loader = _Loader(name, found.origin, self.changed)
        return found


def _notice(change: Change, names: list[str]) -> str | None:
    changed = change.made(source(change.module))
    sys.meta_path.insert(0, _Finder(dotted(change.module), changed))
    with TemporaryDirectory(prefix="mutants-") as folder:
        if Path(change.module).parent == DEPLOYED:
            _deploy(change.module, changed, Path(folder))
        return tests.first(names)


def _deploy(module: str, changed: str, folder: Path) -> None:
    """The stand-in's Lambda runs what is in the zip that is sent there, which has it from `folder`."""
    shutil.copytree(HOST / DEPLOYED, folder, dirs_exist_ok=True)
    (folder / Path(module).name).write_text(changed)
    importlib.import_module("atecc.aws.deploy").FUNCTIONS = folder


class Host:
    """Who runs the tests of changes on the host."""

    def __init__(self) -> None:
        started = time.monotonic()
        assert "atecc" not in sys.modules
        for heavy in HEAVY:
            with suppress(ImportError):
                importlib.import_module(heavy)
        self._calls = Calls()
        if self._calls.recorded:
            taken = time.monotonic() - started
            print(
                f"host: recorded what {self._calls.recorded} files of tests call ({taken:.0f} s)", flush=True
            )
        for test in self._calls.failed:
            print(f"host: left out, for it fails although nothing is changed: {test}", flush=True)

    def jobs(self, sample: list[Change]) -> dict[Change, Callable[[], object]]:
        return {change: partial(_notice, change, self._calls.tests_of(change)) for change in sample}

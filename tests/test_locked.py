"""What pip installs is pinned by its SHA-256: every package that is asked for, and every one that these take."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "host/pyproject.toml").read_text())["project"]
FLASH = PROJECT["optional-dependencies"]["flash"]


def asked(*files):
    lines = [
        line.partition("#")[0].strip() for file in files for line in (ROOT / file).read_text().splitlines()
    ]
    return [line for line in lines if line]


WANTED = {
    "host/locked.txt": PROJECT["dependencies"] + asked("host/build.txt"),
    "tests/locked.txt": PROJECT["dependencies"]
    + FLASH
    + asked("host/build.txt", "tests/requirements.txt", "tests/requirements-check.txt"),
    "boards/locked.txt": asked("boards/esptool.txt"),
}


def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(file):
    """The versions by name; whatever stands there otherwise is an error."""
    versions = {}
    for line in (ROOT / file).read_text().replace("\\\n", " ").splitlines():
        pinned, *hashes = line.split(" --hash=")
        name, version = re.fullmatch(r"([\w.-]+)==([\w.]+)(?: ;.*)?", pinned.strip()).groups()
        assert hashes and all(re.fullmatch(r"sha256:[0-9a-f]{64}\s*", each) for each in hashes), line
        versions[plain(name)] = version
    return versions


@pytest.mark.parametrize("file", WANTED)
def test_what_is_asked_for_is_locked(file):
    versions = locked(file)
    wanted = [Requirement(line) for line in WANTED[file]]
    assert wanted
    assert [str(each) for each in wanted if versions.get(plain(each.name), "0") not in each.specifier] == []


def test_all_agree():
    """They may be installed into one environment."""
    everything = locked("tests/locked.txt")
    for file in ("host/locked.txt", "boards/locked.txt"):
        assert locked(file).items() <= everything.items(), file


def test_setup_and_flash_take_nothing_else():
    """Each package that make has pip install is hashed, or is this one, or is for comparisons only."""
    texts = [(ROOT / file).read_text() for file in ("Makefile", "boards/esp32.mk")]
    installed = re.findall(r"venv\.py \$\(VENV\) (.+)", "\n".join(texts))
    assert installed
    for what in installed:
        assert re.fullmatch(
            r"--require-hashes -r (tests|boards)/locked\.txt|\$\(EDITABLE\) -e host"
            r"|(--no-deps )?-r tests/requirements-(foreign|speed)\.txt",
            what,
        ), what

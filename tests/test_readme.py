"""What the README tells people to type exists."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ATECC = Path(sys.executable).with_name("atecc")
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(?:sh)?\n(.*?)```", README, re.DOTALL)
LINES = [
    line.strip().removeprefix("$ ").partition("#")[0].strip()
    for block in BLOCKS
    for line in block.splitlines()
]
PIPED = [part.strip() for line in LINES for part in line.split("|")]
COMMANDS = sorted({part for part in PIPED if part.startswith("atecc ")})
TARGETS = sorted({line.split()[1] for line in LINES if line.startswith("make ")})


def run(*command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def help_of(words):
    """The help of the longest command that `words` begin with."""
    for end in range(len(words), 0, -1):
        done = run(ATECC, *words[:end], "--help")
        if f"Usage: atecc {' '.join(words[:end])} [" in done.stdout:
            return done.stdout
    return ""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_atecc_command_and_option_exists(command):
    words = command.split()[1:]
    options = [word for word in words if word.startswith("--")]
    text = help_of(words[: words.index(options[0])] if options else words)
    assert text, "no such command"
    everywhere = run(ATECC, "--help").stdout
    assert [option for option in options if option not in text + everywhere] == []


def test_every_make_target_exists():
    listed = run("make", "help").stdout
    assert [target for target in TARGETS if f"make {target} " not in listed] == []


def test_every_folder_is_listed():
    folders = [folder for folder in ("firmware", "boards", "host", "tests") if f"`{folder}/`" not in README]
    assert folders == []


def test_it_is_read_to_its_end():
    assert len(README.splitlines()) < 200


def pages():
    return [
        ROOT / name
        for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "host/AWS.md", "host/CERTIFICATES.md")
    ]


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_tool_firmware_and_changes_name_one_version():
    version = re.search(
        r'^__version__ = "(.*)"', (ROOT / "host/atecc/__init__.py").read_text(), re.MULTILINE
    )[1]
    assert f'VERSION = "{version}"' in (ROOT / "firmware/version.py").read_text()
    assert re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[1] == version
    assert 'dynamic = ["version"]' in (ROOT / "host/pyproject.toml").read_text()

"""What the pages say exists: commands, options, targets, folders, versions. That it works: e2e/test_pages.py."""

import re
import shlex
import subprocess

import click
import pytest
from atecc.cli import cli
from pages import PAGES, ROOT, commands, shown

README = (ROOT / "README.md").read_text()


def found(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that these words begin with, and the words that it is given."""
    command: click.Command = cli
    context = click.Context(cli)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        inner = command.get_command(context, words[0])
        assert inner is not None, f"{words[0]} is no command of {command.name}"
        command, words = inner, words[1:]
    return command, words


@pytest.mark.parametrize("line", sorted(commands()))
def test_every_command_and_option_exists(line):
    command, given = found(shlex.split(line.replace("…", ""))[1:])
    known = {option for param in command.params for option in (*param.opts, *param.secondary_opts)}
    known |= {"--help", "--version"}
    options = [word.partition("=")[0] for word in given if re.match(r"--?[a-z]", word)]
    assert [option for option in options if option not in known] == []


def test_every_make_target_exists():
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    targets = {
        target
        for page in PAGES
        for target in re.findall(r"(?:^|`)make ([a-z0-9][a-z0-9-]*)", (ROOT / page).read_text(), re.MULTILINE)
    }
    assert [target for target in sorted(targets) if f"make {target} " not in listed] == []


def test_every_folder_is_listed():
    folders = [folder for folder in ("firmware", "boards", "host", "tests") if f"`{folder}/`" not in README]
    assert folders == []


def test_what_troubleshooting_quotes_is_said():
    table = README.partition("## Troubleshooting")[2].partition("\n## ")[0]
    quoted = re.findall(r"^\| `(.*?)` \|", table, re.MULTILINE)
    code = "".join(
        path.read_text() for top in ("host/atecc", "firmware") for path in (ROOT / top).rglob("*.py")
    )
    said = re.sub(r'"\s*\n\s*f?"', "", code)
    assert quoted and [one for one in quoted if one not in said] == []


def test_it_is_read_to_its_end():
    assert len(README.splitlines()) < 200


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    text = (ROOT / page).read_text()
    for target, place in re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", text):
        file = (ROOT / page).parent / target if target else ROOT / page
        assert file.exists(), target
        if place:
            headings = re.findall(r"^#+ (.*)", file.read_text(), re.MULTILINE)
            assert place in {
                re.sub(r"[^\w\- ]", "", one).strip().lower().replace(" ", "-") for one in headings
            }, place


def test_tool_firmware_and_changes_name_one_version():
    version = re.search(
        r'^__version__ = "(.*)"', (ROOT / "host/atecc/__init__.py").read_text(), re.MULTILINE
    )[1]
    assert f'VERSION = "{version}"' in (ROOT / "firmware/version.py").read_text()
    assert re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[1] == version
    assert 'dynamic = ["version"]' in (ROOT / "host/pyproject.toml").read_text()


def test_what_is_typed_is_found():
    """Else nothing is tested."""
    assert len(list(shown())) > 50 and len(commands()) > 60

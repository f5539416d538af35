"""SECURITY.md promises nothing that no test holds."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "SECURITY.md").read_text()
NOTES = dict(re.findall(r"(?m)^\[\^([\w-]+)\]: (.+)$", TEXT))
BODY = re.sub(r"(?m)^\[\^[\w-]+\]: .+$", "", TEXT)
PROMISING = ("Against whom", "What each permission means")
_REF = r"\[\^[\w-]+\]"
_SENTENCE = re.compile(rf"[^.!?]*(?:[.!?](?!\s|\Z|\[\^)[^.!?]*)*[.!?]((?:{_REF})*)(?=\s|\Z)")
# A sentence that only says who is meant.
PLAIN = {"**A person with the cable** is the owner."}


def section(title):
    return re.search(rf"(?ms)^## {re.escape(title)}\n(.*?)(?=^## |\Z)", BODY)[1]


def promises():
    """Each sentence, and each row of a table, of the sections that promise something."""
    for title in PROMISING:
        for part in section(title).split("\n\n"):
            rows = [line for line in part.strip().splitlines() if line.startswith("|")]
            if rows:
                yield from rows[2:]
            else:
                yield from (found[0].strip() for found in _SENTENCE.finditer(" ".join(part.split())))


def _defined_in(path):
    found = ast.walk(ast.parse((ROOT / path).read_text()))
    return {node.name for node in found if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("promise", list(promises()))
def test_each_promise_names_its_tests(promise):
    assert re.search(_REF, promise) or promise in PLAIN


def test_nothing_is_left_out_between_the_sentences():
    """What was taken apart above is all there is."""
    there = "".join("".join(section(title).split()) for title in PROMISING)
    seen = "".join("".join(promise.split()) for promise in promises())
    heads = "".join("".join(section(PROMISING[1]).split("\n")[:2]).split())
    assert len(there) == len(seen) + len(heads)


def test_each_note_is_used_and_each_that_is_used_is_there():
    assert set(re.findall(r"\[\^([\w-]+)\](?!:)", BODY)) == set(NOTES)


@pytest.mark.parametrize("note", sorted(NOTES))
def test_the_tests_exist(note):
    for group in NOTES[note].split("; "):
        path, names = re.fullmatch(r"`(tests/[\w/]+\.py)`: (.+)", group).groups()
        named = re.findall(r"`(test_\w+)`", names)
        assert named, group
        assert [name for name in named if name not in _defined_in(path)] == [], path

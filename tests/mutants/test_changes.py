"""What `make mutants` changes, and that its list of changes that are none is up to date."""

import ast

import pytest
from mutants import board, host
from mutants.changes import changes
from mutants.nochange import NoChanges
from mutants.parts import ON_THE_BOARD, ROOT, TESTS_OF_THE_HOST


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("if a: pass", ["if (not a): pass"]),
        ("if not a: pass", ["if (a): pass"]),
        ("x = a == b", ["x = (a != b)"]),
        ("x = a not in b", ["x = (a in b)"]),
        ("if a is None: pass", ["if (a is not None): pass"]),
        ("x = a < b", ["x = (a <= b)"]),
        ("x = a >= b", ["x = (a > b)"]),
        ("x = 0 <= a < b", ["x = (0 < a < b)", "x = (0 <= a <= b)", "x = (1) <= a < b"]),
        ("x = a and b", ["x = (a or b)", "x = (not a) and b", "x = a and (not b)"]),
        ("x = [é for é in a if é]", ["x = [é for é in a if (not é)]"]),
        ("x = b if a else c", ["x = b if (not a) else c"]),
        ("x = f(True)", ["x = f((False))"]),
        ("x = 7", ["x = (8)"]),
        ("x = 'é', 7  # é", ["x = 'é', (8)  # é"]),
        ("f(a,\n  b)  # why\ny", ["pass  # why\ny"]),
        ("raise E(\n'a')\ny", ["pass\n\ny"]),
        ("with a.lock: pass", ["if True: pass"]),
        ("with open(a) as b: pass", []),
        ("x: int = 7", ["x: int = (8)"]),
        ("def f(a: T = 7) -> 8: '''9'''", ["def f(a: T = (8)) -> 8: '''9'''"]),
        ("x = f'{7}'", []),
        ("if TYPE_CHECKING: f()", []),
        ("x = 7.0, b'', None, ...", []),
    ],
)
def test_what_is_changed(line, instead):
    made = [change.made(line) for change in changes("m.py", line)]
    assert sorted(made) == sorted(instead)
    for source in made:
        ast.parse(source)


def test_a_change_is_known_by_where_and_what_it_is_and_not_by_its_line():
    source = "class C:\n    def f(self):\n        def g():\n            return 7\n        return [8 for _ in g()]\n"
    before, after = (changes("m.py", text) for text in (source, f"\n\n{source}"))
    keys = [change.key for change in before]
    assert keys == [("m.py", "C.f.<locals>.g", "7 → 8"), ("m.py", "C.f", "8 → 9")]
    assert [change.key for change in after] == keys
    assert str(after[0]) == "m.py:6: in C.f.<locals>.g: 7 → 8"


def test_lines_that_follow_a_change_keep_their_numbers():
    source = "f(\n  a,\n  b\n)\nraise E\n"
    made = changes("m.py", source)[0].made(source)
    assert made.splitlines().index("raise E") == 4


@pytest.mark.parametrize("part", [host, board])
def test_the_list_of_those_that_are_none_has_no_other(part):
    known = NoChanges(part.NAME)
    modules = {module for module, _, _ in known.why}
    assert modules <= {*part.modules()}
    assert known.stale(change for module in modules for change in changes(module, part.source(module))) == []
    assert all(known.why.values())


def test_a_change_that_is_gone_is_told():
    known = NoChanges("host")
    assert len(known.stale([])) == len(known) > 0


def test_the_modules_and_tests_that_are_named_are_there():
    assert [module for module in board.modules() if not (board.FIRMWARE / module).exists()] == []
    assert len(host.modules()) == len({*host.modules()})
    named = {test for tests in ON_THE_BOARD.values() for test in tests} | {*TESTS_OF_THE_HOST}
    assert [test for test in sorted(named) if not (ROOT / test).exists()] == []

"""identity.record on MicroPython: a value that survives a power cut between any two bytes."""

import pytest

SETUP = """
import identity.record, json, os
from identity.record import Record
for side in (".0", ".1"):
    try:
        os.remove("value" + side)
    except OSError:
        pass
record = Record("value")
"""

# The write of the newest value, cut off after each of its bytes: what does a restart find?
CUT_EVERYWHERE = (
    SETUP
    + """
for n in range(given):
    record.save({"n": n})
newest = "value" + record._newest()[1]
with open(newest, "rb") as f:
    whole = f.read()
found = []
for cut in range(len(whole) + 1):
    with open(newest, "wb") as f:
        f.write(whole[:cut])
    found.append((Record("value").load() or {"n": None})["n"])
"""
)

# A flash that takes what it is given, and holds something else.
SPOILT = """
lie = [None]
class Json:
    load = staticmethod(json.load)
    def dump(value, f):
        json.dump(value, f) if lie[0] is None else f.write(lie[0])
identity.record.json = Json
"""


@pytest.fixture(autouse=True)
def own_json(micropython):
    yield
    micropython.run("import identity.record, json\nidentity.record.json = json")


def test_nothing_saved_is_none(micropython):
    assert micropython.value("record.load()", SETUP) is None


def test_the_newest_value_is_found_again(micropython):
    code = SETUP + "for n in range(5):\n    record.save({'n': n, 'text': 'é'})\n"
    assert micropython.value("Record('value').load()", code) == {"n": 4, "text": "é"}


def test_a_cut_write_leaves_the_old_value(micropython):
    for saves in (2, 3):
        found = micropython.value("found", CUT_EVERYWHERE, given=saves)
        assert found == [saves - 2] * (len(found) - 1) + [saves - 1]


def test_a_first_write_cut_short_is_nothing(micropython):
    found = micropython.value("found", CUT_EVERYWHERE, given=1)
    assert found == [None] * (len(found) - 1) + [0]


def test_after_a_cut_the_next_save_works(micropython):
    code = CUT_EVERYWHERE + "with open(newest, 'wb') as f:\n    f.write(whole[:9])\nrecord.save({'n': 99})\n"
    assert micropython.value("Record('value').load()", code, given=3) == {"n": 99}


def test_a_flash_that_does_not_hold_what_was_written_is_noticed(micropython):
    code = SETUP + SPOILT + "record.save({'n': 1})\nlie[0] = given\n"
    for lie in ("{}", ""):
        assert "does not hold" in micropython.error("record.save({'n': 2})", code, lie)
        assert micropython.value("Record('value').load()", "from identity.record import Record") == {"n": 1}


def test_a_large_value_takes_little_more_than_its_own_memory(micropython):
    code = """
value = ["x" * 1000 for _ in range(24)]
gc.collect()
held = [bytearray(1000) for _ in range((gc.mem_free() - given) // 1100)]
record.save(value)
"""
    assert micropython.value("len(value)", SETUP + code, given=48 * 1024) == 24

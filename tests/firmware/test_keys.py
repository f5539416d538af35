"""identity.keys on MicroPython, on a simulated chip: who may replace which key, and have what signed."""

from pathlib import Path

import pytest

FIRMWARE = Path(__file__).parents[2] / "firmware"
SETUP = """
import os
from identity.keys import Keys, content
from identity.terms import Asker, StoreError
zone = chip.config()
serial = zone.serial.hex()
owner, bench, afar = Asker("usb", owner=True), Asker("wss", bench=True), Asker("wss")
active = None
class TheStore:
    def current(self):
        return active
    @property
    def place(self):
        return active and (active["chip"], active["slot"])
keys = Keys(chip, "/keys", TheStore())
home = ["broker.example", 8883, ["0b9f8e30aa1d0e8d8a1b3ad8e5ad1fd0"]]
def forget():
    global active
    active = None
    for side in (".0", ".1"):
        try:
            os.remove("/keys" + side)
        except OSError:
            pass
def identity(slot=1, **different):
    record = {"slot": slot, "chip": serial, "name": "n", "client_id": "n", "endpoint": "broker.example", "port": 8883,
              "certificate": "AA==", "cas": ["a CA"], "chain": []}
    record.update(different)
    return record
def proven(**different):
    record = identity(**different)
    record["tried"] = content(record)
    return record
def settled(**different):
    "The key in slot 0 was an identity's that was active; now it is the previous one."
    forget()
    keys.note(serial, 0, own=True)
    keys.settle(identity(0, **different), afar)
def outcome(use, ask):
    "What comes of it, and whether the key in slot 0 is another one then."
    before = chip.PublicKey(0)
    try:
        ask()
        said = "done"
    except StoreError as e:
        said = e.kind
    changed = chip.PublicKey(0) != before
    return said if changed == (said == "done") else said + ", but the key " + ("is gone" if changed else "stayed")
def make():
    return chip.GenKey(0)
def begin(asker):
    keys.replace(0, zone, asker, make, None, True, False)
def overwrite(asker, number=serial):
    keys.replace(0, zone, asker, make, number, True, True)
def by_hand(asker, number=None):
    keys.replace(0, zone, asker, make, number)
chip.GenKey(0)
"""

# Whose the key is, and what makes it so.
KEYS = {
    "idle": "forget(); keys.note(serial, 0, own=True)",
    "previous": "settled(); active = identity()",
    "active": "settled(); active = proven(slot=0)",
    "unknown": "forget()",
}
ASKS = {
    "Begin": "begin({})",
    "Begin, overwrite": "overwrite({})",
    "Begin, overwrite, another serial number": "overwrite({}, '00' * 9)",
    "Begin, overwrite, no serial number": "overwrite({}, None)",
    "by hand": "by_hand({})",
    "by hand, with the serial number": "by_hand({}, serial.upper())",
    "by hand, with another serial number": "by_hand({}, '00' * 9)",
}
ALWAYS, NEVER = ("done",) * 3, ("refused",) * 3
IN_USE = ("key-in-use",) * 3
# The owner at the cable, somebody from afar with the bench permission on, and without.
TABLE = {
    "idle": (ALWAYS, ALWAYS, ALWAYS, ALWAYS),
    "previous": (("done", "done", "refused"),) * 4,
    "active": (IN_USE,) * 4,
    "unknown": (IN_USE, ("done", "done", "refused"), NEVER, NEVER),
}
BY_HAND = (("refused", "done", "refused"), ("done", "done", "refused"), NEVER)
BY_HAND_ACTIVE = (
    ("key-in-use", "done", "refused"),
    ("key-in-use", "done", "refused"),
    ("key-in-use", *NEVER[1:]),
)


@pytest.fixture
def locked(bench):
    return bench(preset="tls", locked=True)


@pytest.mark.parametrize("use", KEYS)
def test_who_may_replace_a_key(locked, use):
    expected = dict(zip(ASKS, TABLE[use] + (BY_HAND_ACTIVE if use == "active" else BY_HAND), strict=True))
    code = SETUP + "found = []\n"
    for ask in ASKS.values():
        for asker in ("owner", "bench", "afar"):
            code += f"{KEYS[use]}\nassert keys.use_of(0, zone) == {use!r}\n"
            code += f"found.append(outcome({use!r}, lambda: {ask.format(asker)}))\n"
    found = locked.value("found", code)
    rows = dict(zip(ASKS, zip(found[::3], found[1::3], found[2::3], strict=True), strict=True))
    assert rows == expected


def test_where_there_is_no_key_everybody_may_make_one(locked):
    for slot, asks in ((1, "keys.replace(1, zone, afar, lambda: chip.GenKey(1))"), (2, "keys.replace(2, zone, afar,"
                       " lambda: chip.GenKey(2), None, True, False)")):  # fmt: skip
        assert locked.value(f"[keys.use_of({slot}, zone), bool({asks})]", SETUP) == [None, True]
    assert locked.value("[keys.use_of(1, zone), keys.use_of(2, zone)]", SETUP) == ["unknown", "idle"]


@pytest.mark.parametrize(
    ("active", "allowed"),
    [
        ("proven()", True),
        ("proven(cas=[])", True),  # nobody would have been accepted in the broker's place
        ("identity()", False),
        ("None", False),
        ("identity(tried='ab' * 32)", False),
        ("dict(proven(), certificate='AAA=')", False),
        ("proven(endpoint='broker.of.somebody')", False),
        ("proven(port=8884)", False),
        ("proven(cas=['a CA', 'a CA of somebody'])", False),
        ("proven(cas=['a CA of somebody'])", False),
        ("proven(chip='0123000000000000ee')", False),
    ],
)
def test_from_afar_the_previous_key_goes_when_the_active_identity_has_taken_its_place(
    locked, active, allowed
):
    code = SETUP + f"settled()\nactive = {active}\n"
    assert locked.value("outcome('previous', lambda: begin(afar))", code) == (
        "done" if allowed else "refused"
    )
    code = SETUP + f"settled()\nactive = {active}\nuse = keys.use_of(0, zone)\n"
    assert (locked.value("keys.why_kept(use, 0, zone, afar)", code) is None) == allowed
    assert locked.value("keys.why_kept(use, 0, zone, owner)", code) is None


def test_where_a_key_is_at_home_is_not_said_from_afar(locked):
    """An identity of somebody's own, with the key as it is, and then another: that is no way to the key."""
    elsewhere = "endpoint='broker.of.somebody', cas=['a CA of somebody']"
    steps = f"settled()\nkeys.settle(identity(0, {elsewhere}), {{}})\nactive = proven({elsewhere})\n"
    assert locked.value("outcome('', lambda: begin(afar))", SETUP + steps.format("afar")) == "refused"
    for trusted in ("owner", "bench"):
        assert locked.value("outcome('', lambda: begin(afar))", SETUP + steps.format(trusted)) == "done"


def test_a_new_key_has_no_past(locked):
    code = SETUP + "settled()\nactive = proven()\nbegin(afar)\nactive = None\n"
    assert locked.value("keys.use_of(0, zone)", code) == "idle"
    by_hand = SETUP + "settled()\nby_hand(owner, serial)\n"
    assert locked.value("keys.use_of(0, zone)", by_hand) == "unknown"


@pytest.mark.parametrize(
    ("asker", "use"), [("owner", "previous"), ("bench", "previous"), ("afar", "unknown")]
)
def test_a_key_that_the_owner_had_an_identity_use_is_replaceable_once_it_is_left(locked, asker, use):
    code = SETUP + f"forget()\nkeys.note(serial, 0)\nkeys.settle(identity(0), {asker})\nactive = proven()\n"
    assert locked.value("keys.use_of(0, zone)", code) == use
    said = locked.value("outcome('', lambda: begin(owner))", code)
    assert said == ("done" if use == "previous" else "key-in-use")


def test_what_was_adopted_is_nobodys_to_replace(locked):
    code = (
        SETUP
        + "forget()\nkeys.note(serial, 0)\nkeys.settle(identity(0, adopted=True), owner)\nactive = proven()\n"
    )
    assert locked.value("keys.use_of(0, zone)", code) == "unknown"


def test_a_power_cut_before_the_key_leaves_it_known(locked):
    code = SETUP + "forget()\ndef fail():\n    raise OSError\n"
    code += "try:\n    keys.replace(0, zone, owner, fail, serial, True)\nexcept OSError:\n    pass\n"
    assert locked.value("keys.use_of(0, zone)", code) == "idle"


def test_another_chips_keys_are_nobodys(locked):
    code = SETUP + "settled()\nactive = proven(slot=0)\nforget()\nactive = proven(slot=0, chip='00' * 9)\n"
    assert locked.value("keys.use_of(0, zone)", code) == "unknown"
    code = SETUP + "forget()\nkeys.note('00' * 9, 0, own=True)\n"
    assert locked.value("keys.use_of(0, zone)", code) == "unknown"


def test_the_book_has_an_end_and_forgets_the_oldest(locked):
    code = SETUP + "forget()\nfor n in range(20):\n    keys.note('%018d' % n, 0, own=True)\n"
    assert locked.value("[len(keys._book.load()), keys._book.load()[0]['chip']]", code) == [16, f"{4:018}"]


@pytest.mark.parametrize(
    ("state", "free"),
    [
        ("forget()", True),
        ("forget(); active = identity(0)", False),
        ("settled()", False),
        ("forget(); keys.note(serial, 0)", False),
        ("settled(); by_hand(owner, serial)", False),
        ("forget(); keys.note(serial, 1)", True),
    ],
)
def test_an_identitys_key_signs_no_strangers_words(locked, state, free):
    check = "outcome('', lambda: keys.check_signs_anything(0, zone, {}) or make())"
    assert locked.value(check.format("afar"), SETUP + state + "\n") == ("done" if free else "refused")
    for trusted in ("owner", "bench"):
        assert locked.value(check.format(trusted), SETUP + state + "\n") == "done"


def test_what_was_tried_is_known_again_whatever_changed(locked):
    changes = ["slot=2", "chip='00'", "name='m'", "client_id='m'", "endpoint='e'", "port=1", "certificate='AAA='",
               "cas=['a', 'CA']", "cas=[]", "chain=['a CA']", "cas=['a C'], chain=['A']"]  # fmt: skip
    code = SETUP + f"digests = [content(identity())] + [content(identity({', '.join(['**{}'])}))]\n"
    same = locked.value("digests", code)
    assert same[0] == same[1]
    others = [locked.value(f"content(identity({change}))", SETUP) for change in changes]
    assert len({same[0], *others}) == len(changes) + 1


def test_nothing_else_in_the_firmware_makes_a_key_or_takes_one():
    """Whoever calls the chip for that hands it to Keys.replace."""
    callers = {}
    for source in FIRMWARE.rglob("*.py"):
        for line in source.read_text().splitlines():
            if ".GenKey(" in line or "priv_write(" in line or ".PrivWrite(" in line:
                callers.setdefault(source.relative_to(FIRMWARE).as_posix(), []).append(line.strip())
    assert {name for name in callers if not name.startswith("atecc608/")} == {
        "identity/steps.py",
        "rpc/services/atecc.py",
    }
    steps = (FIRMWARE / "identity/steps.py").read_text()
    service = (FIRMWARE / "rpc/services/atecc.py").read_text()
    assert steps.count(".GenKey(") == 1 and service.count(".GenKey(") == service.count("priv_write(") == 1
    assert "return store.keys.replace(" in steps and "self._store.keys.replace(" in service

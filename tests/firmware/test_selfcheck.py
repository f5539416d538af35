"""The self-check: quick, harmless, and right about what it says; and the look at the wires."""

import pytest
from simboard import Board
from simchip import Ack

READ, RANDOM = 0x02, 0x1B
SETUP = """
import selfcheck, sys, time, wiring
def found(name):
    return [[one["ok"], one["say"]] for one in selfcheck.run(chip) if one["name"] == name][0]
"""
# What report() does, without the line that it prints.
TIMED = SETUP + "\nt = time.ticks_ms()\nchip.hurried(lambda: selfcheck.run(chip))"
TOOK = "time.ticks_diff(time.ticks_ms(), t)"
NO_MICRODOT = """
for name in list(sys.modules):
    if "microdot" in name: del sys.modules[name]
sys.path[:] = []
"""
OTHER_MEMORY = """
selfcheck.idf_heap_info = lambda kind: given if kind == selfcheck.HEAP_DATA else []
"""


class Silence:
    """A bus on which nobody acknowledges anything, and on which time passes as on a chip's."""

    frequency = 100_000

    def __init__(self):
        self.microseconds = 0
        self.clock = self

    def now(self):
        return self.microseconds

    def wait(self, microseconds):
        self.microseconds += microseconds

    advance = wait

    def power(self, on):
        """It has nothing to lose."""

    def write(self, address, data, *, hz=None):
        return Ack.ADDRESS_REFUSED

    def read(self, address, size, *, hz=None):
        return None


@pytest.fixture
def locked(bench):
    made = bench(preset="tls", locked=True)
    made.repl.soft_reset()
    return made


def test_all_is_well_but_the_clock(locked):
    found = locked.value("selfcheck.run(chip)", SETUP)
    assert [one["name"] for one in found if not one["ok"]] == ["clock"]
    assert "ATECC608A, serial " + locked.chip.image.config[:4].hex() in found[0]["say"]


def test_it_takes_one_waking_and_no_key_operation(locked):
    locked.value("chip.address or chip.config().part", SETUP)
    locked.chip.transfers.clear()
    took = locked.value(TOOK, TIMED)
    assert set(locked.chip.commands) == {READ, RANDOM}
    assert took < 300


def test_a_missing_chip_costs_the_start_little_time(bench):
    made = bench(Silence())
    made.repl.soft_reset()
    assert made.value(TOOK, TIMED) < 300
    assert made.value("found('chip')", SETUP)[0] is False


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"chip_options": ["--preset", "tls", "--locked"]},
            "atecc: look at clock: not set (it shows 2000-01-01",
        ),
        ({"chip": False}, "atecc: look at chip: no ATECC608 on the I2C bus"),
    ],
)
def test_a_start_prints_one_line(tmp_path, options, words):
    log = tmp_path / "log"
    with log.open("wb") as stream, Board(log=stream, **options):
        pass
    said = log.read_text(errors="replace")
    assert words in said
    assert said.count("atecc:") == 1
    assert "Traceback" not in said


def test_a_set_clock_is_well(locked):
    assert locked.value(
        "selfcheck.line(selfcheck.run(chip))", SETUP + "selfcheck.clock.set_time(1900000000)"
    ) == ("all is well")


def test_an_unlocked_chip_has_no_random_numbers_yet(bench):
    made = bench(preset="tls")
    made.repl.soft_reset()
    ok, say = made.value("found('random')", SETUP)
    assert ok and "makes none before its config zone is locked" in say
    assert RANDOM not in made.chip.commands


@pytest.mark.parametrize(
    ("broken", "name", "words"),
    [
        ("chip.Random = lambda: bytes(32)", "random", "the chip gives the same random bytes twice"),
        ("class os: urandom = staticmethod(lambda n: bytes(n))\nselfcheck.os = os", "random", "same bytes twice"),
        ("selfcheck.can_sign_outside = lambda: False", "sign", "can't let the chip sign"),
        ("selfcheck.TLS_BYTES = 10**7", "memory", "a handshake takes 9765"),
        (NO_MICRODOT, "parts", "microdot"),
    ],
)  # fmt: skip
def test_what_is_not_well_is_said(locked, broken, name, words):
    ok, say = locked.value(f"found({name!r})", SETUP + broken)
    assert (ok, words in say) == (False, True), say
    locked.repl.soft_reset()


@pytest.mark.parametrize(
    ("regions", "ok"),
    [
        ([[200000, 60000, 40000, 100]], True),
        ([[100000, 11000, 7000, 100], [100000, 11000, 5000, 100]], True),
        ([[200000, 20000, 20000, 100]], False),
        ([[100000, 11000, 6000, 100], [100000, 11000, 5000, 100]], False),
    ],
)
def test_the_memory_is_that_of_esp_idf(locked, regions, ok):
    found = locked.value("found('memory')", SETUP + OTHER_MEMORY, regions)
    assert found[0] is ok, found
    assert "kB are free for TLS" in found[1]
    locked.repl.soft_reset()


@pytest.mark.parametrize("fault", ["flip-read bit=80 skip=3", "flip-write bit=20 skip=2"])
def test_damaged_transfers_are_counted(locked, fault):
    locked.chip.core.faults.add(fault)
    ok, say = locked.value("(chip.config(), found('bus'))[1]", SETUP)
    assert locked.chip.core.faults.waiting == []
    assert (ok, say.split()[0]) == (False, "1")


def test_a_look_that_fails_is_a_finding(locked):
    ok, say = locked.value("found('clock')", SETUP + "class clock: pass\nselfcheck.clock = clock")
    assert ok is False and "now" in say
    locked.repl.soft_reset()


# The wires.


def test_the_wires_of_a_working_board(locked):
    assert locked.value("[wiring.scan(chip), wiring.levels(chip)]", SETUP) == [
        [0x60],
        {"SCL": [1, 1], "SDA": [1, 1]},
    ]


def test_the_pins_are_given_back(locked):
    assert locked.value("(wiring.levels(chip), chip.config().part)[1]", SETUP) == "ATECC608A"


def test_after_a_scan_the_chip_sleeps(locked):
    locked.value("(chip.config().part, wiring.scan(chip))", SETUP)
    assert locked.chip.read(0x60, 1) is None


def test_without_resistors_the_lines_follow_the_boards_own():
    with Board(pull_ups=False) as board:
        from repl import Repl

        with Repl(board.port, alone=True) as repl:
            code = "import wiring\nclass chip:\n    __enter__ = __exit__ = lambda *a: None\n    reopen = lambda s: None"
            assert repl.value("wiring.levels(chip())", code) == {"SCL": [0, 1], "SDA": [0, 1]}

"""The one clock of all timers, in virtual time: an hour, and as many days as make ticks wrap around or seem to."""

import json

import pytest

HOUR, DAY = 3600, 86400
SPANS = [HOUR, 7 * DAY, 13 * DAY, 26 * DAY]  # ticks wrap around after 12.4 days, and can be compared for 6.2
SLEEP = """
import time
def pass_(seconds):
    for _ in range(seconds // 3600): time.sleep(3600)
    time.sleep(seconds % 3600)
"""
JUMP = """
import machine
def jump(seconds):
    t = time.gmtime(time.time() + seconds)
    machine.RTC().datetime((t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0))
"""


@pytest.fixture
def alone(bench):
    """A board whose device does not run beside: nobody else reads the clock."""
    board = bench(preset="tls", locked=True)
    board.repl.soft_reset()
    return board.repl


@pytest.mark.parametrize("seconds", SPANS)
def test_time_passes_though_nobody_looks(alone, seconds):
    told = alone.value(
        "[uptime.ms() - was, uptime.doubts()]", SLEEP + f"import uptime; was = uptime.ms(); pass_({seconds})"
    )
    assert abs(told[0] - seconds * 1000) < 1000
    assert told[1] == 0


@pytest.mark.parametrize("seconds", SPANS)
def test_time_passes_while_somebody_looks(alone, seconds):
    code = (
        SLEEP + f"import uptime\nwas = uptime.ms()\nfor _ in range(24): pass_({seconds // 24}); uptime.ms()\n"
    )
    told = alone.value("[uptime.ms() - was, uptime.doubts()]", code)
    assert abs(told[0] - seconds * 1000) < 1000
    assert told[1] == 0


@pytest.mark.parametrize("jump", [-20 * 365 * DAY, -DAY, -60, 60, DAY, 20 * 365 * DAY])
@pytest.mark.parametrize("seconds", [HOUR, 13 * DAY])
def test_setting_the_clock_is_not_time_that_passes(alone, seconds, jump):
    """link.clock says so; what was slept before the jump still counts."""
    code = SLEEP + (
        "import uptime\nfrom link import clock\n"
        f"clock._write(clock.RELEASED + {30 * 365 * DAY})\n"
        f"was = uptime.ms(); pass_({seconds}); clock._write(clock.now() + {jump}); pass_({seconds})"
    )
    told = alone.value("[uptime.ms() - was, uptime.doubts()]", code)
    assert abs(told[0] - 2 * seconds * 1000) < 1000
    assert told[1] == 0


@pytest.mark.parametrize("jump", [-DAY, -60, 60, DAY, 400 * DAY])
def test_a_jump_without_a_word_is_doubted(alone, jump):
    code = SLEEP + JUMP + f"import uptime\nwas = uptime.ms(); jump({jump}); pass_(100)"
    told = alone.value("[uptime.ms() - was, uptime.doubts()]", code)
    assert told[1] == 1
    assert 100_000 <= told[0] < 101_000, "and does not shift the time"


# The timers that use it.

GRANT = SLEEP + "from device import access\n"


def ask(repl, method, **params):
    frame = json.dumps({"id": 1, "method": method, "params": params})
    code = "from device import dispatcher\nfrom rpc.caller import owner\n"
    return json.loads(repl.value("dispatcher.handle(given, owner)", code, frame))["result"]


@pytest.mark.parametrize("seconds", SPANS)
@pytest.mark.parametrize("looks", [False, True], ids=["nobody looks", "somebody looks"])
def test_a_permission_ends_and_stays_so(bench, seconds, looks):
    repl = bench(preset="tls", locked=True).repl
    if not looks:
        repl.soft_reset()
        repl.run("from rpc import serial; serial.start()")
        repl.run("from device import web; web._make = None")  # nothing else looks either
    assert ask(repl, "Access.Bench", on=True, seconds=HOUR - 60)["bench"]["on"]
    repl.run(SLEEP + f"pass_({seconds})")
    for further in (0, 7 * DAY, 6 * DAY, 13 * DAY):
        repl.run(SLEEP + f"pass_({further})")
        assert ask(repl, "Access.Status")["bench"] == {"on": False, "left": None, "kept": False}


@pytest.mark.parametrize("granted", [DAY, 7 * DAY, 13 * DAY, 31 * DAY])
def test_a_permission_lasts_as_long_as_it_was_granted(bench, granted):
    repl = bench(preset="tls", locked=True).repl
    bench = ask(repl, "Access.Bench", on=True, seconds=granted)["bench"]
    assert bench["on"] and bench["left"] == granted
    repl.run(SLEEP + f"pass_({granted - HOUR})")
    bench = ask(repl, "Access.Status")["bench"]
    assert bench["on"] and HOUR - 60 < bench["left"] <= HOUR
    repl.run(SLEEP + f"pass_({HOUR})")
    assert not ask(repl, "Access.Status")["bench"]["on"]


@pytest.mark.parametrize("jump", [-400 * DAY, -HOUR, HOUR, 400 * DAY])
def test_a_permission_does_not_outlive_a_clock_that_nobody_can_trust(bench, jump):
    repl = bench(preset="tls", locked=True).repl
    ask(repl, "Sys.SetTime", time=1_900_000_000)
    assert ask(repl, "Access.Bench", on=True, seconds=31 * DAY)["bench"]["on"]
    ask(repl, "Sys.SetTime", time=1_900_000_000 + 9 * DAY)
    assert ask(repl, "Access.Status")["bench"]["on"], "set as it is meant to be, it changes nothing"
    repl.run(SLEEP + JUMP + f"jump({jump})")
    assert not ask(repl, "Access.Status")["bench"]["on"]


@pytest.mark.parametrize("seconds", [*SPANS, 70 * 60, 70 * 60 + 8, 2 * 70 * 60])
def test_a_nonce_is_good_for_a_minute_and_never_again(alone, seconds):
    code = SLEEP + "from rpc.digest import Nonces\nn = Nonces()\n"
    assert alone.value("[n.is_fresh(x), n.is_fresh(y)]", code + "x = n.make(); y = n.make(); pass_(30)") == [
        True,
        True,
    ]
    used = "x = n.make(); y = n.make(); n.use(y)\n"
    later = code + used + f"pass_({seconds})"
    assert alone.value("[n.is_fresh(x), n.is_fresh(y), n.is_fresh(n.make())]", later) == [False, False, True]


@pytest.mark.parametrize("seconds", SPANS)
def test_strangers_are_slowed_down_and_never_stopped(alone, seconds):
    code = SLEEP + (
        "from rpc.web.guard import Guard, Repute\nr = Repute(); g = Guard(r)\n"
        "for _ in range(3): g.is_ready(); g.admits('a'); r.failed('a')\n"
        "for _ in range(9): g.is_ready(); g.admits('b')\n"
        "before = [g.is_ready(), g.admits('a')]\n"
        f"pass_({seconds})\n"
    )
    assert alone.value("[before, g.is_ready(), g.admits('a')]", code) == [[False, False], True, True]


@pytest.mark.parametrize("seconds", SPANS)
def test_who_is_silent_for_long_is_silent_for_longer(alone, seconds):
    code = SLEEP + (
        f"from rpc.web.connection import Connection\nc = Connection(None, 'a', None)\npass_({seconds})\n"
    )
    strange, quiet = alone.value("[c.strange_ms(), c.quiet_ms()]", code)
    assert abs(strange - seconds * 1000) < 1000 and abs(quiet - seconds * 1000) < 1000


@pytest.mark.parametrize("seconds", SPANS)
def test_the_uptime_is_told(bench, seconds):
    repl = bench(preset="tls", locked=True).repl
    repl.run(SLEEP + f"pass_({seconds})")
    assert 0 <= ask(repl, "Sys.GetInfo")["uptime"] - seconds < 60


def test_nothing_else_of_the_firmware_compares_ticks():
    """But for the chip's driver, what it measures is over within seconds; and asyncio's tasks, which wait no longer."""
    from pathlib import Path

    firmware = Path(__file__).parents[2] / "firmware"
    users = [p for p in firmware.rglob("*.py") if "ticks_" in p.read_text() and p.parent.name != "atecc608"]
    assert sorted(users) == [firmware / "rpc/web/tasks.py", firmware / "uptime.py"]

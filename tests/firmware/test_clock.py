"""Who may set the device's clock, and how far; and what survives of it."""

import time

import pytest
from callers import Device

HOUR, DAY, YEAR = 3600, 86400, 365 * 86400
NOW = int(time.time())


@pytest.fixture
def device(bench):
    made = Device(bench(preset="tls", locked=True))
    yield made
    made.repl.close()


def clock(device):
    return device.owner("Sys.GetInfo")["time"]


def released(device):
    return int(device.repl.run_in_main("from link import clock; print(clock.RELEASED)"))


@pytest.mark.parametrize("later", [0, DAY, 40 * YEAR])
def test_the_owner_sets_it_to_any_time(device, later):
    unix = NOW + later
    device.owner("Sys.SetTime", time=NOW + YEAR)
    assert abs(device.owner("Sys.SetTime", time=unix)["time"] - unix) <= 1
    assert abs(clock(device) - unix) <= 2


def test_even_the_owner_not_to_before_the_firmware_was_made(device):
    first = released(device)
    assert device.refused("owner", "Sys.SetTime", time=first - 1) == "argument"
    device.owner("Sys.SetTime", time=first)


@pytest.mark.parametrize("off", [-YEAR, -DAY, -HOUR, 2 * DAY, 300 * DAY, 50 * YEAR])
def test_an_operator_does_not_set_it_far(device, off):
    device.owner("Sys.SetTime", time=NOW + YEAR)
    assert device.refused("operator", "Sys.SetTime", time=NOW + YEAR + off) == "refused"
    assert abs(clock(device) - NOW - YEAR) < 60


def test_an_operator_does_not_set_it_far_step_by_step(device):
    device.owner("Sys.SetTime", time=NOW)
    for _ in range(10):
        device.ask("operator", "Sys.SetTime", time=clock(device) + DAY - 60)
    assert clock(device) < NOW + DAY + HOUR
    device.repl.run_in_main(f"import time; time.sleep({DAY})")  # what passes by itself is no step
    assert NOW + 2 * DAY - HOUR < clock(device) < NOW + 2 * DAY + HOUR
    assert device.refused("operator", "Sys.SetTime", time=NOW + 2 * DAY + HOUR) == "refused"


def test_an_operator_whose_computer_is_a_little_behind_is_no_error(device):
    device.owner("Sys.SetTime", time=NOW)
    told = device.operator("Sys.SetTime", time=NOW - 120)
    assert told["time"] >= NOW and told["previous"] >= NOW, "and the clock stays"


def test_with_the_bench_permission_an_operator_sets_it_as_the_owner_does(device):
    device.owner("Sys.SetTime", time=NOW + YEAR)
    device.owner("Access.Bench", on=True)
    device.operator("Sys.SetTime", time=NOW)
    assert abs(clock(device) - NOW) < 60


def wake(device):
    """What every handshake begins with."""
    return int(device.repl.run_in_main("from link import clock; clock.ensure(); print(clock.now())"))


@pytest.mark.parametrize("how", ["reset", "power_cycle"])
def test_what_was_known_survives(device, how):
    device.owner("Sys.SetTime", time=NOW + YEAR)
    device.restart(how)
    assert abs(wake(device) - NOW - YEAR) < 60


@pytest.mark.parametrize("days", [1, 7, 13, 26])
def test_the_time_that_has_passed_survives_but_for_an_hour(device, days):
    device.owner("Sys.SetTime", time=NOW)
    device.repl.run_in_main(
        f"import time\nfrom link import clock\nfor _ in range({days * 24}): time.sleep(3600)\nclock.remember()"
    )
    device.restart("power_cycle")
    assert NOW + days * DAY - HOUR <= wake(device) <= NOW + days * DAY + HOUR


def test_it_is_written_once_an_hour(device):
    device.owner("Sys.SetTime", time=NOW)
    code = (
        "from link import clock\nsaved = []\nreal = clock._Known.record\n"
        "class Watched:\n    def save(self, value): saved.append(value); real.save(value)\n"
        "clock._Known.record = Watched()\nimport time\n"
        "for _ in range(240): time.sleep(360); clock.remember()\nprint(len(saved))"
    )
    assert 20 <= int(device.repl.run_in_main(code)) <= 25


def test_a_clock_that_was_set_back_by_the_owner_stays_so(device):
    device.owner("Sys.SetTime", time=NOW + 50 * YEAR)
    device.owner("Sys.SetTime", time=NOW)
    device.restart("power_cycle")
    assert abs(wake(device) - NOW) < 60


def test_after_a_start_an_operator_brings_it_up_to_date_within_a_month_and_no_further(device):
    """Nobody has set it since: but for what was kept, the operator is the only one who knows."""
    device.owner("Sys.SetTime", time=NOW)
    device.restart("power_cycle")
    assert device.refused("operator", "Sys.SetTime", time=NOW - DAY) == "refused"
    assert device.refused("operator", "Sys.SetTime", time=NOW + 31 * DAY) == "refused"
    device.operator("Sys.SetTime", time=NOW + 29 * DAY)
    assert abs(clock(device) - NOW - 29 * DAY) < 60
    for _ in range(3):  # a start does not make more of it
        device.restart("power_cycle")
        assert device.refused("operator", "Sys.SetTime", time=NOW + 31 * DAY) == "refused"
        assert abs(wake(device) - NOW - 29 * DAY) < 60


NTP = """
import sys
from link import clock
class ntptime:
    @staticmethod
    def time():
        ntptime.asked += 1
        return {told} - clock._EPOCH
ntptime.asked = 0
sys.modules["ntptime"] = ntptime
clock._Known.asked = None
clock.ensure()
print(clock.now())
"""


@pytest.mark.parametrize(
    ("off", "believed"),
    [
        (0, True),
        (400 * DAY, True),
        (-30 * DAY, False),
        (-26 * YEAR, False),
        (20 * YEAR, False),
        (70 * YEAR, False),
    ],
)
def test_ntp_is_believed_within_bounds(device, off, believed):
    device.owner("Sys.SetTime", time=NOW)
    device.restart("power_cycle")
    told = int(device.repl.run_in_main(NTP.format(told=NOW + off)))
    assert abs(told - NOW - (off if believed else 0)) < 60
    assert device.refused("operator", "Sys.SetTime", time=told + 31 * DAY) == "refused"


def test_ntp_is_asked_once_and_not_at_all_where_the_owner_has_set_the_clock(device):
    device.owner("Sys.SetTime", time=NOW)
    device.restart("power_cycle")
    device.repl.run_in_main(NTP.format(told=0))
    asked = "clock.ensure(); clock.ensure(); print(ntptime.asked)"
    assert int(device.repl.run_in_main(asked)) == 1
    assert int(device.repl.run_in_main("import time; time.sleep(601); " + asked)) == 2
    device.owner("Sys.SetTime", time=NOW)
    assert int(device.repl.run_in_main("time.sleep(601); " + asked)) == 2


def test_a_full_flash_stops_no_clock(device):
    device.repl.run_in_main(
        "from link import clock\nclass Full:\n    def save(self, value): raise OSError(28)\n"
        "clock._Known.record = Full()"
    )
    device.owner("Sys.SetTime", time=NOW + YEAR)
    assert abs(clock(device) - NOW - YEAR) < 60


def test_nothing_else_of_the_firmware_sets_the_clock():
    from pathlib import Path

    firmware = Path(__file__).parents[2] / "firmware"
    assert [p.name for p in firmware.rglob("*.py") if "RTC" in p.read_text()] == ["clock.py"]

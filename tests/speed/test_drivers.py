"""How close the driver is to what the chip and the bus allow, whatever time the chip takes; what is said of it."""

import re
from pathlib import Path

import pytest
from simchip import TIMINGS
from speed import ours
from speed.cost import Cost, TimedChip
from speed.drivers import ADAFRUIT, MICROCHIP, OURS, measure
from speed.jobs import GENKEY, JOBS, NONCE, SIGN
from speed.picture import draw
from speed.report import rows, table

README = (Path(__file__).parents[2] / "README.md").read_text()
MOST = 1.06


@pytest.fixture(scope="module")
def typical() -> dict:
    return measure("typical")


@pytest.mark.parametrize("timing", TIMINGS)
def test_no_job_takes_much_longer_than_it_must(timing):
    costs = ours.measured(TimedChip(preset="tls", locked=True, seed=608, timing=timing))
    assert set(costs) == set(JOBS)
    assert {job: round(cost.ratio, 3) for job, cost in costs.items() if cost.ratio > MOST} == {}


@pytest.mark.parametrize("timing", TIMINGS)
def test_the_limit_is_none_that_could_be_beaten(timing):
    costs = ours.measured(TimedChip(preset="tls", locked=True, seed=1, timing=timing))
    assert all(cost.execution < cost.limit < cost.took for cost in costs.values())


def test_the_readme_quotes_what_is_measured(typical):
    """Virtual time: two runs give the same numbers. Other jobs of the firmware's may move them a little."""
    for line in rows(typical):
        quoted = re.search(rf"^\| {re.escape(line[0])} +\|(.*)\|$", README, re.MULTILINE)
        assert quoted, f"the README has no row for {line[0]}"
        cells = [cell.strip() for cell in quoted[1].split("|")]
        for said, measured in zip(cells, line[1:], strict=True):
            assert numbers(said) == pytest.approx(numbers(measured), rel=0.03, abs=0.11), line[0]


def numbers(cell):
    return [float(number) for number in re.findall(r"[\d.]+", cell)]


def test_other_drivers_do_the_same_jobs(typical):
    assert list(typical) == [OURS, MICROCHIP, ADAFRUIT]
    for name in (MICROCHIP, ADAFRUIT):
        for job in (GENKEY, NONCE, SIGN):
            assert typical[name][job].ratio > typical[OURS][job].ratio


def test_a_driver_that_gives_up_is_said_to():
    measured = {OURS: dict.fromkeys(JOBS, Cost(2000, 1000, 1500)), ADAFRUIT: {GENKEY: None}}
    lines = list(rows(measured))
    assert lines[1:3] == [
        [GENKEY, "1.0", "1.5", "2.0 (1.33)", "gives up"],
        [NONCE, "1.0", "1.5", "2.0 (1.33)", "-"],
    ]
    assert table(lines).splitlines()[1].count(":") == 4
    assert draw({"typical": measured}).count("gives up") == 1

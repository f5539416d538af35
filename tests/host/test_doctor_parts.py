"""Layers of the doctor one by one: what each makes of what it is told, at the very edge too."""

from types import SimpleNamespace

import pytest
from atecc.doctor import cable
from atecc.doctor.chip import Soon
from atecc.doctor.network import clock, tls
from atecc.doctor.patient import Unchecked
from atecc.doctor.wires import pull_ups
from atecc.errors import ChipError, FirmwareMissing, NetworkError


@pytest.mark.parametrize(
    ("off", "says"),
    [
        (0, "right to the second"),
        (-1, "right to the second"),
        (2, "2 s ahead"),
        (60, "60 s ahead"),
        (-60, "60 s behind"),
    ],
)
def test_a_clock_that_is_good_enough(off, says):
    assert says in clock(SimpleNamespace(info=SimpleNamespace(time=1000 + off), asked_at=1000))


@pytest.mark.parametrize(
    ("off", "says"), [(61, "61 s ahead"), (-61, "61 s behind"), (7200, "2 hours"), (-172800, "2 days")]
)
def test_a_clock_that_is_not(off, says):
    with pytest.raises(NetworkError, match=says):
        clock(SimpleNamespace(info=SimpleNamespace(time=10**6 + off), asked_at=10**6))


@pytest.mark.parametrize(
    ("scl", "sda", "says"),
    [
        ((1, 1), (1, 1), None),
        ((0, 1), (1, 1), r"nothing pulls SCL \(pin 22\) up\."),
        ((1, 1), (0, 0), r"SDA \(pin 21\) is held low\."),
        ((0, 0), (0, 1), r"SCL \(pin 22\) is held low and nothing pulls SDA \(pin 21\) up\."),
    ],
)
def test_lines_that_nobody_pulls_up(scl, sda, says):
    told = {"levels(device.chip)": {"SCL": scl, "SDA": sda}, "pins()": {"SCL": 22, "SDA": 21}}
    patient = SimpleNamespace(wiring=told.get)
    if says is None:
        assert pull_ups(patient) == "both lines are pulled up"
    else:
        with pytest.raises(ChipError, match=says):
            pull_ups(patient)


def test_of_a_link_that_is_off_tls_is_not_told():
    link = SimpleNamespace(state="off", identity="a", last_error=None, tls=None)
    with pytest.raises(Unchecked, match="only that shows it"):
        tls(SimpleNamespace(device=SimpleNamespace(mqtt_status=lambda: link), timeout=0))


class Bare:
    """A board whose firmware does not answer."""

    @property
    def info(self):
        raise FirmwareMissing("No firmware answers.", "")


@pytest.mark.parametrize(
    ("missing", "says", "hint"),
    [
        (["microdot"], "the board has no microdot", "brings what is missing"),
        (["rpc", "microdot"], "No firmware answers", "puts it there"),
        ([], "No firmware answers", "puts it there"),
    ],
)
def test_firmware_that_lacks_something_is_told_from_none(missing, says, hint, monkeypatch):
    monkeypatch.setattr(cable, "_missing", lambda patient: missing)
    with pytest.raises(FirmwareMissing, match=says) as error:
        cable.firmware(Bare())
    assert hint in error.value.hint


def test_what_is_not_broken_yet_does_no_harm():
    assert Soon("It ends soon.").harmless

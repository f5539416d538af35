"""The way of a sensor from its reset to the broker's acknowledgement: what can be counted stays small."""

from speed.waking import measure, rows


def test_its_stages_follow_each_other_and_the_chip_does_little():
    wake = measure()
    assert 0 < wake.began <= wake.connected <= wake.acknowledged
    assert 0.04 < wake.chip < 0.4, "one signature, and looks at the chip"
    assert [row[0][:1] for row in rows(wake)] == ["f", "a", "-", "-", "-", "-", "o"]

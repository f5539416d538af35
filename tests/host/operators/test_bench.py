"""`atecc bench`: a permission that ends, and what says that it is given."""

import pytest
from atecc.cli.bench import parse_duration
from atecc.errors import ArgumentError


@pytest.mark.parametrize(
    ("options", "left", "kept"),
    [
        ((), 3600, False),
        (("--for", "30m"), 1800, False),
        (("--for", "2d"), 172800, False),
        (("--keep",), None, True),
    ],
)
def test_bench_on(networked, run, options, left, kept):
    seen = run(networked, "bench", "on", *options)
    assert seen.status == 0 and "ON" in seen.out and "lock zones" in seen.err
    assert networked.bench == {"on": True, "left": left, "kept": kept}
    assert run(networked, "bench", "off").out == "Bench permission: off.\n" and not networked.bench["on"]


@pytest.mark.parametrize("options", [("--for", "soon"), ("--for", "0m"), ("--for", "1h", "--keep")])
def test_bench_for_what_makes_no_sense(networked, run, options):
    assert run(networked, "bench", "on", *options).status == 2 and networked.calls == []


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("1h", 3600), ("2D", 172800)])
def test_durations(text, seconds):
    assert parse_duration(text) == seconds
    with pytest.raises(ArgumentError):
        parse_duration(text[:-1])


@pytest.mark.parametrize("text", ["32d", "745h", "999999d", "999999s"])
def test_a_permission_is_not_for_longer_than_the_device_grants(text):
    if text == "999999s":
        assert parse_duration(text) == 999999
        return
    with pytest.raises(ArgumentError, match="31d at most"):
        parse_duration(text)


def test_info_says_loudly_that_the_bench_permission_is_on(networked, run):
    quiet = run(networked, "info")
    assert "bench: off" in quiet.out.lower() and quiet.err == ""
    networked.Access_Bench(on=True, keep=True)
    loud = run(networked, "info")
    assert "ON, until `atecc bench off`" in loud.out and "The bench permission is on" in loud.err
    assert run(networked, "info", "--json").json["access"]["bench"]["kept"] is True


def test_info_of_firmware_without_callers(board, run):
    board.identity()
    seen = run(board, "info", "--json")
    assert seen.status == 0 and seen.json["access"] is None

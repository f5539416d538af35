"""Options that every command has, wherever they stand, and lines that make no sense."""

import re

import pytest
from boardpty import BoardPty


def test_options_stand_before_or_after(board, run):
    assert run(board, "--json", "mqtt", "status").json == run(board, "mqtt", "status", "--json").json


@pytest.mark.parametrize("timeout", ["0", "301", "soon"])
def test_timeouts_that_make_no_sense(board, run, timeout):
    assert run(board, "info", "--timeout", timeout).status == 2


def test_no_colours_in_a_pipe(board, run):
    assert "\x1b" not in run(board, "info").out + run(board, "chip", "config", "get").out


def test_a_log_file_has_every_frame_of_every_time(board, run, call, tmp_path):
    file = tmp_path / "atecc.log"
    with BoardPty(board) as there:
        for _ in range(2):
            seen = call("rpc", "list", "--port", there.port, "--log-file", file)
            assert seen.status == 0 and "RPC.List" not in seen.err
    assert file.read_text().count('"RPC.List"') >= 2 and file.stat().st_mode & 0o77 == 0
    assert re.match(r"\d{4}-\d\d-\d\d ", file.read_text())
    assert run(board, "info", "--log-file", tmp_path / "none" / "x").status == 2


def test_a_usage_error_for_programs(board, run):
    seen = run(board, "--json", "rpc", "call")
    assert seen.status == 2 and seen.json["error"]["kind"] == "usage" and "Missing argument" in seen.err


@pytest.mark.parametrize(
    "line",
    [
        ["info", "--bogus", "--json"],
        ["nonsense", "--json"],
        ["info", "--timeout", "soon", "--json"],
        ["chip", "--json", "nonsense"],
    ],
)
def test_whatever_is_wrong_with_a_line_it_is_for_programs_too(board, run, line):
    seen = run(board, *line)
    assert seen.status == 2 and seen.json["error"]["kind"] == "usage" and board.calls == []


def test_an_argument_called_json_is_no_option(board, run):
    assert run(board, "fs", "nonsense", "--", "--json").out == ""

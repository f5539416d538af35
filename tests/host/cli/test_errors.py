"""How it ends when something is wrong: the exit status, a sentence, and never a traceback."""

import pytest
from atecc.errors import ChannelError, CorruptReply


def no(kind, code=503, message="said by the board"):
    return {"code": code, "kind": kind, "message": message}


def test_info_without_a_chip_still_shows_the_board(board, run):
    board.faults["ATCA.GetInfo"] = no("no-chip", message="nothing answers on the I2C bus")
    seen = run(board, "info")
    assert seen.status == 4
    assert "FAKE" in seen.out and "nothing answers on the I2C bus" in seen.err and "SDA and SCL" in seen.err
    data = run(board, "info", "--json")
    assert (
        data.status == 4 and data.json["error"]["kind"] == "no-chip" and data.json["board"]["board"] == "FAKE"
    )


@pytest.mark.parametrize(
    ("kind", "status", "hint"),
    [
        ("argument", 2, ""),
        ("method", 1, "rpc list"),
        ("internal", 1, "defect of the firmware"),
        ("chip", 4, ""),
        ("no-chip", 4, "pull-up"),
        ("bus", 4, "pull-ups"),
        ("slot", 4, "chip show"),
        ("refused", 5, ""),
        ("state", 5, ""),
        ("locked", 5, "for good"),
        ("unlocked", 5, "chip lock config"),
        ("key-in-use", 5, "identity status"),
        ("certificate", 6, ""),
        ("clock", 8, "time"),
        ("tls", 8, "--server-ca"),
        ("network", 8, "on the network"),
        ("mqtt", 8, "right broker"),
        ("closed", 8, "policy"),
        ("login", 8, "--username"),
        ("client-id", 8, "--client-id"),
        ("topic", 8, "ACL"),
        ("timeout", 8, ""),
        ("something new", 1, ""),
    ],
)
def test_every_kind_of_the_boards_errors(board, run, kind, status, hint):
    board.faults["MQTT.Status"] = no(kind)
    seen = run(board, "mqtt", "status")
    assert (seen.status, seen.out) == (status, "")
    assert seen.err.startswith("Error: said by the board") and hint in seen.err


def test_an_error_for_programs(board, run):
    board.faults["MQTT.Status"] = no("chip", 500) | {"command": "Sign", "status": 15}
    seen = run(board, "mqtt", "status", "--json")
    assert seen.status == 4
    assert seen.json["error"] | {"message": "", "hint": ""} == {
        "kind": "chip", "message": "", "hint": "", "exit_status": 4, "code": 500, "command": "Sign", "status": 15,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (0x03, "knows no such command"),
        (0x05, "supply"),
        (0x07, "own test"),
        (0x08, "random generator"),
        (0x0F, "slots' rules"),
    ],
)
def test_what_the_chip_answers_comes_with_advice(board, run, status, advice):
    board.faults["MQTT.Status"] = no("chip", 500) | {"command": "Sign", "status": status}
    assert advice in run(board, "mqtt", "status", "--json").json["error"]["hint"]


def test_a_status_that_is_none_is_no_defect(board, run):
    board.faults["MQTT.Status"] = no("chip", 500) | {"command": "Sign", "status": [15]}
    assert run(board, "mqtt", "status").status == 4


@pytest.mark.parametrize(
    "answer", [None, 7, {}, {"address": 1}, {"config": "%"}, {"config": "AAAA"}, {"config": None}]
)
def test_replies_that_make_no_sense(board, run, answer):
    board.tamper["ATCA.GetInfo"] = board.tamper["ATCA.GetConfig"] = lambda _: answer
    seen = run(board, "chip", "config", "get")
    assert seen.status == 3 and "don't fit together" in seen.err and "Traceback" not in seen.err


def test_a_reply_to_another_request(board, run):
    board.request = lambda frame, timeout: b'{"id": 999, "result": null}'
    assert "another request" in run(board, "info").err


def test_a_corrupt_reply_to_a_change_says_what_is_not_known(board, run):
    board.identity()
    board.faults["MQTT.Connect"] = CorruptReply("damaged")
    seen = run(board, "mqtt", "connect")
    assert seen.status == 3 and "not known" in seen.err


def test_a_defect_is_one_sentence(board, run):
    board.faults["Sys.GetInfo"] = ZeroDivisionError("oops")
    seen = run(board, "info")
    assert seen.status == 1 and "defect of this tool: ZeroDivisionError: oops" in seen.err
    assert "-vv" in seen.err and "Traceback" not in seen.err
    assert "Traceback" in run(board, "-vv", "info").err


def test_the_channel_is_closed_whatever_happens(board, run):
    board.faults["Sys.GetInfo"] = ChannelError("gone")
    assert run(board, "info").status == 3 and board.closed

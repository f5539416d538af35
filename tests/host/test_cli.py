"""The command line itself: what goes where, how it ends, and that nobody ever sees a traceback."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from atecc.errors import ChannelError, CorruptReply
from boardpty import BoardPty
from fakedevice import SERIAL, FakeDevice

ATECC = [sys.executable, "-c", "from atecc.cli import main; main()"]


def atecc(*args, **environment):
    environment = {k: v for k, v in os.environ.items() if k != "ATECC_PORT"} | environment
    return subprocess.run(
        [*ATECC, *args], capture_output=True, text=True, env=environment, check=False, timeout=20
    )


def test_help_is_quick_and_needs_nothing_heavy():
    code = (
        "import sys; sys.argv[1:] = ['--help']\n"
        "from atecc.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'boto3', 'botocore', 'cryptography', 'mpremote', 'paho', 'rich', 'serial', 'websockets'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - started < 2
    assert "provision" in done.stdout


COMMANDS = [
    "list",
    "info",
    "chip show",
    "chip config get",
    "chip config check",
    "chip config diff",
    "chip config set",
    "chip lock",
    "key generate",
    "key public",
    "key import",
    "csr",
    "cert",
    "cert factory",
    "provision ca",
    "provision aws",
    "provision factory",
    "mqtt status",
    "mqtt connect",
    "mqtt disconnect",
    "mqtt publish",
    "mqtt subscribe",
    "identity status",
    "identity discard",
    "wifi status",
    "wifi scan",
    "wifi set",
    "config get",
    "config set",
    "config save",
    "fs ls",
    "fs get",
    "fs put",
    "fs rm",
    "reboot",
    "operator init",
    "operator trust",
    "operator list",
    "operator forget",
    "operator renew",
    "operator policy",
    "bench on",
    "bench off",
    "websocket on",
    "websocket off",
    "rpc list",
    "rpc call",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(board, run, command):
    seen = run(board, *command.split(), "--help")
    assert seen.status == 0 and "Examples:" in seen.out and f"atecc {command}" in seen.out


def test_info(board, run):
    board.identity("sensor-7")
    seen = run(board, "info")
    assert seen.status == 0 and seen.err == ""
    for text in (SERIAL, "ATECC608A", "0x60", "0xc0", "config zone locked", "sensor-7", "atecc mqtt connect"):
        assert text in seen.out


@pytest.mark.parametrize(
    ("locked", "following"),
    [
        ((False, False), "atecc chip lock config"),
        ((True, False), "chip lock data"),
        ((True, True), "provision aws"),
    ],
)
def test_info_says_what_is_next(run, locked, following):
    assert following in run(FakeDevice(*locked), "info").out


def test_info_says_how_long_the_certificate_lasts_and_what_is_next(board, run):
    board.identity("sensor-7", days=400)
    assert "(399 days left)" in run(board, "info").out
    board.mqtt = "connected"
    assert run(board, "info", "--json").json["next"] == [
        "atecc mqtt publish things/sensor-7/hello 'hello, world' --round-trip"
    ]
    board.identity("sensor-7", days=7)
    assert "ends in 6 days" in run(board, "info").out
    board.Wifi_Status = lambda: {"enabled": True, "state": "connected", "ssid": "home", "ip": "192.0.2.7"}
    seen = run(board, "info")
    assert "in home, address 192.0.2.7" in seen.out


# Which board


@pytest.fixture
def two(monkeypatch):
    """Two boards that are plugged in, by their ports, and a third port on which nobody answers."""
    first, second = FakeDevice(), FakeDevice(config_locked=False, data_locked=False)
    second.config[8] ^= 0xFF
    first.identity("sensor-1")
    monkeypatch.setattr("atecc.channels.ports.serial_ports", lambda: PORTS)
    return {"/dev/A": first, "/dev/B": second}


PORTS = [SimpleNamespace(device=f"/dev/{name}", vid=0x303A) for name in "ABC"]


def opening(boards):
    def opened(port, access):
        if port not in boards:
            raise ChannelError(f"{port} is in use by another program.", "Close it.")
        return boards[port]

    return opened


def test_list_has_every_board_with_its_chip_and_state(two, run):
    seen = run(opening(two), "list")
    assert seen.status == 0
    assert seen.out.splitlines() == [
        "port  chip  name  state",
        f"/dev/A  {SERIAL}  sensor-1  MQTT off",
        f"/dev/B  {two['/dev/B'].serial}  atecc-fake  chip not configured",
        "/dev/C  -  -  /dev/C is in use by another program.",
    ]
    assert run(opening(two), "list", "--json").json["boards"][0]["serial"] == SERIAL
    assert len(run(opening(two), "list", "--port", "/dev/A", "--json").json["boards"]) == 1


def test_list_without_a_board(monkeypatch, board, run):
    monkeypatch.setattr("atecc.channels.ports.serial_ports", lambda: [])
    seen = run(board, "list")
    assert seen.status == 0 and seen.out == "" and "No board is plugged in" in seen.err


@pytest.mark.parametrize("spelled", [str, str.upper])
def test_a_board_is_picked_by_its_chip(two, run, spelled):
    second = two["/dev/B"]
    data = run(opening(two), "info", "--json", "--serial", spelled(second.serial)).json
    assert data["chip"]["serial"] == second.serial and two["/dev/A"].closed
    seen = run(opening(two), "info", "--serial", "0123000000000000ee")
    assert seen.status == 3 and f"/dev/A has chip {SERIAL}" in seen.err and "in use" in seen.err
    seen = run(opening(two), "info", "--serial", second.serial, "--port", "/dev/A")
    assert seen.status == 3 and "No board here has chip" in seen.err


def test_atecc_alone_says_where_you_stand(two, monkeypatch, run):
    seen = run(opening(two))
    assert seen.status == 0 and "sensor-1 on /dev/A" in seen.out
    assert "Next: atecc mqtt connect --port /dev/A" in seen.out
    assert "Next: atecc chip config set --port /dev/B" in seen.out
    assert "Next: atecc doctor --port /dev/C" in seen.out
    assert len(run(opening(two), "--json").json["boards"]) == 3
    monkeypatch.setattr("atecc.channels.ports.serial_ports", lambda: [])
    assert "make try" in run(opening(two)).out


def test_a_log_file_has_every_frame_of_every_time(board, run, call, tmp_path):
    file = tmp_path / "atecc.log"
    with BoardPty(board) as there:
        for _ in range(2):
            seen = call("rpc", "list", "--port", there.port, "--log-file", file)
            assert seen.status == 0 and "RPC.List" not in seen.err
    assert file.read_text().count('"RPC.List"') >= 2 and file.stat().st_mode & 0o77 == 0
    assert re.match(r"\d{4}-\d\d-\d\d ", file.read_text())
    assert run(board, "info", "--log-file", tmp_path / "none" / "x").status == 2


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


GROUPS = [
    "chip",
    "chip config",
    "key",
    "provision",
    "mqtt",
    "identity",
    "wifi",
    "config",
    "fs",
    "operator",
    "bench",
]


@pytest.mark.parametrize("group", GROUPS)
def test_every_group_has_examples(board, run, group):
    text = run(board, *group.split(), "--help").out
    assert "Examples:" in text and f"  atecc {group} " in text.partition("Examples:")[2]


@pytest.mark.parametrize("command", ["info", "chip config set", "mqtt subscribe", "provision ca", "chip", ""])
def test_shared_options_are_in_every_help(board, run, command):
    text = run(board, *command.split(), "--help").out
    for option in ("--port", "--json", "--timeout", "--operator-dir", "--verbose"):
        assert len(re.findall(rf"^  (?:-v, )?{option}\b", text, re.MULTILINE)) == 1, option
    assert text.count("--help") == 1


def test_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "atecc", "--version"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and done.stdout.startswith("atecc, version")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("chip l", "lock"),
        ("chip lock ", "config"),
        ("key public 0 --format ", "raw"),
        ("chip config check ", "tls"),
        ("provision ca --key ", "overwrite"),
        ("info --port a", "auto"),
        ("info --js", "--json"),
    ],
)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_commands_options_and_values(monkeypatch, call, shell, typed, offered):
    *words, last = ["atecc", *typed.split(" ")]
    # Bash and zsh say where the cursor is, fish what is there.
    place = last if shell == "fish" else str(len(words))
    for name, value in {
        "_CLI_COMPLETE": f"{shell}_complete", "COMP_WORDS": " ".join([*words, last]), "COMP_CWORD": place,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    assert offered in re.split(r"[\s,]+", call().out)


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


def test_a_defect_is_one_sentence(board, run):
    board.faults["Sys.GetInfo"] = ZeroDivisionError("oops")
    seen = run(board, "info")
    assert seen.status == 1 and "defect of this tool: ZeroDivisionError: oops" in seen.err
    assert "-vv" in seen.err and "Traceback" not in seen.err
    assert "Traceback" in run(board, "-vv", "info").err


def test_the_channel_is_closed_whatever_happens(board, run):
    board.faults["Sys.GetInfo"] = ChannelError("gone")
    assert run(board, "info").status == 3 and board.closed


def test_options_stand_before_or_after(board, run):
    assert run(board, "--json", "mqtt", "status").json == run(board, "mqtt", "status", "--json").json


@pytest.mark.parametrize("timeout", ["0", "301", "soon"])
def test_timeouts_that_make_no_sense(board, run, timeout):
    assert run(board, "info", "--timeout", timeout).status == 2


def test_no_colours_in_a_pipe(board, run):
    assert "\x1b" not in run(board, "info").out + run(board, "chip", "config", "get").out


# rpc


def test_rpc_call(board, run):
    seen = run(board, "rpc", "call", "ATCA.KeyInfo", '{"slot": 0}')
    assert seen.status == 0 and seen.json["slot"] == 0
    assert run(board, "rpc", "call", "ATCA.KeyInfo", "-", typed='{"slot": 1}').json["slot"] == 1
    assert "ATCA.GetInfo" in run(board, "rpc", "list").out.splitlines()
    assert "ATCA.GetInfo" in run(board, "rpc", "list", "--json").json


@pytest.mark.parametrize("params", ["{", "[]", "7", "slot=0"])
def test_rpc_call_with_what_is_no_object(board, run, params):
    seen = run(board, "rpc", "call", "ATCA.KeyInfo", params)
    assert seen.status == 2 and '{"slot": 0}' in seen.err and board.calls == []


def test_rpc_call_does_not_lock(blank, run):
    for method, params in (("ATCA.LockZone", '{"zone": 0}'), ("ATCA.LockSlot", '{"slot": 0}')):
        seen = run(blank, "rpc", "call", method, params)
        assert seen.status == 5 and "atecc chip lock" in seen.err and blank.calls == []


def test_a_key_is_not_for_the_command_line(board, run):
    seen = run(board, "rpc", "call", "ATCA.SetKey", '{"slot": 2, "key": "c2VjcmV0"}')
    assert seen.status == 5 and "atecc key import" in seen.err and board.calls == []
    assert "c2VjcmV0" not in seen.err + seen.out


def test_info_of_a_chip_that_is_garbled(board, run):
    board.tamper["ATCA.GetInfo"] = lambda result: result | {"serial": "01" * 9}
    seen = run(board, "info", "--json")
    assert seen.status == 4 and seen.json["board"]["board"] == "FAKE" and "garbles" in seen.err


# mqtt, identity


@pytest.fixture
def online(board):
    board.identity("sensor-7")
    board.mqtt = "connected"
    return board


def test_publish_and_round_trip(online, run):
    assert run(online, "mqtt", "publish", "t", "hello").status == 0
    data = run(online, "mqtt", "publish", "t", "hello", "--round-trip", "--json").json
    assert (data["topic"], data["sent"], data["received"]) == ("t", "hello", "hello")


def test_publish_from_standard_input(online, run):
    assert (
        run(online, "mqtt", "publish", "t", "-", "--round-trip", "--json", typed="piped").json["received"]
        == "piped"
    )


def test_publish_and_wait_for_an_answer(online, run):
    online.inbox.append({"topic": "answers", "message": "42"})
    seen = run(online, "mqtt", "publish", "t", "question", "--wait", "answers")
    assert seen.out == "42\n" and "Published on t" in seen.err


def test_a_round_trip_that_does_not_come_back(online, run):
    online.MQTT_Receive = lambda **_: None
    seen = run(online, "mqtt", "publish", "t", "x", "--round-trip")
    assert seen.status == 8 and "Nothing came on t within 30 s" in seen.err


def test_subscribe(online, run):
    online.inbox += [{"topic": "t", "message": "one"}, {"topic": "t", "message": "two"}]
    assert run(online, "mqtt", "subscribe", "t", "--count", "2").out == "t: one\nt: two\n"


def test_subscribe_ends_when_its_time_is_over(online, run):
    online.inbox.append({"topic": "t", "message": "one"})
    for more, status in (([], 0), (["--count", 2], 8), ([], 8)):
        seen = run(online, "mqtt", "subscribe", "t", "--timeout", 1, *more)
        assert seen.status == status
        if not more:
            online.inbox.clear()
    assert "No messages came on t within 1 s" in seen.err


def test_mqtt_status_and_connect(board, run):
    board.identity()
    assert "off" in run(board, "mqtt", "status").out
    assert "TLSv1.2" in run(board, "mqtt", "connect").out
    assert run(board, "mqtt", "disconnect", "--json").json["state"] == "off"


def test_identity_status_and_discard(online, run):
    assert "identity a" in run(online, "identity", "status").out.lower()
    assert run(online, "identity", "discard").status == 5
    online.Identity_Begin([[["CN", "x"]]])
    assert "begun 7 s ago (usb), and not finished" in run(online, "identity", "status").out
    assert "Identity b is forgotten" in run(online, "identity", "discard").out


def test_another_chip_is_told_wherever_the_identity_is_shown(online, run):
    online.other_chip = "this identity belongs to chip 01, on the board is another chip, 02"
    for command in (["info"], ["identity", "status"]):
        assert online.other_chip in run(online, *command).out
        assert online.other_chip in str(run(online, *command, "--json").json)
    assert "atecc provision" in run(online, "info").out


def test_a_setup_that_came_to_nothing_is_told_wherever_the_identity_is_shown(board, run):
    board.not_adopted = {
        "code": 422,
        "kind": "certificate",
        "message": "mqtt.ssl_ca_cert: ca.pem can't be read",
    }
    for identity in (False, True):
        if identity:
            board.identity("sensor-1")
        for command in (["info"], ["identity", "status"]):
            seen = run(board, *command)
            assert seen.status == 0
            assert "did not become one: mqtt.ssl_ca_cert: ca.pem can't be read" in " ".join(seen.out.split())
            assert "ca.pem" in str(run(board, *command, "--json").json)
    board.not_adopted = "odd\x1b"
    assert "odd\\x1b" in run(board, "info").out


# As a process


def test_through_a_real_port(tmp_path):
    with BoardPty(FakeDevice()) as board:
        done = atecc("info", "--json", ATECC_PORT=board.port)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["chip"]["serial"] == SERIAL


def test_no_board_at_all():
    done = atecc("info", "--port", "/dev/ttyNONE9")
    assert done.returncode == 3 and done.stdout == ""
    assert (
        done.stderr.startswith("Error: There is no serial port /dev/ttyNONE9.")
        and "Traceback" not in done.stderr
    )


def test_ctrl_c():
    with BoardPty(FakeDevice()) as board:
        board.misbehave = [None]
        process = subprocess.Popen([*ATECC, "--port", board.port, "info"], stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 10
        while not board.requests and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert process.returncode == 130 and "Interrupted" in err and "Traceback" not in err


def test_a_reader_that_goes_away():
    with BoardPty(FakeDevice()) as board:
        command = f"{shlex.join(ATECC)} --port {board.port} chip config get | true"
        done = subprocess.run(
            ["bash", "-c", command], capture_output=True, text=True, check=False, timeout=20
        )
    assert done.returncode == 0 and "Traceback" not in done.stderr and "Broken" not in done.stderr


def test_a_corrupt_reply_to_a_change_says_what_is_not_known(board, run):
    board.identity()
    board.faults["MQTT.Connect"] = CorruptReply("damaged")
    seen = run(board, "mqtt", "connect")
    assert seen.status == 3 and "not known" in seen.err

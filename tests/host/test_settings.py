"""`atecc config`, `fs`, `wifi`, `reboot`: the board's own settings, files and network."""

import json

import pytest


def test_config_get(networked, run):
    networked.settings["wifi"]["sta"]["pass"] = "hush-hush"
    seen = run(networked, "config", "get")
    assert (
        "rpc.wss.port" in seen.out
        and "443" in seen.out
        and "********" in seen.out
        and "hush-hush" not in seen.out
    )
    assert run(networked, "config", "get", "rpc.wss.port").out == "443\n"
    assert run(networked, "config", "get", "wifi.sta.enable").out == "false\n"
    assert run(networked, "config", "get", "rpc", "--json").json == {"wss": {"enable": True, "port": 443}}
    assert run(networked, "config", "get", "no.such").status == 2


def test_config_set_takes_the_type_that_is_there(networked, run):
    seen = run(networked, "config", "set", "device.id=42", "rpc.wss.port=8443", "wifi.sta.enable=on")
    assert seen.status == 0 and "until the next reset" in seen.out
    assert networked.settings["device"]["id"] == "42" and networked.settings["rpc"]["wss"]["port"] == 8443
    assert networked.settings["wifi"]["sta"]["enable"] is True
    assert networked.saved["device"]["id"] == ""
    assert run(networked, "config", "save", "--reboot").status == 0
    assert networked.saved["device"]["id"] == "42" and networked.reboots == 1


def test_config_set_and_save(networked, run):
    assert run(networked, "config", "set", "device.id=a=b", "--save", "--json").json == {"saved": True}
    assert networked.saved["device"]["id"] == "a=b"


@pytest.mark.parametrize("source", ["file", "stdin"])
def test_config_from_a_document(networked, run, tmp_path, source):
    text = json.dumps({"wifi": {"sta": {"pass": "hush-hush"}}})
    (tmp_path / "settings.json").write_text(text)
    where = tmp_path / "settings.json" if source == "file" else "-"
    seen = run(networked, "config", "set", "--from", where, typed=text)
    assert seen.status == 0 and networked.settings["wifi"]["sta"]["pass"] == "hush-hush"


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["device.id"], 2, "KEY=VALUE"),
        (["=x"], 2, "KEY=VALUE"),
        ([], 2, "--from FILE"),
        (["rpc.wss.port=many"], 2, "is a number"),
        (["rpc.wss.port=--5"], 2, "is a number"),
        (["rpc.wss.port=" + "9" * 5000], 2, "is a number"),
        (["rpc.wss.port=٣"], 2, "is a number"),
        (["device.id=x", "--reboot"], 2, "--reboot goes with --save"),
        (["rpc.wss.enable=perhaps"], 2, "true or false"),
        (["rpc.wss=1"], 2, "is a group"),
        (["no.such=1"], 2, "no setting"),
        (["wifi.sta.pass=hush-hush"], 5, "atecc wifi set"),
    ],
)
def test_settings_that_make_no_sense(networked, run, arguments, status, said):
    before = json.dumps(networked.settings)
    seen = run(networked, "config", "set", *arguments)
    assert seen.status == status and said in seen.err and "hush-hush" not in seen.err
    assert json.dumps(networked.settings) == before


@pytest.mark.parametrize("text", ["{", "[]", "7"])
def test_documents_that_make_no_sense(networked, run, text):
    assert run(networked, "config", "set", "--from", "-", typed=text).status == 2


# Files


@pytest.mark.parametrize("size", [0, 1, 512, 513, 1024, 5000])
def test_files_of_any_size_go_there_and_back(networked, run, tmp_path, size):
    content = bytes(n * 7 & 0xFF for n in range(size))
    (tmp_path / "there.bin").write_bytes(content)
    assert run(networked, "fs", "put", tmp_path / "there.bin").status == 0
    assert networked.files["there.bin"] == content
    assert run(networked, "fs", "get", "there.bin", "--out", tmp_path / "back.bin").status == 0
    assert (tmp_path / "back.bin").read_bytes() == content
    assert run(networked, "fs", "ls").out == f"{size}  there.bin\n"


def test_a_file_under_another_name_replaces_the_old_one(networked, run):
    networked.files["ca.pem"] = b"old and longer"
    assert run(networked, "fs", "put", "-", "ca.pem", typed="new\n").status == 0
    assert run(networked, "fs", "get", "ca.pem").out == "new\n"
    assert run(networked, "fs", "ls", "--json").json == [{"name": "ca.pem", "size": 4}]
    assert run(networked, "fs", "rm", "ca.pem").status == 0 and networked.files == {}


def test_files_that_are_not_there(networked, run, tmp_path):
    for command in (("get", "nothing"), ("rm", "nothing")):
        seen = run(networked, "fs", *command)
        assert seen.status == 2 and "atecc fs ls" in seen.err
    assert run(networked, "fs", "put", tmp_path / "nothing").status == 2
    assert run(networked, "fs", "put", "-", typed="x").status == 2
    assert run(networked, "fs", "ls").out == ""


def test_get_overwrites_nothing(networked, run, tmp_path):
    networked.files["a"] = b"theirs"
    (tmp_path / "a").write_text("mine")
    assert run(networked, "fs", "get", "a", "--out", tmp_path / "a").status == 5
    assert (tmp_path / "a").read_text() == "mine"
    assert run(networked, "fs", "get", "a", "--out", tmp_path / "a", "--force").status == 0
    assert (tmp_path / "a").read_text() == "theirs"


def test_a_board_that_never_ends_a_file(networked, run):
    networked.files["a"] = b"x"
    networked.tamper["FS.Get"] = lambda result: {"data": "", "left": 7}
    assert run(networked, "fs", "get", "a").status == 3


# Wi-Fi


def test_wifi_scan_and_status(networked, run):
    seen = run(networked, "wifi", "scan")
    assert seen.out.index("home") < seen.out.index("guests") and "-50 dBm" in seen.out
    assert "off" in run(networked, "wifi", "status").out
    networked.joined = "home"
    assert "192.0.2.7" in run(networked, "wifi", "status").out
    networked.networks = []
    assert "sees no network" in run(networked, "wifi", "scan").out


def test_wifi_set_lets_the_user_choose(networked, run):
    seen = run(networked, "wifi", "set", typed="1\na secret of home\n")
    assert seen.status == 0 and networked.joined == "home", seen.err
    assert "Password of home" in seen.err and "a secret of home" not in seen.out


def test_an_open_network_needs_no_password(networked, run):
    assert run(networked, "wifi", "set", typed="2\n").status == 0 and networked.joined == "guests"
    networked.joined = None
    assert (
        run(networked, "wifi", "set", "guests", "--no-password").status == 0 and networked.joined == "guests"
    )


def test_a_network_by_name_with_a_password_from_a_file(networked, run, tmp_path):
    (tmp_path / "password").write_text("a secret of home\n")
    seen = run(networked, "wifi", "set", "home", "--password-file", tmp_path / "password", "--json")
    assert seen.status == 0 and seen.json["ip"] == "192.0.2.7" and "a secret" not in seen.out + seen.err


def test_a_wrong_wifi_password(networked, run):
    seen = run(networked, "wifi", "set", "home", typed="guess\n")
    assert seen.status == 8 and "does not accept the password" in seen.err and networked.joined is None


def test_a_network_that_was_not_joined(networked, run):
    networked.tamper["Wifi.Setup"] = lambda result: (
        result | {"state": "failed", "last_error": "no such network"}
    )
    seen = run(networked, "wifi", "set", "guests", "--no-password")
    assert seen.status == 8 and "no such network" in seen.err


@pytest.mark.parametrize("answer", ["0", "3", "home", ""])
def test_a_choice_that_is_none(networked, run, answer):
    seen = run(networked, "wifi", "set", typed=f"{answer}\n")
    assert seen.status == 2 and networked.joined is None


def test_nobody_to_choose(networked, run):
    seen = run(networked, "wifi", "set")
    assert seen.status == 5 and "atecc wifi set NAME" in seen.err
    seen = run(networked, "wifi", "set", "home")
    assert seen.status == 6 and "--password-file" in seen.err


def test_reboot(networked, run):
    assert run(networked, "reboot").status == 0 and networked.reboots == 1

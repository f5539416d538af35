"""Help of every command and group, and completion."""

import re
import subprocess
import sys
import time

import pytest


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

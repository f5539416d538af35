"""What a terminal sees: whatever a board, a network, a message, a file or a certificate is called, it does nothing."""

import ast
import io
import json
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import click
import pytest
from atecc import visible
from atecc.cli import cli
from atecc.cli.screen import Block, Grid, Screen
from atecc.visible import Prompt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from house import imports

PACKAGE = Path(__file__).parents[2] / "host/atecc"
# Title, clipboard, cursor; C1, DEL; text turned round, and out of sight; ends of lines of all kinds; half a character.
EVIL = (
    "\x1b]0;x\x07\x1b]52;c;ZQ==\x07\x1b[77A\x9b2J\x7f\x08\u202e\u2066\u200b\u2028\u2029\x85\r\nFORGED \ud800"
)


def is_harmless(text):
    """Nothing but what is seen, ends of lines and of cells, and no line that somebody else has begun."""
    acting = {one for one in text if one not in "\n\t" and not one.isprintable()}
    return not acting and not re.search(r"^FORGED", text, re.MULTILINE)


# Text


def test_everything_that_is_not_seen_is_written_out():
    for code in range(sys.maxunicode + 1):
        one = chr(code)
        shown = visible.line(one)
        if unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            assert shown.startswith("\\") and shown.isascii() and shown.isprintable(), hex(code)
        else:
            assert shown == one, hex(code)


def test_a_block_keeps_its_lines_and_tabs_only():
    assert visible.block("a\tb\nc") == "a\tb\nc" and visible.line("a\tb\nc") == r"a\tb\nc"
    assert visible.block("a\r\x1b[A\u202e") == r"a\r\x1b[A\u202e"


def test_names_in_any_script_stay_as_they_are():
    for name in ("Küche", "кухня", "台所", "مطبخ", "🏠 home", "a\\b", "100 %"):
        assert visible.line(name) == visible.block(name) == name


# Tables


def rows_of(grid, width):
    """As on a terminal of this width, without colours."""
    from rich.console import Console

    said = io.StringIO()
    Console(file=said, width=width, force_terminal=True, color_system=None).print(grid.table(width))
    return [line.rstrip() for line in said.getvalue().splitlines()]


def test_a_table_in_a_pipe_is_neither_wrapped_nor_padded(capsys):
    grid = Grid("slot", "role")
    grid.add("0", "device key, " * 30)
    grid.add("1-15", ("none", "red"))
    Screen(stderr=False).show(grid)
    assert capsys.readouterr().out.splitlines() == ["slot  role", "0  " + "device key, " * 30, "1-15  none"]


def test_a_name_stands_once_on_a_terminal_and_in_every_line_of_a_pipe(capsys):
    grid = Grid(once=True)
    grid.add("Board", "one")
    grid.add("Board", "two")
    assert rows_of(grid, 80) == ["Board  one", "       two"]
    Screen(stderr=False).show(grid)
    assert capsys.readouterr().out == "Board  one\nBoard  two\n"


WORDS = ["private", "key", "never", "readable;", "sign", "(attestation)", "authentication", "unauthenticated"]


@pytest.mark.parametrize("width", [80, 100])
def test_words_are_not_broken_where_there_is_room_for_them(width):
    grid = Grid("slot", "role", "used for", "read by", "written by", unbroken="slot")
    for n in range(4):
        grid.add(str(n), *(" ".join(WORDS[n:] + WORDS[:n]) for _ in range(4)))
    lines = rows_of(grid, width)
    assert max(map(len, lines)) <= width
    assert {word for line in lines for word in line.split()} <= {
        *WORDS,
        *"0123",
        *["slot", "role", "used", "for", "read", "by", "written"],
    }


def test_the_cell_that_is_far_too_long_is_folded_and_not_the_others():
    grid = Grid("slot", "role", "used for", "read by", "written by", unbroken=("slot",))
    for n in range(9):
        grid.add(str(n), "device certificate", "signs, attests, ECDH", "key 4, encrypted", "GenKey")
    grid.add("9", "device certificate", "signs, attests, ECDH into 3", "key 4, encrypted", "GenKey")
    assert len(rows_of(grid, 80)) == 12
    assert len(rows_of(grid, 90)) == 11


def test_what_is_longer_than_the_screen_is_broken_and_not_lost():
    grid = Grid()
    grid.add("key", "f" * 200)
    lines = rows_of(grid, 40)
    assert max(map(len, lines)) <= 40 and "".join(lines).count("f") == 200


def test_a_spinner_stands_still_while_somebody_is_asked(monkeypatch):
    screen, said = Screen(stderr=True), []

    class Status:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            said.append("end")

        def start(self):
            said.append("start")

        def stop(self):
            said.append("stop")

    class Console:
        is_terminal, encoding = True, "utf-8"

        def status(self, *_, **__):
            return Status()

    monkeypatch.setitem(screen.__dict__, "_console", Console())
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    with screen.spinner("looking"):
        assert screen.ask("Really?") == "yes\n"
        said.append("asked")
    assert said == ["stop", "start", "asked", "end"]
    screen.ask("And now?")
    assert said[-1] == "end"


# The one place


CLICK = (
    "echo",
    "secho",
    "prompt",
    "confirm",
    "pause",
    "clear",
    "edit",
    "launch",
    "echo_via_pager",
    "progressbar",
)
WAYS = {
    *("print", "sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__", "logging.StreamHandler"),
    *(
        "traceback.print_exc",
        "traceback.print_exception",
        "traceback.print_stack",
        "os.write",
        "getpass.getpass",
    ),
    *(f"click.{name}" for name in (*CLICK, "get_text_stream", "get_binary_stream", "open_file")),
}


def used(path):
    """Dotted names in a module, as far as they have two parts."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


# Not what runs at AWS, where what is printed goes to a log.
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent.name != "functions")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_writes_around_the_screen(path):
    """Neither here nor in a process of its own, whose words are not a user's: it talks to this tool over a pipe."""
    if path.name not in ("screen.py", "worker.py"):
        assert set(used(path)) & WAYS == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_else_knows_rich(path):
    assert path.name == "screen.py" or "rich" not in {name.partition(".")[0] for name in imports(path)}


def test_json_for_people_and_programs_is_written_in_one_place():
    """What a command prints as JSON goes through App.document; a receipt is a file, parameters of calls are lines."""
    found = {path.name for path in (PACKAGE / "cli").glob("*.py") if "json.dumps" in set(used(path))}
    assert found == {"screen.py", "chiplock.py", "config.py", "awscalls.py"}


# The screen


@pytest.mark.parametrize("stderr", [False, True])
def test_lines_blocks_grids_and_styles(capsys, stderr):
    screen, grid, named = Screen(stderr), Grid(), Grid("a", "b")
    grid.add(EVIL, [EVIL, (EVIL, "red")])
    named.add(EVIL, (EVIL, "bold"))
    screen.show(EVIL, grid, named)
    screen.styled(("Error: ", "red"), EVIL)
    with screen.spinner(EVIL):
        pass
    seen = "".join(capsys.readouterr())
    assert is_harmless(seen) and seen.count(r"\x1b]52") > 3
    screen.show(Block("one\ntwo\x1b"))
    assert "".join(capsys.readouterr()) == "one\ntwo\\x1b\n"


def test_json_is_ascii(capsys):
    Screen(stderr=False).document({"ssid": EVIL})
    out = capsys.readouterr().out
    assert out.isascii() and is_harmless(out) and json.loads(out) == {"ssid": EVIL}


def test_a_terminal_that_knows_no_unicode():
    code = "from atecc.cli.screen import Grid, Screen; s = Screen(False); s.styled('K\\xfcche'); g = Grid(); "
    done = subprocess.run(
        [sys.executable, "-c", code + "g.add('K\\xfcche', '\\u53f0'); s.show(g)"],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("K\\xfcche\n") and "\\u53f0" in done.stdout


# Every command, with a board that calls everything by such a name


NUMBERS = {"address", "arch", "kind", "serial", "state", "active", "idle", "sha256", "revision"}
BINARY = {"config", "pubkey", "csr", "certificate", "chain", "ca", "data"}


def poisoned(value, name=""):
    if isinstance(value, dict):
        return {key: poisoned(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [poisoned(one, name) for one in value]
    if isinstance(value, str) and name not in NUMBERS | BINARY:
        return value + EVIL
    return value


@pytest.fixture
def evil(networked):
    """Answers as it should, in words that it should not use."""
    networked.networks = [{"ssid": "home", "bssid": "00", "channel": 6, "rssi": -50, "auth": "open"}]
    networked.files = {"main.py": b"print(1)\n", EVIL.replace("\ud800", ""): b"x"}
    networked.settings["device"]["id"] = "sensor-1"
    networked.inbox = [{"topic": "t", "message": "m"}] * 3
    answer = networked.request

    def request(frame, timeout):
        reply = json.loads(answer(frame, timeout))
        return json.dumps(poisoned(reply)).encode()

    networked.request = request
    return networked


COMMANDS = [
    ["info"], ["wifi", "scan"], ["wifi", "status"], ["wifi", "set", "home", "--no-password"], ["fs", "ls"],
    ["fs", "get", "none"], ["fs", "get", "main.py"], ["config", "get"], ["config", "get", "device.id"],
    ["mqtt", "status"], ["mqtt", "connect"], ["mqtt", "subscribe", "t", "--count", "1"],
    ["mqtt", "publish", "t", "x", "--wait", "t"], ["mqtt", "publish", "t", "x", "--round-trip"],
    ["identity", "status"], ["identity", "discard"], ["operator", "list"], ["operator", "forget"],
    ["operator", "trust"], ["bench", "on"], ["websocket", "off"], ["rpc", "list"], ["rpc", "call", "Sys.GetInfo"],
    ["rpc", "call", "No.Such"], ["doctor"], ["chip", "show"], ["chip", "config", "get"], ["chip", "config", "check"],
    ["chip", "lock", "data"], ["key", "public", "0"], ["key", "public", "9"], ["key", "generate", "0"],
    ["csr", "--slot", "0", "--subject", "CN=x"], ["cert", "factory"], ["reboot"],
    ["app", "status"], ["app", "log"], ["app", "start"], ["app", "stop"],
]  # fmt: skip


@pytest.mark.parametrize("more", [[], ["--json"], ["-vv"]], ids=["plain", "json", "vv"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_boards_words_do_nothing(evil, run, operator, command, more):
    seen = run(evil, *command, *more)
    assert is_harmless(seen.out) and is_harmless(seen.err), (seen.out, seen.err)
    assert "Traceback" not in seen.err and "defect" not in seen.err, seen.err


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_boards_errors_do_nothing(networked, run, operator, command):
    networked.handle = None
    networked.request = lambda frame, timeout: json.dumps(
        {"id": json.loads(frame)["id"], "error": {"code": 500, "kind": "state" + EVIL, "message": EVIL}}
    ).encode()
    seen = run(networked, *command)
    assert is_harmless(seen.out) and is_harmless(seen.err), (seen.out, seen.err)


def test_what_a_user_is_asked_has_the_networks_own_words(networked, run):
    name = EVIL.replace("\ud800", "")
    networked.networks = [{"ssid": name, "bssid": "0", "channel": 1, "rssi": -1, "auth": "wpa2"}]
    seen = run(networked, "wifi", "set", typed="1\npassword\n")
    assert "Password of" in seen.err and is_harmless(seen.err)


def test_names_of_files(board, run, tmp_path):
    """A glob brings them onto the command line."""
    path = tmp_path / f"{EVIL[:40]}.pem".replace("/", "")
    files = ["--ca-cert", path, "--ca-key", path]
    for command in (["chip", "config", "check"], ["fs", "put"], ["cert", "--days", "1", *files, "--csr"]):
        seen = run(board, *command, path)
        assert seen.status in (2, 6) and is_harmless(seen.err), seen.err
    seen = run(board, EVIL[:20])
    assert seen.status == 2 and is_harmless(seen.err)


def test_names_in_certificates(networked, run, ca, operator, tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x\x1b[2J\u202e\nFORGED")])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    (tmp_path / "csr").write_bytes(made.public_bytes(Encoding.PEM))
    seen = run(networked, "cert", *ca.options, "--days", "9", "--csr", tmp_path / "csr")
    assert seen.status == 0 and is_harmless(seen.err) and "x\\x1b[2J" in seen.err
    seen = run(networked, "cert", *ca.options, "--days", "9", "--csr", tmp_path / "csr", "--json")
    assert is_harmless(seen.out) and "x\x1b[2J" in seen.json["subject"]


# A terminal gets text, a pipe gets bytes


def test_a_file_on_a_terminal_is_text(networked, run, monkeypatch):
    networked.files = {"text": b"one\ntwo \x1b[2J\n", "binary": b"\xff\xfe"}
    assert run(networked, "fs", "get", "text").out == "one\ntwo \x1b[2J\n"
    monkeypatch.setattr(Screen, "_stream", property(lambda self: _Terminal()))
    assert run(networked, "fs", "get", "text").out == "one\ntwo \\x1b[2J\n"
    seen = run(networked, "fs", "get", "binary")
    assert seen.status == 2 and "\xff" not in seen.out and "--out FILE" in seen.out


class _Terminal:
    def isatty(self):
        return True

    def __getattr__(self, name):
        return getattr(sys.stdout, name)


# MicroPython's prompt


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (b">>> x\x08 \x08\x1b[K\x1b[3D", b">>> x\x08 \x08\x1b[K\x1b[3D"),
        (b"\x1b[1;31mred\x1b[0m\r\n", b"\x1b[1;31mred\x1b[0m\r\n"),
        (b"\x1b]52;c;ZQ==\x07", rb"\x1b]52;c;ZQ==" + b"\x07"),
        (b"\x1b[77A\x1b[2J\x1b[?25l\x1b[6n", rb"\x1b[77A\x1b[2J\x1b[?25l\x1b[6n"),
        (b"\x1bP+q\x1b\\\x9b2J\x7f", rb"\x1bP+q\x1b\\x9b2J\x7f"),
        ("\u202e\x9bK\u00fc".encode(), rb"\u202e\x9bK" + "\u00fc".encode()),
    ],
)
def test_the_prompt_may_edit_its_line_and_nothing_else(said, shown):
    assert Prompt().harmless(said) == shown
    prompt = Prompt()
    assert b"".join(prompt.harmless(said[n : n + 1]) for n in range(len(said))) == shown


def test_every_command_is_covered():
    """Those that only talk to the board; the others have tests of their own."""

    def leaves(group, words=()):
        for name in group.list_commands(None):
            one = group.get_command(None, name)
            if isinstance(one, click.Group):
                yield from leaves(one, (*words, name))
            else:
                yield (*words, name)

    elsewhere = {
        "operator init", "operator renew", "operator policy", "flash", "install", "console", "config set",
        "config save", "chip config set", "chip config diff", "key import", "fs put", "fs rm", "bench off",
        "websocket on", "mqtt disconnect", "list", "app put", "operator register", "aws certificates", "aws revoke",
        "aws sweep", "aws ca create", "aws ca register", "aws ca list", "aws fleet setup", "aws fleet show",
        "aws fleet claim", "aws fleet remove", "aws rotate", "aws expiring",
    }  # fmt: skip
    known = {" ".join(words) for words in leaves(cli)} - elsewhere
    left = {one for one in known if not one.startswith("provision ")}
    assert {one for one in left if not any(" ".join(words).startswith(one) for words in COMMANDS)} == set()

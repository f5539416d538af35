"""`atecc install` on a board that runs nothing but MicroPython.

The simulated board's own firmware is frozen, and would hide what is copied. A bare board hides what is frozen instead,
asyncio and umqtt apart, which an ESP32 has frozen too: what runs then can only be what was copied. It shows that the
copies are complete and run; that an ESP32's MicroPython takes them, only an ESP32 shows.
"""

import hashlib
import json
import time
from pathlib import Path

import pytest
from atecc.channels.serial import SerialChannel
from atecc.errors import ChannelError
from atecc.install import carry_out, firmware_files, make_plan
from atecc.install.copying import SAME
from repl import Repl
from simboard import Board
from user import User

PINS = ("--pins", "22,21")
TLS_CHIP = {"chip_options": ["--preset", "tls", "--locked"]}
PSRAM = "1m"
TREE = """
import os
def tree(folder):
    for name, kind, *_ in os.ilistdir(folder or "/"):
        path = folder + "/" + name
        if kind & 0x4000:
            yield from tree(path)
        else:
            with open(path, "rb") as f:
                yield path, hashlib.sha256(f.read()).digest().hex()
import hashlib
"""


@pytest.fixture
def board():
    with Board(bare=True, heap=PSRAM, **TLS_CHIP) as board:
        yield board


def files_on(board):
    """{path: SHA-256}."""
    with Repl(board.port) as repl:
        return dict(repl.value("[list(one) for one in tree('')]", TREE))


def write(board, path, content):
    with Repl(board.port) as repl:
        repl.run(f"with open({path!r}, 'w') as f: f.write(given)", content)


def installed():
    return {path: hashlib.sha256(content).hexdigest() for path, content in firmware_files().items()}


def test_what_was_copied_runs(board):
    user = User(board.port)
    assert user.fails(3, "info")
    said = user.succeeds("install", *PINS)
    assert "Next: atecc doctor" in said.out
    board.reset()
    info = user.succeeds("--json", "info").json
    assert info["chip"]["part"] == "ATECC608A"
    with Repl(board.port) as repl:
        names = "['atecc608', 'identity.store', 'link.link', 'rpc.web.server', 'microdot', 'board', 'lazily']"
        places = repl.value(
            f"[getattr(sys.modules[n], '__file__', '') for n in {names}]", "import sys, rpc.web.server"
        )
    assert [place.lstrip("/").split("/")[0] for place in places] == ["lib"] * 5 + ["board.py", "lib"], places
    verdict = user.types("--json", "doctor").json
    assert verdict["first_failure"] == "identity", "all is well up to there"
    assert user.succeeds("key", "generate", "0").out


def test_all_of_it_arrives_and_nothing_else_is_touched(board):
    write(board, "/boot.py", "mine = 1\n")
    write(board, "/notes.txt", "keep me")
    before = files_on(board)
    User(board.port).succeeds("install", *PINS)
    after = files_on(board)
    assert {path: after.get(path) for path in before} == before
    wanted = installed()
    assert {path: after.get(path) for path in wanted} == wanted
    assert set(after) - set(before) - set(wanted) == {"/board.py"}


def test_again_it_has_nothing_to_do(board):
    user = User(board.port)
    user.succeeds("install", *PINS)
    said = user.succeeds("--json", "install", *PINS)
    assert {one["state"] for one in said.json["files"]} == {SAME}


def test_a_changed_file_alone_is_replaced(board):
    user = User(board.port)
    user.succeeds("install", *PINS)
    write(board, "/lib/version.py", "VERSION = 'old'")
    said = user.succeeds("--json", "install")
    assert [one["path"] for one in said.json["files"] if one["state"] == "changed"] == ["/lib/version.py"]
    assert files_on(board)["/lib/version.py"] == installed()["/lib/version.py"]


def test_an_interrupted_copy_is_continued(board):
    """Wherever it is cut off: each file is as it was, or complete."""
    channel = SerialChannel(board.port)
    plan = make_plan(channel, firmware_files())
    done = []

    def until_the_cable_goes(one):
        done.append(one.path)
        if len(done) == 12:
            raise ChannelError("unplugged")

    with pytest.raises(ChannelError):
        carry_out(channel, plan, until_the_cable_goes)
    channel.close()
    write(board, done[-1] + ".part", "half a fi")
    there, wanted = files_on(board), installed()
    assert {path for path in wanted if path in there} == set(done[:-1])
    assert all(there[path] == wanted[path] for path in done[:-1])
    said = User(board.port).succeeds("--json", "install", *PINS)
    assert sum(one["state"] == SAME for one in said.json["files"]) == 11
    assert not [path for path in files_on(board) if path.endswith(".part")]


def test_a_dry_run_writes_nothing(board):
    before = files_on(board)
    said = User(board.port).succeeds("install", "--dry-run", *PINS)
    assert "new      /lib/selfcheck.py" in said.out
    assert "nothing was" in said.out
    assert files_on(board) == before


def test_pins_are_asked_for(board):
    said = User(board.port).fails(2, "install")
    assert "which pins" in said and "--pins" in said
    assert not files_on(board)


def test_a_board_file_of_ones_own(board, tmp_path):
    mine = tmp_path / "board.py"
    mine.write_text((Path(__file__).parents[2] / "boards" / "SIM" / "board.py").read_text())
    User(board.port).succeeds("install", "--board-file", mine)
    assert files_on(board)["/board.py"] == hashlib.sha256(mine.read_bytes()).hexdigest()


COUNTS = """
import time
ticks = 0
while True:
    ticks += 1
    with open("/ticks", "w") as f: f.write(str(ticks))
    time.sleep_ms(20)
"""


def ticks(board):
    with Repl(board.port) as repl:
        return int(repl.run("print(open('/ticks').read() or 0)") or 0)


def test_an_owners_main_runs_beside_the_device(board):
    user = User(board.port)
    write(board, "/main.py", COUNTS)
    mine = files_on(board)["/main.py"]
    assert "moved    /program.py" in user.succeeds("install", *PINS, "--dry-run").out
    assert files_on(board)["/main.py"] == mine
    assert "moving main.py to /program.py" in user.succeeds("install", *PINS).err
    there = files_on(board)
    assert there["/program.py"] == mine
    assert there["/main.py"] == installed()["/main.py"]
    board.reset()
    assert "/program.py  running" in user.succeeds("info").out
    before = ticks(board)  # which interrupts whatever runs in front, as mpremote does
    deadline = time.monotonic() + 15
    while ticks(board) == before:
        assert time.monotonic() < deadline, "it stands still"
    said = user.succeeds("--json", "install", *PINS)
    assert {one["state"] for one in said.json["files"]} == {SAME}


def test_a_move_is_the_last_but_one_and_is_continued(board):
    """Cut off behind it there is no main.py: the same command again writes it."""
    write(board, "/main.py", "mine = 1\n")
    mine = files_on(board)["/main.py"]
    channel = SerialChannel(board.port)
    files = {"/lib/version.py": b"VERSION = 1", "/main.py": b"import device"}
    plan = make_plan(channel, files)
    assert [(one.path, one.state) for one in plan.states] == [
        ("/lib/version.py", "new"), ("/program.py", "moved"), ("/main.py", "new"),
    ]  # fmt: skip

    def until_the_cable_goes(one):
        if one.path == "/main.py":
            raise ChannelError("unplugged")

    with pytest.raises(ChannelError):
        carry_out(channel, plan, until_the_cable_goes)
    again = make_plan(channel, files)
    assert [(one.path, one.state) for one in again.states if one.state != SAME] == [("/main.py", "new")]
    carry_out(channel, again, lambda _: None)
    channel.close()
    there = files_on(board)
    assert (there["/program.py"], there["/main.py"]) == (mine, hashlib.sha256(b"import device").hexdigest())


def test_two_programs_of_the_owners_stay(board):
    write(board, "/main.py", "print('mine')\n")
    write(board, "/program.py", "print('mine too')\n")
    before = files_on(board)
    assert "a main.py of its own, and a program.py" in User(board.port).fails(5, "install", *PINS)
    assert files_on(board) == before


def test_an_owners_main_that_starts_the_device_stays(board):
    write(board, "/main.py", "print('mine')\nimport device\n")
    mine = files_on(board)["/main.py"]
    User(board.port).succeeds("install", *PINS)
    assert files_on(board)["/main.py"] == mine
    assert "/program.py" not in files_on(board)


def test_a_board_whose_firmware_is_frozen():
    with Board(**TLS_CHIP) as board:
        said = User(board.port).fails(3, "install", *PINS)
        assert "frozen" in said and "make flash" in said
        assert not [path for path in files_on(board) if path.startswith("/lib")]


def test_what_an_older_version_has_left_goes_and_what_is_the_owners_stays(board):
    user = User(board.port)
    user.succeeds("install", *PINS)
    for path in ("/lib/rpc/web/older.py", "/lib/rpc/notes.txt", "/lib/mine.py"):
        write(board, path, "kept = 1\n")
    assert "gone     /lib/rpc/web/older.py" in user.succeeds("install", *PINS, "--dry-run").out
    assert "/lib/rpc/web/older.py" in files_on(board)
    assert "removing /lib/rpc/web/older.py" in user.succeeds("install", *PINS).err
    there = files_on(board)
    assert "/lib/rpc/web/older.py" not in there
    assert {"/lib/rpc/notes.txt", "/lib/mine.py"} <= {*there}


def test_a_board_with_too_little_memory():
    with Board(bare=True, idf_heap="128k", **TLS_CHIP) as board:
        said = User(board.port).fails(3, "install", *PINS)
        assert "board with PSRAM" in said and "make firmware" in said
        assert not files_on(board)


def test_over_the_network_it_is_not_possible():
    assert "USB cable" in User("ws://127.0.0.1:1").fails(2, "install", *PINS)


@pytest.mark.parametrize("pins", ["22", "22,22", "a,b", "22,21,7"])
def test_pins_that_are_none(board, pins):
    User(board.port).fails(2, "install", "--pins", pins)


def test_json_names_every_file(board):
    said = User(board.port).succeeds("--json", "install", "--dry-run", *PINS)
    assert json.loads(said.out)["dry_run"] is True
    assert {one["path"] for one in said.json["files"]} == {*installed(), "/board.py"}

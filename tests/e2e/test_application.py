"""The owner's program beside the device: it runs, speaks, fails, and is left alone, and the cable does not kill it."""

import json
import threading
import time

import pytest
from field import in_the_field
from repl import Repl

COUNTS = """
import time
ticks = 0
while True:
    ticks += 1
    for _ in range(5):
        print("tick", ticks)
    with open("/ticks", "w") as f: f.write(str(ticks))
    time.sleep_ms(20)
"""


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)
    return found


def write(port, path, text):
    with Repl(port) as repl:
        folder = path.rpartition("/")[0]
        if folder:
            repl.run(f"import os\ntry: os.mkdir({folder!r})\nexcept OSError: pass")
        repl.run(f"with open({path!r}, 'w') as f: f.write(given)", text)


def programs(user):
    return {one["path"]: one for one in user.succeeds("app", "status", "--json").json["programs"]}


def ticks(user):
    with Repl(user.port) as repl:
        return int(repl.run("print(open('/ticks').read() or 0)") or 0)


def test_it_runs_at_each_start_and_the_cable_does_not_stop_it(user):
    write(user.port, "/main.py", COUNTS)
    user.bench.board.reset()
    assert user.succeeds("info").out.count("/main.py  running") == 1
    before = ticks(user)  # which interrupts whatever runs in front, as mpremote does
    assert user.succeeds("info") and user.succeeds("mqtt", "status")
    until(lambda: ticks(user) > before)
    assert programs(user)["/main.py"]["state"] == "running"
    assert "\ntick " in user.succeeds("app", "log").out, "what it prints is kept, and garbles no answer"


def test_what_fails_three_times_is_left_alone_until_it_changes(user, tmp_path):
    program = tmp_path / "bad.py"
    program.write_text("def main():\n    raise ValueError('a bad day')\n")
    user.succeeds("app", "put", program)
    until(lambda: programs(user)["/app"]["state"] == "left alone")
    assert programs(user)["/app"]["failures"] == 3
    user.bench.board.reset()
    info = user.succeeds("info").out
    assert "left alone" in info and "ValueError: a bad day" in info
    assert "a bad day" in user.succeeds("app", "log").out
    assert "ValueError: a bad day" in user.types("doctor").out
    program.write_text("import atecc\ndef main():\n    atecc.log('a good day')\n")
    user.succeeds("app", "put", program)
    until(lambda: programs(user)["/app"]["state"] == "ended")
    assert "a good day" in user.succeeds("app", "log").out


def test_it_is_put_stopped_and_started(user, tmp_path):
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "__init__.py").write_text("from .part import main\n")
    (folder / "part.py").write_text(
        "import atecc, time\ndef main():\n    while True:\n        atecc.connected()\n        time.sleep_ms(20)\n"
    )
    said = user.succeeds("app", "put", folder, "--json").json
    assert said["written"] == ["__init__.py", "part.py"]
    assert user.succeeds("app", "put", folder, "--json").json["written"] == []
    assert programs(user)["/app"]["state"] == "running"
    user.succeeds("app", "stop")
    until(lambda: programs(user)["/app"]["state"] == "stopped")
    user.bench.board.reset()
    assert programs(user)["/app"]["state"] == "stopped"
    user.succeeds("app", "start")
    assert programs(user)["/app"]["state"] == "running"
    (folder / "part.py").unlink()
    (folder / "__init__.py").write_text("")
    assert user.succeeds("app", "put", folder, "--json").json["removed"] == ["part.py"]
    assert "has no __init__.py" in user.fails(2, "app", "put", tmp_path)


# With a broker.


@pytest.fixture
def field(user, tmp_path):
    with in_the_field(user, tmp_path) as field:
        yield field


class Heard:
    """Somebody at the broker, and what came to topics of the device."""

    def __init__(self, field, *topics):
        self.messages = []
        self.subscribed = threading.Event()
        self.client = field.client(
            on_message=lambda _, __, message: self.messages.append(message),
            on_connect=lambda client, *_: client.subscribe([(topic, 1) for topic in topics]),
            on_subscribe=lambda *_: self.subscribed.set(),
        )
        assert self.subscribed.wait(10)

    def __getitem__(self, topic):
        return [json.loads(one.payload) for one in list(self.messages) if one.topic == topic]

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


INTERFACE = """
import atecc

def main():
    atecc.on_change(lambda on: atecc.log("changed %s" % on))
    atecc.subscribe("ask", lambda topic, message: atecc.publish("answer", message))
    atecc.publish("early", 1)
    assert atecc.wait_connected(20)
    thing, identity = atecc.thing, atecc.identity()
    try:
        atecc.sign(b"x", 0)
    except Exception as e:
        refused = e.kind
    atecc.publish("all", {
        "name": thing.name, "days": identity["days_left"], "random": len(atecc.random(40)), "refused": refused,
        "own": atecc.settings.get("every", 5), "signature": len(atecc.sign(b"x", 2)), "flushed": atecc.flush(),
    })
"""


def test_the_interface(field, tmp_path):
    user = field.user
    user.succeeds("key", "generate", "2")
    program = tmp_path / "program.py"
    program.write_text(INTERFACE)
    heard = Heard(field, "linked/#")
    user.succeeds("app", "put", program)
    said = until(lambda: heard["linked/all"])[0]
    assert said == {
        "name": "linked", "days": 4, "random": 40, "refused": "refused", "own": 5, "signature": 64, "flushed": True,
    }  # fmt: skip
    assert heard["linked/early"] == [1]
    heard.client.publish("linked/ask", b'"question"', 1)
    assert until(lambda: heard["linked/answer"]) == ["question"]
    user.succeeds("config", "set", "app.every=7", "--save")
    assert json.loads(user.succeeds("config", "get", "app", "--json").out)["every"] == 7
    assert "not 'often'" in user.fails(2, "config", "set", "app.every=often")
    heard.close()


READINGS = """
import atecc, threads
def main():
    life = atecc.settings.get("life", 0) + 1
    atecc.settings.set("life", life)
    n = 0
    while True:
        atecc.publish("reading", [life, n])
        n += 1
        threads.pause(100)
"""


@pytest.mark.waits
def test_nothing_is_lost_while_the_identity_changes_and_people_come_and_go(field, tmp_path):
    """Over wss and over MQTT, with atecc and mpremote at the cable, a broker that goes and comes, and power that is cut
    in the middle of a change."""
    user, program = field.user, tmp_path / "program.py"
    program.write_text(READINGS)
    heard = Heard(field, "linked/reading")
    user.succeeds("app", "put", program)
    until(lambda: heard["linked/reading"])
    field.provision("--port", field.address("wss"))
    assert user.succeeds("info")
    heard.subscribed.clear()
    field.broker.stop()
    before = heard["linked/reading"][-1][1]
    field.broker.start()
    assert heard.subscribed.wait(20)
    until(lambda: heard["linked/reading"][-1][1] > before + 10)
    after = min(n for _, n in heard["linked/reading"] if n > before)
    field.provision("--port", field.address("mqtts"))
    taken = memory_taken(user)  # by now all that stays is loaded
    for way in ("wss", "mqtts"):
        field.provision("--port", field.address(way))
    assert memory_taken(user) < taken + 1024, "a change of identity leaves nothing behind"
    with Repl(user.port) as repl:
        assert repl.value("atecc.lost", "import atecc") == 0, "there was room for all of it"
    with field.device("wss") as operator:
        operator.begin([[("CN", "linked")]])
        user.bench.board.power_cycle()
    until(lambda: [n for life, n in heard["linked/reading"] if life == 2 and n > 10])
    assert programs(user)["/app"]["state"] == "running"
    field.provision()
    found = [tuple(one) for one in heard["linked/reading"]]
    Repl(user.port, alone=True).close()  # as every plain mpremote command begins
    assert "/app  stopped" in user.succeeds("info").out
    heard.close()
    once = set(found) | {
        (1, n) for n in range(before, after)
    }  # then the broker knew of nobody who wants to hear them
    for life in (1, 2):
        numbers = [n for one, n in once if one == life]
        assert len(numbers) == max(numbers) - min(numbers) + 1, "none is missing"
    assert min(once) <= (1, 1) and (2, 0) in once
    assert len(found) - len(set(found)) <= 5, "none comes twice but where a connection was cut"
    firsts = [one for i, one in enumerate(found) if one not in found[:i]]
    assert firsts == sorted(firsts), "in their order"


KEPT = """
import atecc
def main():
    if not atecc.settings.get("told", False):
        for n in range(5):
            atecc.publish("kept", str(n), keep=True)
        atecc.settings.set("told", True)
"""


def test_what_is_kept_outlives_a_power_cut(field, tmp_path):
    user, program = field.user, tmp_path / "program.py"
    field.broker.stop()
    program.write_text(KEPT)
    user.succeeds("app", "put", program)
    until(lambda: programs(user)["/app"]["state"] == "ended")
    user.bench.board.power_cycle()
    assert waiting(user) == 5
    field.broker.start()
    until(lambda: waiting(user) == 0)


def waiting(user):
    with Repl(user.port) as repl:
        return repl.value("atecc.waiting", "from rpc import serial\nserial.start()\nimport atecc")


def test_the_oldest_goes_first_and_is_counted(field, tmp_path):
    user, program = field.user, tmp_path / "program.py"
    field.broker.stop()
    program.write_text(
        "import atecc\ndef main():\n    for n in range(40):\n        atecc.publish('many', n)\n"
    )
    user.succeeds("app", "put", program)
    until(lambda: programs(user)["/app"]["state"] == "ended")
    with Repl(user.port) as repl:
        waiting, lost = repl.value("[atecc.waiting, atecc.lost]", "import atecc")
    assert (waiting, lost) == (32, 8)


def memory_taken(user):
    """The least of some looks: what is on its way comes and goes."""
    with Repl(user.port) as repl:
        return min(int(repl.run("import gc\ngc.collect()\nprint(gc.mem_alloc())")) for _ in range(5))


# What `atecc app` says of it.


def test_a_board_without_a_program_says_what_brings_one(user):
    for said in (user.fails(5, "app", "start"), user.succeeds("app", "status").out):
        assert "`atecc app put" in said


def test_a_program_that_does_not_end_is_not_started_once_more(user, tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import _thread\nlock = _thread.allocate_lock()\nlock.acquire()\nlock.acquire()\n")
    assert "program.py is on the board as /app/__init__.py" in user.succeeds("app", "put", program).out
    assert "It has told nothing" in user.succeeds("app", "log").out
    assert "stopping" in user.succeeds("app", "stop").out
    assert "has not ended yet, and was not started" in user.fails(5, "app", "start")


# The examples.


def example(user, name):
    user.succeeds("app", "put", f"firmware/examples/{name}.py")


def test_examples_are_short():
    from pathlib import Path

    for path in Path("firmware/examples").glob("*.py"):
        assert len(path.read_text().splitlines()) < 40


def test_examples_command_shadow_and_sensor(field):
    """One after the other: the first two have subscribed when they end, and the next one takes their place."""
    for show in (command, shadow, sensor):
        show(field)


def command(field):
    heard = Heard(field, "linked/lamp/state")
    example(field.user, "command")
    until(lambda: "lamp" in field.user.succeeds("mqtt", "status").out)

    def answer():
        """The broker may not know yet what the device wants."""
        heard.client.publish("linked/lamp", b'{"on": true}', 1)
        time.sleep(0.2)
        return heard["linked/lamp/state"]

    assert until(answer)[0] == {"on": True}
    heard.close()


def shadow(field):
    base = "$aws/things/linked/shadow/"
    heard = Heard(field, base + "update", base + "get")
    example(field.user, "shadow")
    assert until(lambda: heard[base + "update"])[0] == {"state": {"reported": {"brightness": 0}}}
    until(lambda: [one for one in heard.messages if one.topic == base + "get"])
    heard.client.publish(base + "update/delta", b'{"state": {"brightness": 3}}', 1)
    until(lambda: {"state": {"reported": {"brightness": 3}}} in heard[base + "update"])
    heard.close()


def sensor(field):
    heard = Heard(field, "linked/temperature")
    example(field.user, "sensor")
    assert until(lambda: heard["linked/temperature"])[0] == {"celsius": 21.5}
    heard.close()


def test_example_asyncio(field):
    heard = Heard(field, "linked/#")
    example(field.user, "with_asyncio")
    until(lambda: heard["linked/count"])
    heard.client.publish("linked/ask", b"7", 1)
    assert until(lambda: heard["linked/ask/answer"]) == [7]
    with field.device("wss") as operator:  # whose server has an asyncio of its own
        assert operator.info().id == "linked"
    seen = heard["linked/count"][-1]
    assert until(lambda: heard["linked/count"][-1] > seen)
    heard.close()


NO_SLEEP = """
import atecc.sleep, lazily, sys
class Machine:
    slept = []
    @staticmethod
    def deepsleep(ms):
        Machine.slept.append(ms)
sleep = atecc.sleep
sleep.machine = Machine
"""


def test_example_deepsleep(field):
    """And a sleep waits for a change of identity that is under way."""
    heard = Heard(field, "linked/awake")
    with field.device("wss") as operator:
        begun = operator.begin([[("CN", "linked")]])
        with Repl(field.user.port) as repl:
            repl.run(NO_SLEEP)
        example(field.user, "deepsleep")
        assert until(lambda: heard["linked/awake"])[0] == {"days_left": 4}
        assert slept(field.user) == [], "it waits"
        operator.discard(begun.token)
    assert until(lambda: slept(field.user)) == [60_000]
    heard.close()


def slept(user):
    with Repl(user.port) as repl:
        return repl.value("atecc.sleep.machine.slept", "import atecc.sleep")

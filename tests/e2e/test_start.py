"""A start is whole: who comes to the prompt in the middle of it finds it, and the device starts all the same."""

import os
import threading
import time

import pytest
from repl import Repl
from simboard.served import Served

CTRL_C = b"\x03"
MOMENTS_MS = [0, 20, 35, 50, 65, 80, 100, 130, 170, 250]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Provisioned: with wss://, and MQTT."""
    with Served("wss://127.0.0.1:0", into=tmp_path_factory.mktemp("into")) as made:
        yield made


def interrupted(board, ms, keys=CTRL_C):
    """The reset button, and so much later somebody at the cable."""
    pressed = threading.Thread(target=board.reset)
    pressed.start()
    time.sleep(ms / 1000)
    line = os.open(board.port, os.O_RDWR | os.O_NOCTTY)
    os.write(line, keys)
    os.close(line)
    pressed.join()


@pytest.mark.parametrize("keys", [CTRL_C, CTRL_C * 2], ids=["Ctrl-C", "twice"])
@pytest.mark.parametrize("ms", MOMENTS_MS)
def test_ctrl_c_during_the_start(served, ms, keys):
    interrupted(served.board, ms, keys)
    with served.owner() as owner:
        served.wait(owner)
        assert owner.mqtt_connect().state == "connected"


@pytest.mark.parametrize("ms", [120, 200])
def test_once_it_has_begun_it_needs_no_further_word(served, ms):
    interrupted(served.board, ms)
    time.sleep(1.5)
    with Repl(served.board.port) as repl:
        if repl.value("'device' in sys.modules", "import sys"):
            assert repl.value("device.link.state", "import device") == "connected"


def test_a_device_that_was_never_started_starts_with_the_first_call(served):
    """As after a soft reset into the raw REPL, or a Ctrl-C before main.py."""
    served.board.reset()
    with Repl(served.board.port, alone=True) as repl:
        assert repl.value("'device' in sys.modules", "import sys") is False
    with served.owner() as owner:
        served.wait(owner)
        assert owner.mqtt_connect().state == "connected"


def test_what_fails_at_the_start_stops_nothing_else(served):
    with Repl(served.board.port, alone=True) as repl:
        repl.run(
            "from link.wifi import Station\n"
            "def fail(self, *a): raise MemoryError\n"
            "Station.start = fail\n"
            "import settings\nsettings._KEYS = (('wifi.sta.enable', 'flag', (), True),) + settings._KEYS\n"
            "from rpc import serial\nserial.start()"
        )
        assert repl.value("[type(e).__name__ for e in device.trouble if e]", "import device") == [
            "MemoryError"
        ]
    with served.owner() as owner:
        served.wait(owner)
        assert owner.mqtt_connect().state == "connected"


def test_a_start_that_was_cut_off_keeps_no_program_from_running(served):
    """As by a Ctrl-C before main.py. Only who resets MicroPython softly takes the board for himself."""
    with served.owner() as owner:
        owner.write_program("__init__.py", b"import time\nwhile True: time.sleep_ms(50)\n")
    with Repl(served.board.port) as repl:
        repl.run("with open('/boot.py', 'w') as f: f.write('raise KeyboardInterrupt')")
    served.board.reset()
    with Repl(served.board.port) as repl:
        assert repl.value("'device' in sys.modules", "import sys") is False
    with served.owner() as owner:
        served.wait(owner)
        assert [one.state for one in owner.programs()[0]] == ["running"]
    with Repl(served.board.port) as repl:
        repl.run("import os\nos.remove('/boot.py')\nos.remove('/app/__init__.py')")

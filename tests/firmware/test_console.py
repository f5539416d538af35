"""rpc/console.py: what listens to the REPL takes no memory, for there may be none any more that it could take."""

import json

from repl import Repl
from simboard import Board

LISTEN = """
import micropython, os
from rpc.console import Watch
watch = Watch(None)
before = os.dupterm(watch)
"""
HEARD = (
    """
def hear(write):
    for text in ("MPY: soft reboot\\r\\n", ">>> ", '"', '"', "x", '"""
    """', "", ">>> ", '"', '"', '"'):
        write(text)
import sys
write = sys.stdout.write
micropython.heap_lock()
hear(write)
micropython.heap_unlock()
kept = os.dupterm(before)
"""
)


def heard(micropython: Repl, expression: str, setup: str) -> object:
    said = micropython.run(f"{setup}{HEARD}\nprint('\\n' + json.dumps({expression}))")
    return json.loads(said.splitlines()[-1])


def test_it_takes_no_memory(micropython: Repl) -> None:
    """While the heap is locked, whoever wants memory gets a MemoryError, and a terminal with an error is dropped."""
    assert heard(micropython, "[kept is watch, watch._seen]", LISTEN) == [True, 9]


def test_a_terminal_that_takes_memory_would_be_dropped(micropython: Repl) -> None:
    greedy = "class Greedy(Watch):\n    def write(self, data):\n        return len(bytes(data))\nwatch = Greedy(None)\n"
    assert heard(micropython, "kept is None", LISTEN.replace("watch = Watch(None)\n", greedy)) is True


def test_quotes_of_another_thread_are_nobodys_echo(micropython: Repl) -> None:
    setup = """
import _thread, time
from rpc.console import Watch
ran = []
watch = Watch(lambda: ran.append(1) or b"")
def other():
    watch.write(b">>> ")
    for _ in range(6):
        watch.write(b'"')
    ran.append(0)
_thread.start_new_thread(other, ())
while not ran:
    time.sleep_ms(1)
"""
    assert micropython.value("[ran, watch._seen]", setup) == [[0], 0]


PRINTS = """
import _thread, time, prints
from rpc.console import Watch
class Program:
    told = []
    note = told.append
    is_me = staticmethod(lambda: True)
prints.of(Program)
watch = Watch(None)
def say(text):
    done = _thread.allocate_lock()
    done.acquire()
    _thread.start_new_thread(lambda: (print(text, "here"), done.release()), ())
    done.acquire()
for what in ("raw REPL; CTRL-B to exit\\r\\n", ">>> ", "raw REPL; CTRL-B to exit\\r\\n", "x"):
    watch.write(what.encode())
    say(what.strip())
print("from the prompt")
print("\\n" + repr(Program.told))
"""


def test_what_a_thread_prints_is_on_the_line_only_while_no_host_asks_there(micropython: Repl) -> None:
    *printed, told = micropython.run(PRINTS).split("\r\n")[:-1]
    assert printed == [">>> here", "from the prompt", ""]
    assert told.count("raw REPL") == 2 and "'>>> here\\n'" in told and "'x here\\n'" in told


def test_soft_resets_one_after_the_other() -> None:
    """A board ends with a word where a terminal takes memory of a heap that was swept (tests/sim): ours does not."""
    with Board(chip=False) as board, Repl(board.port) as repl:
        for _ in range(5):
            repl.soft_reset()
            assert repl.value("1 + 1") == 2

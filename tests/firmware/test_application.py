"""application.py: a program that hangs is left alone too, where a watchdog ends it."""

from repl import Repl

SETUP = """
import application, os
class Machine:
    WDT_RESET = 3
    cause = 3
    @staticmethod
    def reset_cause():
        return Machine.cause
class Clock:
    time = 800000000
    @staticmethod
    def now():
        return Clock.time
application.machine, application.clock = Machine, Clock
application._execute = lambda path: None
def put(text):
    with open("/program.py", "w") as f:
        return f.write(text)
put("while True: pass")
for side in (".0", ".1"):
    try:
        os.remove("/application.main" + side)
    except OSError:
        pass
def start(cause, after):
    Machine.cause = cause
    Clock.time += after
    program = application.Application("/program.py")
    program.begin()
    return [program.state != "left alone", program.failures]
"""


def test_what_the_watchdog_ends_three_times_soon_after_the_start_is_left_alone(micropython: Repl) -> None:
    starts = "[start(3, 0), start(3, 70), start(1, 5), start(3, 20), start(1, 900)]"
    found = micropython.value(starts, SETUP)
    assert found == [[True, 1], [True, 2], [True, 2], [False, 3], [False, 3]]
    words = "[start(3, 0), start(3, 70), start(3, 20), application.Application('/program.py').trace]"
    assert "watchdog" in micropython.value(words, SETUP)[-1]


def test_a_hang_now_and_then_is_no_reason(micropython: Repl) -> None:
    assert micropython.value("[start(3, 0), start(3, 86400), start(3, 3600)]", SETUP) == [[True, 1]] * 3


def test_it_runs_again_when_it_has_changed(micropython: Repl) -> None:
    starts = "[start(3, 0), start(3, 9), start(3, 9), put('pass'), start(1, 9)]"
    assert micropython.value(starts, SETUP)[2:] == [[False, 3], 4, [True, 0]]

"""What ends a command from outside: Ctrl-C, SIGTERM and SIGHUP all let it clean up, a second one stops that too."""

from __future__ import annotations

import contextlib
import signal
from types import FrameType

_NAMES = ("SIGTERM", "SIGHUP")


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP, as if somebody had pressed Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def _raise(number: int, frame: FrameType | None) -> None:
    raise Terminated(number)


_taken: list[int] = []


def take() -> None:
    """From now on, for a process that is this command's; what is ignored already (nohup) stays ignored."""
    _taken[:] = _known()
    for number in _taken:
        with contextlib.suppress(ValueError):  # in another thread than the main one, a test's for example
            if signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, _raise)


def ignore() -> None:
    """It ends anyway: whoever is impatient gets no traceback."""
    for number in (signal.SIGINT, *_taken) if _taken else ():
        with contextlib.suppress(ValueError, KeyboardInterrupt):
            signal.signal(number, signal.SIG_IGN)


def _known() -> list[int]:
    return [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]

"""The command table: every command module adds its own lines to it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from simchip.core import Core
from simchip.packet import Packet
from simchip.timing import Times

Handler = Callable[[Core, Packet], bytes]


class TempKeyLife(Enum):
    """What a command leaves of TempKey (DS508 §2.5.1)."""

    KEPT = auto()
    LOST_ON_ERROR = auto()
    CONSUMED = auto()  # unless the command loaded it, or says that it leaves it alone


@dataclass(frozen=True)
class Command:
    name: str
    opcode: int
    time: Times
    temp_key: TempKeyLife
    run: Handler


COMMANDS: dict[int, Command] = {}


def command(
    name: str,
    opcode: int,
    ms: tuple[int, int, int],
    temp_key: TempKeyLife = TempKeyLife.CONSUMED,
    *,
    typical: float | None = None,
) -> Callable[[Handler], Handler]:
    """Enter a function as the command of that name; `ms` are its maxima with M0, M1, M2, `typical` the 508's time."""

    def enter(function: Handler) -> Handler:
        COMMANDS[opcode] = Command(name, opcode, Times(*ms, typical), temp_key, function)
        return function

    return enter

"""The firmware's modules, put on a board that runs a suitable MicroPython already."""

from atecc.install.boardfile import board_file, parse_pins
from atecc.install.copying import Copied, Plan, carry_out, make_plan
from atecc.install.sources import firmware_files
from atecc.install.suitable import Found, judge, look

__all__ = [
    "Copied",
    "Found",
    "Plan",
    "board_file",
    "carry_out",
    "firmware_files",
    "judge",
    "look",
    "make_plan",
    "parse_pins",
]

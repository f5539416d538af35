"""What a board says when no prompt answers, and what that means. The words are ESP-IDF's, the ROM's, MicroPython's."""

from __future__ import annotations

import re

from atecc.errors import ChannelError, ChannelTimeout

_FLASH = "`atecc flash` writes a firmware that starts."
# The first line of a start: of a chip since the ESP32-S2, or of an ESP32.
_START = re.compile(rb"ESP-ROM:|ets [A-Z][a-z]{2} +\d+ \d{4}")
_REASONS = (
    (rb"invalid header: 0x(?i:f{8})", "its flash is empty", _FLASH),
    (rb"invalid header", "what its flash holds is no firmware", _FLASH),
    (
        rb"[Bb]rownout",
        "its supply breaks down",
        "Try another cable, another USB port, or a supply of its own: Wi-Fi takes 0.5 A for moments.",
    ),
    (rb"Guru Meditation Error|abort\(\) was called", "its firmware crashes at the start", _FLASH),
    (rb"rst:0x[0-9a-f]+ \(\w*WDT\w*\)|TG\d*WDT", "its watchdog restarts it", _FLASH),
)


def why_no_prompt(port: str, heard: bytes, seconds: float = 0.0, talking: bool = False) -> ChannelError:
    """The error for a port on which `heard` was the last that came, and none of it MicroPython's raw prompt.

    `seconds`: for how long that was waited for; `talking`: whether something still came in the end.
    """
    if b"waiting for download" in heard:
        return ChannelError(
            f"The board on {port} is in its bootloader, and waits to be flashed.",
            f"Its RESET button starts what is in the flash; {_FLASH}",
        )
    if len(_START.findall(heard)) > 1:
        return _loop(port, heard)
    if b"appears to be corrupted" in heard:
        return no_file_system()
    if b">>>" in heard or b"raw REPL" in heard:
        return ChannelError(
            f"MicroPython is on {port}, but within {seconds:.0f} s it did not come to its prompt: it is busy, or its "
            "own output gets in between.",
            "Try again in a moment; its RESET button ends whatever it does.",
        )
    return ChannelError(
        f"No MicroPython answers on {port}: {_silence(heard, seconds, talking)}.", _WHO_IS_THERE
    )


_WHO_IS_THERE = (
    "Is it the right port, and does the board run this project's firmware? "
    'The README, "On a real board", tells how it gets there.'
)


def _silence(heard: bytes, seconds: float, talking: bool) -> str:
    if talking:
        return f"something there talks without end, and did not stop within {seconds:.0f} s"
    if heard:
        return f"something there talks, but gave no prompt within {seconds:.0f} s"
    return f"not a byte came within {seconds:.0f} s"


def why_overdue(port: str, seconds: float, received: int, talking: bool) -> ChannelTimeout:
    """The error for a board at whose prompt something was begun that did not end."""
    if talking:
        return ChannelTimeout(
            f"The board on {port} talks without end: in {seconds:.0f} s it sent {received} bytes, and no end of its "
            "answer.",
            "Its RESET button ends whatever it does.",
        )
    return ChannelTimeout(f"The board on {port} did not answer within {seconds:.0f} s.")


def _loop(port: str, heard: bytes) -> ChannelError:
    for words, reason, hint in _REASONS:
        if re.search(words, heard):
            return ChannelError(f"The board on {port} starts over and over: {reason}.", hint)
    return ChannelError(
        f"The board on {port} starts over and over.", f"`mpremote` or a terminal shows what it says. {_FLASH}"
    )


def no_file_system() -> ChannelError:
    return ChannelError(
        "The board's flash holds what MicroPython takes for no file system, and leaves alone.",
        "`atecc flash` clears what another firmware left there.",
    )

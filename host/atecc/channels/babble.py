"""What a board says when no prompt answers, and what that means. The words are ESP-IDF's, the ROM's, MicroPython's."""

from __future__ import annotations

import re

from atecc.errors import ChannelError

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


def why_no_prompt(port: str, heard: bytes) -> ChannelError:
    """The error for a port on which `heard` was all that came, and none of it MicroPython's prompt."""
    if b"waiting for download" in heard:
        return ChannelError(
            f"The board on {port} is in its bootloader, and waits to be flashed.",
            f"Its RESET button starts what is in the flash; {_FLASH}",
        )
    if len(_START.findall(heard)) > 1:
        return _loop(port, heard)
    if b"appears to be corrupted" in heard:
        return no_file_system()
    return ChannelError(
        f"No MicroPython answers on {port}.",
        "Is it the right port, and does the board run this project's firmware? "
        'The README, "On a real board", tells how it gets there.',
    )


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

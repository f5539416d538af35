"""Finding the one board that is plugged in, and saying why a port can't be opened."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from typing import Any

from atecc.errors import ChannelError

# USB vendors whose chips stand between a computer and an ESP32.
BRIDGES = {
    0x10C4: "CP210x",
    0x1A86: "CH340/CH9102",
    0x0403: "FTDI",
    0x303A: "ESP32's own USB",
}


def serial_ports() -> list[Any]:
    """All that there are, as pyserial tells of them."""
    from serial.tools.list_ports import comports

    return sorted(comports(), key=lambda port: str(port.device))


def board_ports(ports: Iterable[Any]) -> list[Any]:
    """Those that look like an ESP32 board's."""
    return [port for port in ports if port.vid in BRIDGES]


def find_port(ports: Iterable[Any] | None = None) -> str:
    """The only serial port that looks like an ESP32 board."""
    every = serial_ports() if ports is None else sorted(ports, key=lambda port: str(port.device))
    boards = board_ports(every)
    if len(boards) == 1:
        return str(boards[0].device)
    if boards:
        listing = ", ".join(f"{p.device} ({BRIDGES[p.vid]})" for p in boards)
        raise ChannelError(
            f"{len(boards)} boards are plugged in: {listing}.",
            f"Say which one: --port {boards[0].device}, --serial CHIP, or set ATECC_PORT. `atecc list` shows them.",
        )
    others = [str(p.device) for p in every if p.vid is not None]
    seen = f" Other USB serial ports: {', '.join(others)}." if others else ""
    raise ChannelError(
        f"No board found: no serial port of an ESP32 board is there.{seen}",
        "Plug the board in with a data cable, or name its port with --port (or ATECC_PORT).",
    )


def why_not_open(port: str) -> ChannelError:
    """A port could not be opened: find out why, in a user's words."""
    if "://" not in port and not os.path.exists(port) and os.name == "posix":
        return _not_there(port)
    code = _errno_of_opening(port)
    if code == errno.ENOENT:
        return _not_there(port)
    if code in (errno.EACCES, errno.EPERM):
        return ChannelError(
            f"No permission to use {port}.",
            "On Debian and Ubuntu: `sudo usermod -aG dialout $USER`, then log in again.",
        )
    if code in (errno.EBUSY, errno.EAGAIN):
        return ChannelError(
            f"{port} is in use by another program.", "Close the terminal, mpremote or IDE that has it open."
        )
    if code in (errno.ENOTTY, errno.EINVAL):
        return ChannelError(f"{port} is not a serial port.")
    return ChannelError(f"{port} can't be opened{': ' + os.strerror(code) if code else ''}.")


def _not_there(port: str) -> ChannelError:
    return ChannelError(
        f"There is no serial port {port}.", "Is the board plugged in? Without --port, atecc looks for it."
    )


# Windows' reasons are in pyserial's words only, and it denies access to what another program has open.
_SAID = {
    "lock port": errno.EAGAIN,
    "configure port": errno.ENOTTY,
    "permissionerror": errno.EBUSY,
    "filenotfounderror": errno.ENOENT,
}


def _errno_of_opening(port: str) -> int | None:
    """mpremote swallows the reason: open it once more to see it."""
    import serial

    try:
        serial.serial_for_url(port, exclusive=True).close()
    except OSError as error:
        text = str(error).lower()
        return next((code for words, code in _SAID.items() if words in text), error.errno)
    except (ValueError, AttributeError):
        return errno.EINVAL
    return None

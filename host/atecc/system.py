"""What Linux, macOS and Windows do each in their own way: who has a file to himself, and whether a process runs."""

from __future__ import annotations

import os
import time
from typing import IO, Any

# Windows locks bytes, and nobody else can read them then: one that no file has.
_BYTE = 1 << 30
_PAUSE_S = 0.05
_STILL_ACTIVE, _QUERY = 259, 0x1000


def lock(file: IO[Any], wait: bool = True) -> None:
    """Have `file` alone until it is closed; an OSError if somebody else has it, and `wait` is not meant."""
    try:
        import fcntl
    except ImportError:
        _lock_byte(file, wait)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


def _lock_byte(file: IO[Any], wait: bool) -> None:
    import msvcrt

    there: Any = msvcrt  # other systems' type stubs have nothing in it
    while True:
        place = os.lseek(file.fileno(), 0, os.SEEK_CUR)
        os.lseek(file.fileno(), _BYTE, os.SEEK_SET)
        try:
            there.locking(file.fileno(), there.LK_NBLCK, 1)
            return
        except OSError:
            if not wait:
                raise
            time.sleep(_PAUSE_S)
        finally:
            os.lseek(file.fileno(), place, os.SEEK_SET)


def runs(pid: int) -> bool:
    """Whether a process of this computer has that number. Windows' os.kill would end it, whatever the signal."""
    if os.name == "nt":
        return _runs_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def _runs_on_windows(pid: int) -> bool:
    import ctypes

    kernel: Any = getattr(ctypes, "windll").kernel32  # noqa: B009 (other systems' type stubs don't have it)
    process = kernel.OpenProcess(_QUERY, False, pid)
    if not process:
        return False
    code = ctypes.c_ulong()
    kernel.GetExitCodeProcess(process, ctypes.byref(code))
    kernel.CloseHandle(process)
    return code.value == _STILL_ACTIVE

"""What comes from elsewhere without an end in sight: JSON, numbers, files. Beyond a limit it is wrong: not awaited."""

from __future__ import annotations

import json
import math
import re
import time
from pathlib import Path
from typing import IO, Any

LARGEST_JSON = 1 << 20
DEEPEST = 32
# What every program can hold (RFC 8259, section 6).
LARGEST_NUMBER = 1 << 53
# No flash of an ESP32 is larger, and no certificate, list of settings or password comes near it.
LARGEST_FILE = 16 << 20


def parse(data: bytes | str) -> Any:
    """JSON that is no larger, deeper and greater than it may be, and whose text is text; or a ValueError."""
    if len(data) > LARGEST_JSON:
        raise ValueError(f"it has more than {LARGEST_JSON} bytes")
    text = data if isinstance(data, str) else data.decode(json.detect_encoding(data))
    text.encode()
    try:
        document = json.loads(text, parse_int=_integer, parse_float=_real, parse_constant=_no_number)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    _check_depth(document)
    if _SURROGATE.search(text):
        check_text(document)
    return document


_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def check_text(document: Any) -> None:
    """A ValueError if there is half a surrogate pair in one of its strings: no UTF-8 has that."""
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("it holds half a character (a surrogate without the other one)") from None


_TOO_DEEP = f"it is nested more than {DEEPEST} deep"


def _check_depth(document: Any) -> None:
    level, depth = [document], 0
    while level:
        if (depth := depth + 1) > DEEPEST + 1:
            raise ValueError(_TOO_DEEP)
        nested = [
            one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)
        ]
        level = [one for inner in nested for one in inner]


def _integer(digits: str) -> int:
    number = int(digits) if len(digits) < 20 else LARGEST_NUMBER + 1
    if abs(number) > LARGEST_NUMBER:
        raise ValueError("it holds a number that is too large")
    return number


def _real(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("it holds a number that is too large")
    return number


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number in JSON")


def utc(seconds: int | float | None) -> str:
    """A Unix time for people; one that no calendar has is told as the number that it is."""
    if seconds is None:
        return "never"
    try:
        return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return f"{seconds} s after 1970"


def read(file: IO[bytes]) -> bytes:
    """All of a file, unless it is larger than any that makes sense here: then a ValueError."""
    data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise ValueError(f"it has more than {LARGEST_FILE >> 20} MB")
    return data


def read_path(path: Path) -> bytes:
    with path.open("rb") as file:
        return read(file)

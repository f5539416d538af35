"""Spans of time as people type them: 30d, 12h, 45m, 90s; a bare number is days."""

from __future__ import annotations

import re

from atecc.errors import ArgumentError

_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}


def seconds(text: str, option: str) -> float:
    found = re.fullmatch(r"(\d{1,5}(?:\.\d{1,3})?)([dhms]?)", text.strip())
    if not found:
        raise ArgumentError(
            f"{option} {text} is no span of time.", "Days, hours, minutes or seconds: 30d, 12h, 45m, 90s."
        )
    return float(found[1]) * _UNITS[found[2] or "d"]

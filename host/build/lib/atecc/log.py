"""Logging with one level more: TRAFFIC shows every frame to and from the board, without its secrets."""

from __future__ import annotations

import json
import logging
from typing import Any

TRAFFIC = 5
logging.addLevelName(TRAFFIC, "TRAFFIC")

_SECRET_NAMES = {"password", "pass", "psk", "secret", "wkey", "auth", "ha1", "pin"}
_METHODS_WITH_A_SECRET_KEY = {"ATCA.SetKey"}


def is_secret(name: str) -> bool:
    """Whether what goes by this name is kept out of logs and command lines."""
    return name.lower() in _SECRET_NAMES


def traffic(logger: logging.Logger, arrow: str, frame: bytes) -> None:
    """Log a frame; costs nothing unless somebody looks."""
    if logger.isEnabledFor(TRAFFIC):
        logger.log(TRAFFIC, "%s %s", arrow, redacted(frame))


def redacted(frame: bytes) -> str:
    """The frame as text, secrets replaced; what is not JSON is not shown at all, since it can't be judged."""
    try:
        document = json.loads(frame)
    except ValueError:
        return f"<{len(frame)} bytes that are not JSON>"
    method = document.get("method") if isinstance(document, dict) else None
    names = _SECRET_NAMES | ({"key"} if method in _METHODS_WITH_A_SECRET_KEY else set())
    return json.dumps(_without(document, names))


def _without(value: Any, names: set[str]) -> Any:
    if isinstance(value, dict):
        return {k: "…" if k.lower() in names else _without(v, names) for k, v in value.items()}
    if isinstance(value, list):
        return [_without(item, names) for item in value]
    return value

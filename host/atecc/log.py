"""Logging with one level more: TRAFFIC shows every frame to and from the board, without its secrets.

What is a secret is told by its name, wherever it stands, and what somebody's application sends or keeps is never shown.
"""

from __future__ import annotations

import json
import logging
import re
from typing import Any

from atecc.bounded import parse

TRAFFIC = 5
logging.addLevelName(TRAFFIC, "TRAFFIC")

# Names that have one of these in them, and names of which one of these is a word.
_PARTS = ("pass", "pwd", "psk", "secret", "private", "credential")
_WORDS = {"wkey", "auth", "ha1", "pin", "sas"}
# Not for a log either, though they may stand on a command line: most keys there are file names.
_HIDDEN = {"key", "token", "response"}
# Files, slots, and messages; an error has a message as well, which is for people.
_PAYLOAD = {"data", "message"}
# A key that is none: how to come by one, and the name of a setting.
_PLAIN = {("Identity.Begin", "key"), ("Config.Get", "key")}
_KEYS = {("ATCA.SetKey", "key")}


def is_secret(name: str, method: str = "") -> bool:
    """Whether what goes by this name, a parameter's or a setting's, is kept out of logs and command lines."""
    lower = name.lower()
    return (method, name) in _KEYS or any(part in lower for part in _PARTS) or bool(_words(lower) & _WORDS)


def secrets_in(params: Any, method: str = "") -> list[str]:
    """The names of the secrets that have a value somewhere in `params`."""
    if isinstance(params, list):
        return [name for one in params for name in secrets_in(one, method)]
    if not isinstance(params, dict):
        return []
    inner = [name for value in params.values() for name in secrets_in(value, method)]
    return [name for name, value in params.items() if value and is_secret(name, method)] + inner


def traffic(logger: logging.Logger, arrow: str, frame: bytes, to: bytes = b"") -> None:
    """Log a frame, or the reply `to` one; costs nothing unless somebody looks."""
    if logger.isEnabledFor(TRAFFIC):
        logger.log(TRAFFIC, "%s %s", arrow, redacted(frame, to))


def redacted(frame: bytes, to: bytes = b"") -> str:
    """The frame as text, secrets replaced; what is not JSON is not shown at all, since it can't be judged."""
    try:
        document, request = parse(frame), parse(to or b"{}")
    except ValueError:
        return f"<{len(frame)} bytes that are not JSON>"
    if not isinstance(document, dict):
        return f"<{len(frame)} bytes that are no frame>"
    method = str(document.get("method") or request.get("method"))
    if method == "Config.Get" and is_secret(str((request.get("params") or {}).get("key"))):
        document["result"] = "…"  # the value alone, without its name
    return json.dumps(_shown(document, method), ensure_ascii=False)


def _shown(value: Any, method: str, name: str = "", inside: str = "") -> Any:
    """A value that goes by this name `inside` another one."""
    if value and _is_hidden(name, method):
        return "…"
    if isinstance(value, dict):
        return {inner: _shown(one, method, inner, name) for inner, one in value.items()}
    if isinstance(value, list):
        return [_shown(one, method, "", name) for one in value]
    if name in _PAYLOAD and isinstance(value, str) and inside != "error":
        return f"<{len(value)} characters>"
    return "…" if isinstance(value, str) and "PRIVATE KEY" in value else value


def _is_hidden(name: str, method: str) -> bool:
    if (method, name) in _PLAIN:
        return False
    return is_secret(name, method) or bool(_words(name.lower()) & _HIDDEN)


def _words(name: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", name))

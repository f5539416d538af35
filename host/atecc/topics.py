"""What may be a part of an MQTT topic (MQTT 3.1.1, sections 1.5.3 and 4.7), as in firmware/link/topics.py.

A broker hangs up on who sends anything else.
"""

from __future__ import annotations

from atecc.errors import ArgumentError

NAME_MAX = 128


def check_name(text: str, what: str) -> str:
    """The text, if it can be the name of a device or a thing, or a client ID; `what` it is."""
    if not 0 < _size(text) <= NAME_MAX or any(c in "/+#" or not _is_fine(c) for c in text) or text[0] == "$":
        raise ArgumentError(
            f"{text!r} can't be {what}.",
            f"It becomes a part of MQTT topics: 1 to {NAME_MAX} bytes without control characters, / + and #, and "
            "without $ in front.",
        )
    return text


def _size(text: str) -> int:
    return len(text.encode(errors="replace"))


def _is_fine(character: str) -> bool:
    """Neither a control character, nor half of a pair, nor what Unicode calls a noncharacter."""
    code = ord(character)
    control = code < 0x20 or 0x7F <= code <= 0x9F
    nothing = 0xD800 <= code <= 0xDFFF or 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE
    return not control and not nothing

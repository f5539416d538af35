"""What may be an MQTT topic, a filter, or a part of one (MQTT 3.1.1, sections 1.5.3 and 4.7).

A broker hangs up on who sends anything else, so everything that becomes a topic passes here first. Each check is a
ValueError that says what is wanted.
"""

NAME_MAX = 128  # AWS IoT's limit for a thing's name, and for a client ID
TOPIC_MAX = 256  # AWS IoT's limit for a topic


def check_name(value):
    """The name of a device or a thing, or a client ID: it stands between two slashes of topics."""
    if not is_text(value, NAME_MAX) or any(c in value for c in "/+#") or value[0] == "$":
        raise ValueError(
            "a name of 1 to %d bytes that can stand in a topic: without control characters, / + and #, and without $ in"
            " front" % NAME_MAX
        )


def check_topic(value):
    """A topic to publish to."""
    if not is_text(value, TOPIC_MAX) or "+" in value or "#" in value:
        raise ValueError("a topic of 1 to %d bytes, without control characters, + and #" % TOPIC_MAX)


def check_filter(value):
    """A topic to subscribe to: + stands for a whole level, # for all that follow."""
    if not is_text(value, TOPIC_MAX) or not _has_whole_wildcards(value.split("/")):
        raise ValueError(
            "a topic filter of 1 to %d bytes, without control characters; + stands for a whole level, # for all that"
            " follow" % TOPIC_MAX
        )


def _has_whole_wildcards(levels):
    if levels[-1] == "#":
        levels.pop()
    return all(level == "+" or not ("+" in level or "#" in level) for level in levels)


def is_text(value, longest):
    """Whether it is a text of 1 to `longest` bytes of well-formed UTF-8, of characters that every broker takes."""
    return isinstance(value, str) and 0 < len(value.encode()) <= longest and all(_is_fine(c) for c in value)


def _is_fine(character):
    """Neither a control character, nor half of a pair, nor what Unicode calls a noncharacter."""
    code = ord(character)
    if code < 0x20 or 0x7F <= code <= 0x9F or 0xD800 <= code <= 0xDFFF or 0xFDD0 <= code <= 0xFDEF:
        return False
    # MicroPython's strings may hold what is no UTF-8: characters in more bytes than they need.
    return code & 0xFFFE != 0xFFFE and code <= 0x10FFFF and chr(code) == character


def matches(pattern, topic):
    """Whether `topic` is one of those that the filter `pattern` stands for."""
    wanted, levels = pattern.split("/"), topic.split("/")
    if topic[:1] == "$" and wanted[0] in ("+", "#"):
        return False
    if wanted[-1] == "#":
        wanted.pop()
        levels = levels[: len(wanted)]
    return len(wanted) == len(levels) and all(w in ("+", level) for w, level in zip(wanted, levels))

"""A request as text, taken apart with care: whoever sends it may mean ill, and memory is short."""

import json

from micropython import const

from .errors import RpcError

SIZE_MAX = const(12288)
# Whatever JSON says in 12 KB, as objects it would take twenty times that.
_VALUES_MAX = const(1024)
_LABEL_MAX = const(256)
_PART = const(512)


def parse(text):
    """(frame, None), or what can be told of the frame and the RpcError that says what is wrong with it."""
    try:
        frame = load(text)
    except RpcError as e:
        return {}, e
    if not isinstance(frame, dict) or not frame:
        return {}, RpcError("frame", "the frame is not a JSON object with a method")
    try:
        if not ("method" in frame or "result" in frame or "error" in frame):
            raise RpcError("frame", "the frame is not a JSON object with a method")
        _check_head(frame)
    except RpcError as e:
        # Of a bad head nothing is echoed, but for an id that can be.
        return {"id": frame["id"]} if _is_id(frame.get("id")) else {}, e
    return frame, None


def load(text):
    """The value that JSON `text` (str or bytes; None: too long to be kept) stands for; RpcError if it is none."""
    if text is None or len(text) > SIZE_MAX:
        raise RpcError("frame", "the frame is longer than %d bytes" % SIZE_MAX)
    try:
        if not isinstance(text, str):
            text = str(text, "utf-8")
        if _marks(text) > _VALUES_MAX and values(text) > _VALUES_MAX:
            raise RpcError("frame", "the frame has more than %d values" % _VALUES_MAX)
        if not _is_closed(text.strip()):
            raise ValueError
        return json.loads(text)
    except (ValueError, RuntimeError):
        raise RpcError("frame", "the frame is not JSON")
    except MemoryError:
        raise RpcError("memory", "there is not enough memory for this frame")


def _is_closed(text):
    """Whether what is opened first is closed last: MicroPython's parser does without that, and takes a frame whose end
    was cut off, in the middle of a number too."""
    return text[:1] not in ("{", "[") or text[-1:] == {"{": "}", "[": "]"}[text[0]]


def _marks(text):
    return text.count(",") + text.count("[") + text.count("{")


def values(text):
    """How many values JSON `text` can have at most: what begins or parts them, outside of strings."""
    count = at = 0
    while at < len(text):
        quote = text.find('"', at)
        if quote < 0:
            quote = len(text)
        for start in range(at, quote, _PART):
            count += _marks(text[start : min(start + _PART, quote)])
        at = _after_string(text, quote + 1)
    return count


def _after_string(text, at):
    """Behind the quote that ends the string in which `at` lies."""
    while True:
        quote = text.find('"', at)
        if quote < 0:
            return len(text)
        escapes = quote
        while escapes > at and text[escapes - 1] == "\\":
            escapes -= 1
        if (quote - escapes) % 2 == 0:
            return quote + 1
        at = quote + 1


def _is_id(value):
    return isinstance(value, (int, float, str)) and not isinstance(value, bool)


def is_head(value):
    """Whether it is an object whose `id` and `src` may be answered."""
    try:
        _check_head(value)
    except (RpcError, AttributeError):
        return False
    return True


def _check_head(frame):
    for name in ("src", "tag"):
        value = frame.get(name, "")
        if not isinstance(value, str) or len(value) > _LABEL_MAX:
            raise RpcError("frame", "%s: a string of at most %d characters" % (name, _LABEL_MAX))
    value = frame.get("id", 0)
    if not _is_id(value) or (isinstance(value, str) and len(value) > _LABEL_MAX):
        raise RpcError("frame", "id: a number")

"""A request as text, taken apart with care: whoever sends it may mean ill, and memory is short."""

import json

from micropython import const

from .errors import RpcError

SIZE_MAX = const(12288)
# Whatever JSON says in 12 KB, as objects it would take twenty times that.
_VALUES_MAX = const(1024)
_QUOTES_MAX = const(4096)
# A number of 12,000 digits would cost seconds: what takes time grows with their square.
_NUMBER_MAX = const(64)
_IN_NUMBERS = b"0123456789-+.eE"
_SPACE = b" \t\r\n"
_LABEL_MAX = const(256)
# What was too long to be kept begins with this; then comes so much of its beginning.
TOO_LONG = b"\0"
HEAD_MAX = const(512)
_MEMBERS_MAX = const(8)
# First bytes of characters, and the second ones (from, to before) that may not follow.
_NONE_BEHIND = (
    (b"\xc0", 0, 256),
    (b"\xc1", 0, 256),
    (b"\xe0", 0x80, 0xA0),
    (b"\xed", 0xA0, 0xC0),
    (b"\xf0", 0x80, 0x90),
    (b"\xf4", 0x90, 0xC0),
    (b"\xf5", 0, 256),
    (b"\xf6", 0, 256),
    (b"\xf7", 0, 256),
)


def parse(text):
    """(frame, None), or what can be told of the frame and the RpcError that says what is wrong with it."""
    try:
        frame = load(text)
    except RpcError as e:
        # Whoever is told without an id takes it for nothing, and waits (Mongoose OS's client, for a minute).
        return _in_front(text) if e.kind == "frame" else {}, e
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


def _in_front(text):
    """The id and src of a frame that can't be read, as far as they stand in front and may be answered."""
    start = text[:HEAD_MAX]
    start = start.encode() if isinstance(start, str) else bytes(start)
    if start[:1] == TOO_LONG:
        start = start[1:]
    found = {}
    end = start.find(b",")
    for _ in range(_MEMBERS_MAX):
        if end < 0:
            break
        try:
            frame = load(start[:end] + b"}")
        except RpcError:
            frame = None
        if is_head(frame):
            found = {name: frame[name] for name in ("id", "src") if name in frame}
        end = start.find(b",", end + 1)
    return found


def load(text):
    """The value that JSON `text` (str, bytes or memoryview) stands for; RpcError if none."""
    if len(text) > SIZE_MAX or (text and text[0] == 0):
        raise RpcError("frame", "the frame is longer than %d bytes" % SIZE_MAX)
    try:
        # Bytes: in a str each offset would be counted from the start. And without need there is no copy of it.
        data = text.encode() if isinstance(text, str) else text
        if isinstance(data, memoryview):
            data = bytes(data)
        _check(data)
        data = _joined(data)
        if max(data) < 0x80:
            return json.loads(data)
        text = str(data, "utf-8")
        if not is_utf8(data):
            raise ValueError
        return json.loads(text)
    except (ValueError, RuntimeError):
        raise RpcError("frame", "the frame is not JSON")
    except MemoryError:
        raise RpcError("memory", "there is not enough memory for this frame")


def _check(data):
    """RpcError or ValueError if the JSON in `data` (bytes) can't be, or would cost too much; it is walked over once."""
    if not _is_closed(data):
        raise ValueError
    values = quotes = at = 0
    while at < len(data):
        quote = data.find(b'"', at)
        if quote < 0:
            quote = len(data)
        for mark in (b",", b"[", b"{"):
            values += data.count(mark, at, quote)
        _check_numbers(data, at, quote)
        inside = True
        while inside:
            at = quote + 1
            quote = data.find(b'"', at)
            inside = quote >= 0 and _is_escaped(data, at, quote)
            quotes += 1
            if values > _VALUES_MAX or quotes > _QUOTES_MAX:
                raise RpcError("frame", "the frame has more than %d values" % _VALUES_MAX)
        at = quote + 1 if quote >= 0 else len(data)


def is_utf8(data):
    """Whether `data` (bytes), which MicroPython takes for UTF-8, is well-formed too (RFC 3629, section 3): no character
    in more bytes than it needs, none beyond the last, and no half of a surrogate pair."""
    if max(data, default=0) < 0x80:
        return True
    for lead, low, high in _NONE_BEHIND:
        at = data.find(lead)
        while at >= 0:
            if low <= data[at + 1] < high:
                return False
            at = data.find(lead, at + 1)
    return True


def _joined(data):
    """JSON with each pair of surrogates as the character that it stands for (RFC 8259, section 7), of which MicroPython
    would make two that are none; ValueError for half a pair."""
    if data.find(b"\\ud") < 0 and data.find(b"\\uD") < 0:
        return data
    parts = []
    start = at = 0
    while True:
        at = data.find(b"\\u", at)
        if at < 0:
            parts.append(data[start:])
            return b"".join(parts)
        first = 0 if _is_escaped(data, start, at) else _unit(data, at)
        if 0xD800 <= first < 0xE000:
            second = _unit(data, at + 6)
            if first >= 0xDC00 or not 0xDC00 <= second < 0xE000:
                raise ValueError
            parts.append(data[start:at])
            parts.append(chr(0x10000 + ((first - 0xD800) << 10) + second - 0xDC00).encode())
            start = at + 12
        at = max(start, at + 2)


def _unit(data, at):
    """The number in a \\uXXXX; 0 if there is none."""
    return int(data[at + 2 : at + 6], 16) if data[at : at + 2] == b"\\u" else 0


def _is_closed(data):
    """Whether what is opened first is closed last: MicroPython's parser does without that, and takes a frame whose end
    was cut off, in the middle of a number too."""
    start, end = 0, len(data)
    while start < end and data[start] in _SPACE:
        start += 1
    while start < end and data[end - 1] in _SPACE:
        end -= 1
    closing = {0x7B: 0x7D, 0x5B: 0x5D}.get(data[start]) if start < end else None
    return closing is None or data[end - 1] == closing


def _check_numbers(data, start, end):
    """RpcError for a number that is too long; between `start` and `end` there is no string."""
    for at in range(start, end, _NUMBER_MAX):  # a longer one holds one of these places
        first = last = at
        while first > start and data[first - 1] in _IN_NUMBERS:
            first -= 1
        while last < end and data[last] in _IN_NUMBERS:
            last += 1
            if last - first > _NUMBER_MAX:
                raise RpcError("frame", "the frame has a number of more than %d characters" % _NUMBER_MAX)


def _is_escaped(data, start, quote):
    """Whether the quote at `quote` belongs to the string that begins at `start`, or goes on there."""
    escape = quote
    while escape > start and data[escape - 1] == 0x5C:
        escape -= 1
    return (quote - escape) % 2 == 1


def _is_id(value):
    if isinstance(value, float):
        return value - value == 0  # in a reply, infinity would be no JSON
    return isinstance(value, (int, str)) and not isinstance(value, bool)


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

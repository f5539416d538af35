"""A configuration as its bytes, in the forms in which people paste them.

C arrays and other languages' literals, hex with or without blanks, 0x and leading zeros, decimal numbers, lines with
offsets in front or text behind, out of logs. What fits in two ways is refused, not guessed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from atecc.chip.config.zone import SIZE
from atecc.errors import ArgumentError

FIRST = 16
# Serial number: what people cover before they show a dump.
_SERIAL = (*range(4), *range(8, 13))
_OTHERS = {88: "an ATSHA204A's configuration has 88"}
_HOW = "`atecc chip config get --format hex` writes one that can be read back."

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*|#[^\n]*", re.DOTALL)
_LOG = re.compile(
    r"^\s*(?:[EWIDV] \(\d+\) [\w.-]+:(?:\s*0x[0-9a-f]{8}(?=\s\s))?"
    r"|\[[\d:. ]+\]|\d\d:\d\d:\d\d(?:[.,]\d+)? *->|\d\d:\d\d:\d\d[.,]\d+(?=\s))\s*"
)
_LABEL = re.compile(r"^\s*(?=[\w .()-]*[g-zG-Z_])[\w .()-]*(?:\[[\d:.]+\])?[\w .()-]*[:=](?=\s|$)")
_TEXT_BEHIND = re.compile(r"(?:\s{2,}|\t)\|.*\|?\s*$")
_OFFSET = re.compile(r"(?:^|(?<=\s))(?:0[xX])?([0-9A-Fa-f]{1,8})h?:(?=\s|$)")
_HEXDUMP = re.compile(r"^([0-9A-Fa-f]{7,8})(?=\s|$)")
_BYTE = re.compile(r"(?:0[xX]|\\x)?([0-9A-Fa-f]+)(?:[hHuU]|[uU]8)?")
_PYTHON = re.compile(r"""\bb('|")(?:\\.|(?!\1)[ -~])*\1""")
_COVERED = re.compile(r"\.\.|\?\?|\*\*|--|xx", re.IGNORECASE)


def looks_like_bytes(text: str) -> bool:
    """Whether it is rather a dump than a description: in one of those nearly all is names."""
    text = _COMMENT.sub(" ", _PYTHON.sub(_in_hex, text.lstrip("\ufeff")))
    words = re.findall(r"[^\s{}\[\]();,:\"'=]+", re.sub(r"\\x|0[xX]|(?<=[0-9A-Fa-f])-", " ", text))
    found = sum(len(word) for word in words if _BYTE.fullmatch(word) or _COVERED.fullmatch(word))
    return found > 3 and 3 * found > sum(map(len, words))


def parse(text: str) -> bytes:
    """128 bytes; of a dump that begins at byte 16 the first ones are zero. ArgumentError says what it is instead."""
    text = _PYTHON.sub(_in_hex, text)
    lines = [line for line in _plain(text).splitlines() if line.strip()]
    lines, first = _without_offsets(lines)
    words = [word for line in lines for word in line.replace(":", " ").split()]
    if not words:
        raise ArgumentError("That is not a configuration: there is no byte in it.", _HOW)
    data = list(_bytes_of(words))
    if len(data) not in (SIZE, SIZE - FIRST) or (len(data) != SIZE - (first or 0) and first is not None):
        raise _wrong_size(len(data), words, first)
    if len(data) == SIZE - FIRST:
        data = [*bytes(FIRST), *data]
    covered = [at for at, byte in enumerate(data) if byte is None]
    if any(at not in _SERIAL for at in covered):
        raise ArgumentError(
            f"Byte {next(at for at in covered if at not in _SERIAL)} is covered: of a configuration only the serial "
            f"number may be (bytes 0 to 3, 8 to 12)."
        )
    return bytes(byte or 0 for byte in data)


def _in_hex(literal: re.Match[str]) -> str:
    try:
        return " ".join(f"{byte:02x}" for byte in ast.literal_eval(literal[0]))
    except (SyntaxError, ValueError):
        return literal[0]


def _plain(text: str) -> str:
    """Without comments, punctuation, a declaration around, and what a log puts in front of its lines."""
    text = _COMMENT.sub(" ", text.lstrip("\ufeff"))
    inside = re.search(r"[{\[(](?=[^{}\[\]()]*[,\\])([^{}\[\]()]*)[}\])]", text)
    if inside and len(inside[1]) > len(text) // 2:
        text = inside[1]
    lines = (_TEXT_BEHIND.sub("", _LABEL.sub("", _LOG.sub("", line))) for line in text.splitlines())
    text = "\n".join(
        re.sub(r"^(\s*)([0-9A-Fa-f]{8}:(?: [0-9A-Fa-f]{2,4}){1,16})  .*$", r"\1\2", one) for one in lines
    )
    text = re.sub(r"[\"'`>{}\[\]();,]", " ", text)
    return re.sub(r"(?<=\S)(?=\\x|0[xX])|(?<=[0-9A-Fa-f])-(?=[0-9A-Fa-f])", " ", text)


def _without_offsets(lines: list[str]) -> tuple[list[str], int | None]:
    """The lines without the offsets in them, and where they say that the bytes begin: at 0 or 16."""
    pattern = _OFFSET if sum(bool(_OFFSET.search(line)) for line in lines) > 1 else _HEXDUMP
    if sum(bool(pattern.search(line)) for line in lines) < 2:
        return lines, None
    places, at, rest = [], 0, []
    for line in lines:
        cut = 0
        for match in pattern.finditer(line):
            at += _count(line[cut : match.start()])
            places.append((match[1], at))
            cut = match.end()
        at += _count(line[cut:])
        rest.append(pattern.sub(" ", line))
    for base in (16, 10, 8):
        for first in (0, FIRST):
            if all(_number(text, base) == first + place for text, place in places):
                return [line for line in rest if line.strip()], first
    raise ArgumentError(
        "The offsets in front of the bytes don't fit: there are bytes too few or too many between them.",
        "Without offsets it is read as well, as 128 bytes in hex digits.",
    )


def _number(text: str, base: int) -> int | None:
    try:
        return int(text, base)
    except ValueError:
        return None


def _count(text: str) -> int:
    """How many bytes stand there."""
    return sum(max(1, len(re.sub(r"^(0[xX]|\\x)", "", word)) // 2) for word in text.split())


def _bytes_of(words: list[str]) -> Iterator[int | None]:
    if _is_decimal(words):
        yield from (int(word) for word in words)
        return
    for word in words:
        match = _BYTE.fullmatch(word)
        if _COVERED.fullmatch(word):
            yield None
        elif not match:
            raise ArgumentError(f"That is not a configuration in hex digits: {word[:20]!r} is no byte.", _HOW)
        elif len(match[1]) < 3:
            yield int(match[1], 16)
        elif len(match[1]) % 2:
            raise ArgumentError(
                f"That is not a configuration in hex digits: {word[:20]!r} has {len(match[1])} of them, and two make a "
                "byte.",
                "Glued together, each byte needs two digits: 0A, not A.",
            )
        else:
            yield from bytes.fromhex(match[1])


def _is_decimal(words: list[str]) -> bool:
    """Only where it can't be hex: three digits, and none above 255."""
    numbers = all(word.isdecimal() and len(word) <= 3 and int(word) < 256 for word in words)
    return numbers and any(len(word) == 3 for word in words)


def _wrong_size(count: int, words: list[str], first: int | None) -> ArgumentError:
    part = {
        None: f" (or {SIZE - FIRST}, from byte {FIRST} on)",
        FIRST: f" ({SIZE - FIRST} from byte {FIRST} on)",
    }
    said = f"That is not a configuration: one has {SIZE} bytes{part.get(first, '')}, this one has"
    what = f" ({_OTHERS[count]})" if count in _OTHERS else ""
    if len(words) > 1 and any(len(word) == 1 for word in words):
        return ArgumentError(f"{said} {count}{what}.", "Some bytes have one digit only: are they whole?")
    return ArgumentError(f"{said} {count}{what}.", _HOW)

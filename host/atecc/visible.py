"""Text from elsewhere, as it may be shown: what a terminal would act on, and what nobody would see, is written out.

Names of networks, messages, errors, files and certificates are whatever somebody else wants them to be.
"""

from __future__ import annotations

import codecs
import re
import unicodedata

# Control and format characters (of these are the ones that turn text round), surrogates, line and paragraph separators.
_WRITTEN_OUT = {"Cc", "Cf", "Cs", "Zl", "Zp"}


class _Shown(dict[int, str]):
    """What stands for a character, for str.translate; `kept` stand for themselves."""

    def __init__(self, kept: str = "") -> None:
        super().__init__({ord(one): one for one in kept})

    def __missing__(self, code: int) -> str:
        one = chr(code)
        hidden = unicodedata.category(one) in _WRITTEN_OUT
        self[code] = one.encode("unicode_escape").decode() if hidden else one
        return self[code]


_IN_LINE, _IN_BLOCK = _Shown(), _Shown(kept="\n\t")


def line(text: str) -> str:
    r"""One line: control and format characters as `\x1b`, `\n`, `\u202e`."""
    return text if text.isprintable() else text.translate(_IN_LINE)


def block(text: str) -> str:
    """Text whose line breaks and tabs stay; everything else as in `line`."""
    return text if text.isprintable() else text.translate(_IN_BLOCK)


class Prompt:
    """What a board's prompt prints, made harmless on its way to a terminal.

    It may ring, go back in its line, erase the rest of it, and use colours: MicroPython's line editing does that.
    Everything else that a terminal would act on is written out; a sequence that is cut in two is put together.
    """

    _KEPT = _Shown(kept="\a\b\t\n\r")
    _MAY = re.compile(r"\x1b\[(?:\d{0,3}[CDK]|[\d;]{0,20}m)")
    _BEGUN = re.compile(r"\x1b(?:\[[\d;]{0,20})?\Z")

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("backslashreplace").decode
        self._held = ""

    def harmless(self, data: bytes) -> bytes:
        """What of `data`, and of what was held back before, can be shown now."""
        text = self._held + self._decode(data)
        begun = self._BEGUN.search(text)
        self._held = text[begun.start() :] if begun else ""
        text = text[: begun.start()] if begun else text
        out, end = [], 0
        for found in self._MAY.finditer(text):
            out += [text[end : found.start()].translate(self._KEPT), found[0]]
            end = found.end()
        out.append(text[end:].translate(self._KEPT))
        return "".join(out).encode(errors="backslashreplace")

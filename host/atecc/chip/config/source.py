"""A YAML file whose every value knows its line, so that an error can say where it is.

Values are taken as they are written: `off`, `0x60` and `0f 0f` mean what the reader of a field says, not
what YAML's own rules would make of them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import yaml

from atecc.errors import ArgumentError

_YES = {"yes", "true", "on"}
_NO = {"no", "false", "off"}


@dataclass(frozen=True)
class Value:
    """A node of the file. `path` is what people call it (slot 5, read-key), `line` where its name stands."""

    node: yaml.Node
    file: str
    path: str = ""
    line: int = 0

    def error(self, text: str, hint: str = "") -> ArgumentError:
        place = f"{self.file}, line {self.line or self.node.start_mark.line + 1}"
        return ArgumentError(f"{place}: {f'{self.path}: ' if self.path else ''}{text}", hint)

    @property
    def text(self) -> str:
        """A plain value as it is written."""
        if not isinstance(self.node, yaml.ScalarNode):
            raise self.error("one value is expected here, not a list or a table.")
        return str(self.node.value).strip()

    def number(self, most: int, least: int = 0) -> int:
        try:
            number = int(self.text, 0)
        except ValueError:
            raise self.error(f"{self.text!r} is no number like 5 or 0x05.") from None
        if not least <= number <= most:
            bounds = (f"0x{least:02x}", f"0x{most:02x}") if most > 99 else (str(least), str(most))
            raise self.error(f"{self.text} is not between {bounds[0]} and {bounds[1]}.")
        return number

    def flag(self) -> bool:
        word = self.text.lower()
        if word not in _YES | _NO:
            raise self.error(f"{self.text!r} is neither yes nor no.")
        return word in _YES

    def choice(self, words: Iterable[str]) -> str:
        known = list(words)
        if self.text not in known:
            raise self.error(f"{self.text!r} is not known here.", one_of(self.text, known))
        return self.text

    def octets(self, count: int | None = None) -> bytes:
        """Bytes in hex, with any blanks; a slash may part them."""
        try:
            data = bytes.fromhex(re.sub(r"[\s:/]", "", self.text))
        except ValueError:
            raise self.error(f"{self.text!r} are no bytes in hex, like `87 20`.") from None
        if count is not None and len(data) != count:
            raise self.error(f"{count} bytes in hex are expected, not {len(data)}.")
        return data

    @property
    def is_list(self) -> bool:
        return isinstance(self.node, yaml.SequenceNode)

    def items(self) -> Iterator[Value]:
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.error("a list is expected here, like [a, b].")
        for node in self.node.value:
            yield Value(node, self.file, self.path)

    def entries(self) -> dict[str, Value]:
        """A table by its keys; a key that is there twice is an error, not a winner and a loser."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.error("a table of names and values is expected here.")
        found: dict[str, Value] = {}
        for key, node in self.node.value:
            name = Value(key, self.file, self.path).text
            path = f"{self.path}, {name}" if self.path else name
            if name in found:
                raise Value(key, self.file, path).error("is there twice.")
            found[name] = Value(node, self.file, path, key.start_mark.line + 1)
        return found

    def renamed(self, path: str) -> Value:
        return Value(self.node, self.file, path, self.line)


def one_of(word: str, known: Iterable[str]) -> str:
    """A hint: what was meant, or what there is."""
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1)
    return f"Is {close[0]!r} meant?" if close else f"There is: {', '.join(names)}."


def reject_unknown(entries: dict[str, Value], known: Iterable[str]) -> None:
    names = list(known)
    for name, value in entries.items():
        if name not in names:
            raise value.error("there is no such field here.", one_of(name, names))


def compose(text: str, file: str) -> Value:
    """The file's one document."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise ArgumentError(f"{file}{line}: this is not YAML: {error.problem or error.context}.") from error
    except yaml.YAMLError as error:
        raise ArgumentError(f"{file}: this is not YAML: {error}.") from error
    except RecursionError:
        raise ArgumentError(f"{file}: this is nested too deeply for a configuration.") from None
    if node is None:
        raise ArgumentError(f"{file} is empty: there is no configuration in it.")
    return Value(node, file)

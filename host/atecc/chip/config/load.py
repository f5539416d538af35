"""A configuration from wherever it is written down: our YAML, Mongoose OS's, its bytes, or a preset's name."""

from __future__ import annotations

import os
from pathlib import Path

from atecc.chip.config import document, dump, mongoose
from atecc.chip.config.document import Configuration
from atecc.chip.config.presets import PRESETS, labels_of, preset
from atecc.chip.config.source import compose
from atecc.chip.config.zone import SIZE, ConfigZone
from atecc.errors import ArgumentError

BIGGEST = 256 * 1024


def load(name: str) -> Configuration:
    """A file; or, where there is none of that name, a preset."""
    path = Path(name)
    if name in PRESETS and not os.path.exists(path):
        return preset(name)
    data = _content(path)
    if len(data) in (SIZE, SIZE - dump.FIRST) and not data.isascii():
        return _of_bytes(data.rjust(SIZE, b"\0"), path.name)
    return loads(_text(data, path), path.name)


def loads(text: str, file: str) -> Configuration:
    """Bytes where there is hardly anything else; else YAML or JSON, of Mongoose OS or our own."""
    if not dump.looks_like_bytes(text):
        return _of_yaml(_as_yaml(text.lstrip("\ufeff")), file)
    try:
        return _of_bytes(dump.parse(text), file)
    except ArgumentError as error:
        raise ArgumentError(f"{file}: {error.message}", error.hint) from error


def _of_bytes(data: bytes, file: str) -> Configuration:
    zone = ConfigZone(data)
    return Configuration(zone, labels_of(zone), source=file)


def _as_yaml(text: str) -> str:
    """JSON is YAML, but for tabs."""
    return text.replace("\t", "  ") if text.lstrip().startswith("{") else text


def _of_yaml(text: str, file: str) -> Configuration:
    whole = compose(text, file)
    if not mongoose.is_mongoose(whole):
        return document.of_document(whole)
    found = mongoose.of_document(whole)
    return Configuration(found.zone, labels_of(found.zone), source=file)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(BIGGEST + 1)
        if len(data) > BIGGEST:
            raise ArgumentError(f"{path} is far too large for a configuration.")
        return data
    except OSError as error:
        hint = f"Presets: {', '.join(PRESETS)}." if "." not in path.name else ""
        raise ArgumentError(f"{path} can't be read: {error.strerror}.", hint) from error


def _text(data: bytes, path: Path) -> str:
    """UTF-8; or what Windows makes of a text: UTF-16, or its own characters in a comment."""
    codecs = ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8", "cp1252")
    for codec in codecs:
        try:
            text = data.decode(codec)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text.replace("\r\n", "\n").replace("\r", "\n")
    raise ArgumentError(f"{path} is not a text file.")
